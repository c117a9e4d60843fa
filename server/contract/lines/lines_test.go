package lines

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"testing"
)

func TestTable(t *testing.T) {
	places := map[string]Place{"": {"a.yaml", 1}, "/x\ty": {"a.yaml", 3}, "/elsewhere": {"c.yaml", 1}}
	for i := range 300 {
		places["/a/"+strconv.Itoa(i)] = Place{[]string{"a.yaml", "b.yaml"}[i%2], i + 1}
		places["/é/"+strconv.Itoa(i)+"/~1"] = Place{"b.yaml", i + 1}
	}
	table := Read(Encode(places, "a.yaml", "b.yaml"))
	for _, pointer := range slices.Sorted(maps.Keys(places)) {
		got, ok := table.Find(pointer)
		if known := pointer != "/x\ty" && pointer != "/elsewhere"; ok != known || known && got != places[pointer] {
			t.Errorf("%q: %v %t, want %v", pointer, got, ok, places[pointer])
		}
	}
	for pointer, want := range map[string]Place{
		"/x\ty":     places[""],
		"/a":        places[""],
		"/a/7/b/c":  places["/a/7"],
		"/a/77":     places["/a/77"],
		"/é/3/~1/z": places["/é/3/~1"],
		"/zzz":      places[""],
	} {
		if got, ok := table.Nearest(pointer); !ok || got != want {
			t.Errorf("nearest of %q: %v %t, want %v", pointer, got, ok, want)
		}
	}
	first, _ := table.Order("/a/298")
	second, _ := table.Order("/a/1")
	if first >= second {
		t.Error("the order is not that of the files")
	}
}

// A table that was not written by Encode names no file that it does not list.
func FuzzRead(f *testing.F) {
	f.Add([]byte("a.yaml\n\n\t0:1\n/a\t0:2\n/b\t0:x\n/c\t9:1\n/d\n"), "/a")
	f.Add([]byte("\n"), "")
	f.Add([]byte("a"), "/a")
	f.Fuzz(func(t *testing.T, text []byte, pointer string) {
		if at, ok := Read(text).Nearest(pointer); ok && !bytes.Contains(text, []byte(at.File+"\n")) {
			t.Errorf("%v", at)
		}
	})
}
