package storagetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/storage"
)

// Stored holds the type of a collection to bodies that an earlier release stored:
// those of the file that is named after its kind, one to a line, in testdata/stored.
// Each decodes, and nothing of it is lost when it is stored again. No part of the
// type is generated from a document: a change of that would change what stores hold.
func Stored[T any](t *testing.T, c storage.Collection[T]) {
	t.Helper()
	if generated := generatedIn(reflect.TypeFor[T](), map[reflect.Type]bool{}); generated != "" {
		t.Errorf("%s: records hold the generated type %s", c.Kind, generated)
	}
	text, err := os.ReadFile(filepath.Join("testdata", "stored", strings.ReplaceAll(c.Kind, " ", "-")+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, len(text)+1)
	n := 0
	for ; lines.Scan(); n++ {
		var value T
		var was, is any
		if err := json.Unmarshal(lines.Bytes(), &value); err != nil {
			t.Errorf("%s, line %d: %v", c.Kind, n+1, err)
			continue
		}
		again, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(lines.Bytes(), &was); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(again, &is); err != nil {
			t.Fatal(err)
		}
		if lost := lostOf(was, is, ""); lost != "" {
			t.Errorf("%s, line %d: %s is lost: %s", c.Kind, n+1, lost, again)
		}
	}
	if err := lines.Err(); err != nil || n == 0 {
		t.Errorf("%s: %d bodies, %v", c.Kind, n, err)
	}
}

// lostOf is the pointer of something in was that is not in is, "" if all is there.
func lostOf(was, is any, pointer string) string {
	switch was := was.(type) {
	case map[string]any:
		now, _ := is.(map[string]any)
		for name, value := range was {
			if _, there := now[name]; !there {
				return pointer + "/" + name
			}
			if lost := lostOf(value, now[name], pointer+"/"+name); lost != "" {
				return lost
			}
		}
		return ""
	case []any:
		now, _ := is.([]any)
		if len(now) != len(was) {
			return pointer
		}
		for i := range was {
			if lost := lostOf(was[i], now[i], fmt.Sprintf("%s/%d", pointer, i)); lost != "" {
				return lost
			}
		}
		return ""
	}
	if !reflect.DeepEqual(was, is) {
		return pointer
	}
	return ""
}

// generatedIn names a generated type that values of a type hold, "" if there is none.
func generatedIn(of reflect.Type, seen map[reflect.Type]bool) string {
	if seen[of] {
		return ""
	}
	seen[of] = true
	if strings.Contains(of.PkgPath()+"/", "/understudy/gen/") {
		return of.String()
	}
	var parts []reflect.Type
	switch of.Kind() { //nolint:exhaustive // the others have no parts
	case reflect.Map:
		parts = []reflect.Type{of.Key(), of.Elem()}
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Chan:
		parts = []reflect.Type{of.Elem()}
	case reflect.Struct:
		for field := range of.Fields() {
			parts = append(parts, field.Type)
		}
	}
	for _, part := range parts {
		if found := generatedIn(part, seen); found != "" {
			return found
		}
	}
	return ""
}
