package app

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/understudy-api/understudy/storage/storagetest"
)

// Every package that keeps records holds what an earlier release stored of them.
func TestRecordsAreHeld(t *testing.T) {
	folders, err := filepath.Glob("../*")
	if err != nil {
		t.Fatal(err)
	}
	kinds := 0
	for _, folder := range folders {
		declared, err := storagetest.Kinds(folder)
		if err != nil {
			t.Error(err)
		}
		if kinds += len(declared); len(declared) == 0 {
			continue
		}
		tests, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		held := false
		for _, name := range tests {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			held = held || bytes.Contains(text, []byte("storagetest.Stored(t, "))
		}
		if !held {
			t.Errorf("%s keeps %v, and no test of it calls storagetest.Stored", folder, declared)
		}
	}
	if kinds < 30 {
		t.Errorf("found %d kinds", kinds)
	}
}
