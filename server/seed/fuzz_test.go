package seed_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/storage"
)

// linesOf splits a text as YAML breaks its lines.
func linesOf(text string) []string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Split(strings.NewReplacer("\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(text), "\n")
}

// Whatever the text, reading it ends, and every mistake stands within it.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, text := range []string{
		"", "{", "workspaces: [", "a: &a [*a]", "? [x]\n: y\n", "{\"workspaces\":[{}],\"workspaces\":1}", "\ufeff{}", "a: |\n  x\r y\u2028z", "--- x\n--- y", "'", "%TAG",
		"workspaces: [{jobs: {datafold.bi.sync: {mode: clock, durations: {queued: 1s}}}}, {jobs: {datafold.bi.sync: {mode: auto, reads: {queued: -1, q: 1}}}}]",
		"workspaces: [{jobs: {datafold.bi.sync: {durations: 1}, x: {}}}]", "workspaces: [{jobs: {datafold.bi.sync: *a}}]",
		"workspaces: [{faults: [{name: a, do: {status: 1e400, body: 1e400}}]}]", "workspaces: [{datafold: {bi: [{type: mode, id: 9007199254740991}]}}]",
	} {
		f.Add(text)
	}
	s := seeder(f, nil)
	f.Fuzz(func(t *testing.T, text string) {
		_, problems, err := s.Parse(t.Context(), seed.Input{YAML: []byte(text)})
		if err != nil {
			t.Fatal(err)
		}
		lines := linesOf(text)
		for _, p := range problems {
			if p.Line < 1 || p.Line > len(lines) || p.Message == "" || !utf8.ValidString(p.Message) {
				t.Fatalf("%+v of %d lines", p, len(lines))
			}
			// Behind the last character stands what is missing; YAML may count a byte
			// order mark.
			if p.Column < 1 || p.Column > utf8.RuneCountInString(lines[p.Line-1])+2 {
				t.Fatalf("%+v: %q", p, lines[p.Line-1])
			}
		}
	})
}

// Every text survives being written and read again, as a value and as a name.
func TestTexts(t *testing.T) {
	t.Parallel()
	store := open(t)
	s := seeder(t, store)
	texts := []string{
		"", " ", "yes", "NO", "null", "~", "true", "1", "0x1F", "1e9", ".5", "1_000", "2026-01-01", "2026-01-01T00:00:00Z", "2026-99-01T00:00:00Z", "a: b", "a #b", "#", "- a", "*a", "&a", "!a",
		"@", "`", "%", "{", "[a", "'", `"`, "\\", "a\nb", "\n", " a\n b\n", "a\r\nb", "\t", "\x00", "\u0085", "\u2028", "\ufeff", "\u007f", "\ufffe", "😀", "<<", "=", "? a", "|", ">", "---", "...",
		strings.Repeat("long text ", 200), "<&>",
	}
	exported := plantTexts(t, s, texts)
	put(t, s, exported)
	if diff := cmp.Diff(exported, export(t, s, me.Workspace)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(texts, namesOf(t, store)); diff != "" {
		t.Error(diff)
	}
}

// plantTexts plants a workspace that holds each text in several places, and exports it.
func plantTexts(t *testing.T, s *seed.Seeder, texts []string) string {
	t.Helper()
	var projects []string
	for i, text := range texts {
		quoted := jsonText(text)
		projects = append(projects, fmt.Sprintf(`{"name": %s, "key": "kk-%d", "integrations": [{"name": "I", "type": "http", "kind": "k",
			"config": {"url": "u", "headers": [{%s: %s}, %s]}}]}`, quoted, i, quoted, quoted, quoted))
	}
	put(t, s, `{"workspaces": [{"clock": {"frozen": true, "now": "2026-01-01T00:00:00Z"},
		"ids": {"source": "sequential"}, "brms": {"projects": [`+strings.Join(projects, ",")+`]}}]}`)
	return export(t, s, me.Workspace)
}

func jsonText(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		return `""`
	}
	return string(quoted)
}

// namesOf are the names of the projects.
func namesOf(t *testing.T, store storage.Store) []string {
	t.Helper()
	var names []string
	if err := store.View(t.Context(), me.Workspace, func(tx storage.ReadTx) error {
		page, err := tx.List("brms.project", storage.Query{})
		for _, r := range page.Records {
			var project struct{ Name string }
			err = errors.Join(err, json.Unmarshal(r.Body, &project))
			names = append(names, project.Name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return names
}
