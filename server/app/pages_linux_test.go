package app

import (
	"bytes"
	"fmt"
	"os"
	"testing"
)

// What a start came past is not resident any more.
func TestLetGoOfStart(t *testing.T) {
	resident := func() (kib int) {
		t.Helper()
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		_, rest, found := bytes.Cut(status, []byte("\nRssFile:"))
		if _, err := fmt.Sscanf(string(rest), "%d kB", &kib); !found || err != nil {
			t.Skip("the kernel does not tell RssFile")
		}
		return kib
	}
	memory, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = memory.Close() })
	for _, p := range programParts() {
		for at := p.begin; at < p.end; at += 4096 {
			if _, err := memory.ReadAt(make([]byte, 1), int64(at)); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := resident()
	letGoOfStart()
	if after := resident(); after > before/2 {
		t.Errorf("%d of %d KiB are resident", after, before)
	}
}
