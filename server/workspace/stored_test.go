package workspace

import (
	"os"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/storage/storagetest"
)

// What an earlier release stored is read.
func TestStored(t *testing.T) {
	storagetest.Stored(t, states)
	settings, err := os.ReadFile("testdata/stored/settings.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(settings)) {
		line = strings.TrimSuffix(line, "\n")
		read, err := parse(line)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := read.text(); err != nil || again != line {
			t.Errorf("%s, %v\nwas %s", again, err, line)
		}
	}
}
