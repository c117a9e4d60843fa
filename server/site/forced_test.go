package site

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/contract"
)

// FuzzPrefer reads any header Prefer: what it asks for is within what can be done,
// and what cannot be done is said.
func FuzzPrefer(f *testing.F) {
	for _, seed := range []string{
		"code=404", `code="404", example=name, delay=200`, "delay=1e3", "delay=NaN", "delay=-1", "delay=1e308", "code=99", "code=0x190",
		"respond-async, wait=10;x=y", "CODE = 200 ; a", ",,,=", "undeclared", "code=418,undeclared", "example=", "code=404,code=200", "\x00", "code=４０４",
	} {
		f.Add(seed)
	}
	text, err := os.ReadFile("../brms/testdata/words.json")
	if err != nil {
		f.Fatal(err)
	}
	document, err := contract.Load(contract.Source{API: "words", File: "words.json", JSON: text, Lines: []byte(`{}`)})
	if err != nil {
		f.Fatal(err)
	}
	op := document.Operation(http.MethodPost, "/numbers")
	f.Fuzz(func(t *testing.T, header string) {
		force, problem := prefer(op, []string{header})
		switch {
		case problem != "":
			if force != nil {
				t.Fatalf("%q and %+v", problem, force)
			}
		case force == nil:
		case force.Status == 0 && force.Delay == 0:
			t.Fatalf("asks for nothing: %+v", force)
		case force.Status != 0 && (force.Status < 200 || force.Status > 599 || !force.Undeclared && !op.Declares(force.Status)):
			t.Fatalf("status %d", force.Status)
		case force.Delay < 0 || force.Delay > 5*time.Minute:
			t.Fatalf("delay %v", force.Delay)
		}
	})
}

// FuzzSubWorkspace reads any header and host: what comes out is a label of a host
// name, in lower case, that reads as itself.
func FuzzSubWorkspace(f *testing.F) {
	for _, seed := range [][2]string{
		{"a", ""},
		{"", "a.localhost:80"},
		{" A-b ", "x"},
		{"-", ""},
		{"", "a.b.localhost"},
		{"", ".localhost"},
		{"", "[::1]:80"},
		{"", "a.localhost."},
		{"é", "é.localhost"},
		{"", strings.Repeat("a", 64) + ".localhost"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, header, host string) {
		r := &http.Request{Host: host, Header: http.Header{}}
		if header != "" {
			r.Header[WorkspaceHeader] = []string{header}
		}
		name, ok := subWorkspace(r)
		if !ok && (name != "" && header == "") {
			t.Fatalf("%q of the host %q is refused", name, host)
		}
		if !ok || name == "" {
			return
		}
		if again, ok := ParseSubWorkspace(name); !ok || again != name || len(name) > 63 || strings.ToLower(name) != name {
			t.Fatalf("%q", name)
		}
		if got := SubWorkspace("w", name); got == SubWorkspace("w", "") {
			t.Fatalf("%q is no workspace of its own", got)
		}
	})
}
