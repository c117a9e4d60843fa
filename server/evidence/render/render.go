// Package render writes a report down: for a terminal, for a person's browser, and
// in the forms that CI systems read. All renderings of one report come from the
// same verdict and name violations with the same words; docs/report.md says what
// each holds.
package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/understudy-api/understudy/server/evidence"
)

// Options are how a report is judged and shown. The zero value fails on violations,
// asks for no coverage and writes plain text.
type Options struct {
	evidence.Judging           // an empty FailOn means FailOnViolations
	Colour           bool      // whether the table may use colours and text beyond ASCII
	Width            int       // of the terminal; 0 means 100
	Now              time.Time // when the report is rendered; not shown if zero
	Title            string    // "Understudy report" if empty
	// Ended says how the command ended whose requests are judged, if it did not end
	// well: "ended with 7". The job fails then, whatever the verdict is.
	Ended string
	// Unfinished says what a run did not come to that ended before its end. Nothing then
	// says that it passed.
	Unfinished string
}

// Format is a form that a report can be written in.
type Format string

// The formats.
const (
	Table    Format = "table"
	JSON     Format = "json"
	JUnit    Format = "junit"
	SARIF    Format = "sarif"
	HTML     Format = "html"
	Markdown Format = "markdown"
	GitHub   Format = "github"
)

var formats = []struct {
	format Format
	write  func(*bytes.Buffer, *view) error
}{
	{Table, writeTable},
	{JSON, writeJSON},
	{JUnit, writeJUnit},
	{SARIF, writeSARIF},
	{HTML, writeHTML},
	{Markdown, writeMarkdown},
	{GitHub, writeGitHub},
}

// Formats returns the names of all formats.
func Formats() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = string(f.format)
	}
	return names
}

// Parse returns the format of that name.
func Parse(name string) (Format, bool) {
	for _, f := range formats {
		if string(f.format) == name {
			return f.format, true
		}
	}
	return "", false
}

// Write writes the report to w, all of it or, if it cannot be rendered, nothing.
// It does not change the report.
func Write(w io.Writer, f Format, r *evidence.Report, o Options) error {
	for _, known := range formats {
		if known.format != f {
			continue
		}
		var b bytes.Buffer
		if err := known.write(&b, newView(r, o)); err != nil {
			return fmt.Errorf("rendering the report as %s: %w", f, err)
		}
		_, err := w.Write(b.Bytes())
		return err
	}
	return fmt.Errorf("rendering the report: no format is called %q", string(f))
}

// writeJSON writes the report itself. Lists are never null.
func writeJSON(b *bytes.Buffer, v *view) error {
	r := *v.Report
	if r.Schema == "" {
		r.Schema = evidence.SchemaURI
	}
	r.Operations = append([]evidence.RecordedOperation{}, r.Operations...)
	for i := range r.Operations {
		o := &r.Operations[i]
		o.Rows, o.Undeclared = list(o.Rows), list(o.Undeclared)
		o.Parameters, o.Enums, o.Properties = list(o.Parameters), list(o.Enums), list(o.Properties)
	}
	r.Violations = append([]evidence.RecordedViolation{}, r.Violations...)
	for i := range r.Violations {
		r.Violations[i].Exchanges = list(r.Violations[i].Exchanges)
	}
	return encode(b, &struct {
		*evidence.Report
		Verdict verdict       `json:"verdict"`
		Causes  []sharedCause `json:"causes,omitempty"`
	}{&r, verdict{Passed: v.ok(), Text: clean(v.headline())}, sharedCauses(v.Violations)})
}

// sharedCause is what several violations have in common, for a program.
type sharedCause struct {
	Rule         string   `json:"rule"`
	Message      string   `json:"message"`
	Operations   []string `json:"operations"`
	Requests     int64    `json:"requests"`
	Fingerprints []string `json:"fingerprints"`
}

func sharedCauses(violations []evidence.RecordedViolation) []sharedCause {
	var causes []sharedCause
	for _, c := range evidence.Causes(violations) {
		if len(c.Others) == 0 {
			continue
		}
		s := sharedCause{c.Rule, c.Message, list(c.Operations()), c.Met(), []string{c.Fingerprint}}
		for i := range c.Others {
			s.Fingerprints = append(s.Fingerprints, c.Others[i].Fingerprint)
		}
		causes = append(causes, s)
	}
	return causes
}

// verdict is what there is to know for a program that asks nothing else.
type verdict struct {
	Passed bool   `json:"passed"`
	Text   string `json:"text"`
}

// Headline is the verdict in one sentence, which begins with PASSED or FAILED.
func Headline(r *evidence.Report, o Options) string { return clean(newView(r, o).headline()) }

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// encode writes JSON as people read it.
func encode(b *bytes.Buffer, value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return err
	}
	// What would steer a terminal on which it is shown stands as an escape: beyond
	// ASCII there is nothing but texts.
	for _, r := range text.String() {
		switch {
		case r < utf8.RuneSelf || !hidden(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(b, `\u%04x`, r)
		}
	}
	return nil
}
