package brms

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/site"
)

// Whatever is uploaded is refused in words of ours, or is files that a release can hold.
func FuzzArchive(f *testing.F) {
	for _, entries := range [][]string{{"a", "1"}, {"../a", "{}"}, {"a/", "", "a/b", "[]"}, {"A", "1", "a", "2"}, {"", "1"}} {
		var out bytes.Buffer
		archive := zip.NewWriter(&out)
		for i := 0; i < len(entries); i += 2 {
			w, err := archive.Create(entries[i])
			if err != nil {
				f.Fatal(err)
			}
			if _, err := w.Write([]byte(entries[i+1])); err != nil {
				f.Fatal(err)
			}
		}
		if err := archive.Close(); err != nil {
			f.Fatal(err)
		}
		f.Add(out.Bytes())
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		archive, err := openArchive(text)
		var said int64
		if err == nil {
			said, err = sizeOf([]*zip.Reader{archive})
		}
		var files []uploadedFile
		if err == nil {
			files, err = filesIn([]*zip.Reader{archive})
		}
		if err != nil {
			if site.AsRefusal(err).Kind != site.KindUnprocessable {
				t.Fatal(err)
			}
			return
		}
		total := int64(0)
		for _, file := range files {
			total += int64(len(file.content))
			for name := range strings.SplitSeq(file.path, "/") {
				if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "\\\x00") {
					t.Errorf("%q", file.path)
				}
			}
			if !json.Valid(file.content) {
				t.Errorf("%q holds no JSON", file.path)
			}
		}
		if total > said || said > maxArchiveBytes {
			t.Error(total, said)
		}
	})
}

// A content as agents get it is JSON still, and has all that it had but what they read
// otherwise.
func FuzzForAgents(f *testing.F) {
	for _, text := range []string{`{"nodes":[],"contentType":"x","meta":{"a":1}}`, `{"a":1,"a":2}`, `[1]`, `{"meta":null}`, `null`, `{"\u0000é":"\ud800"}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		content, err := contentText([]byte(text), nil)
		if err != nil {
			return
		}
		got, err := forAgents(&releaseFile{Version: "v"}, content)
		if err != nil || !json.Valid(got) {
			t.Fatalf("%s: %s, %v", content, got, err)
		}
		var was, is map[string]any
		if json.Unmarshal(content, &was) != nil || was == nil {
			return
		}
		if err := json.Unmarshal(got, &is); err != nil {
			t.Fatal(err)
		}
		delete(was, "contentType")
		delete(was, "meta")
		for name := range was {
			if _, kept := is[name]; !kept {
				t.Errorf("%s: %q is lost in %s", content, name, got)
			}
		}
	})
}
