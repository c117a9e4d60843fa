package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"
)

// The program calls no method by a name that the linker does not know. One such call, and
// every method of every type stays in it, which is a seventh of its size and of what is
// resident: text/template makes one, and so does protobuf before 1.36 with Go 1.26.
func TestDocsLinksWhatIsCalled(t *testing.T) {
	program := filepath.Join(t.TempDir(), "understudy")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	symbols, err := exec.CommandContext(t.Context(), "go", "tool", "nm", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(symbols, []byte(" T reflect.Value.")) {
		t.Fatal("the symbols are not told")
	}
	// Nothing calls it, so that it is there if everything is.
	if bytes.Contains(symbols, []byte(" T reflect.Value.Methods\n")) {
		t.Error("every method of every type is kept: go build -ldflags=-dumpdep names what does it as <ReflectMethod>")
	}
}
