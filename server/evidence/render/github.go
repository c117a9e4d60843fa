package render

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/evidence"
)

// writeGitHub writes workflow commands, which GitHub shows as annotations. It shows
// the first ten of each level of a step, so the list is bounded, too.
func writeGitHub(b *bytes.Buffer, v *view) error {
	for _, level := range []struct {
		command    string
		violations []evidence.RecordedViolation
		most       int
	}{
		{"error", v.verdict.Failures, maxFailures},
		{"warning", slices.Concat(v.verdict.Warnings, v.verdict.Unserved), maxWarnings},
	} {
		causes := evidence.Causes(level.violations)
		shown := causes[:min(level.most, len(causes))]
		for i := range shown {
			x := &shown[i].RecordedViolation
			message := x.Message + "\n" + operation(x) + ", " + field(x) + ", " + x.Rule + ": " + strings.Join(details(x), "; ")
			if line := again(x); line != "" {
				message += "\n" + line
			}
			if others := shared(&shown[i], maxPlaces); others != "" {
				message += "\n" + others
			}
			annotate(b, level.command, x.Document.File, x.Document.Line, operation(x)+": "+field(x)+" ("+x.Rule+")", message)
		}
		rest := 0
		for _, c := range causes[len(shown):] {
			rest += 1 + len(c.Others)
		}
		if rest > 0 {
			annotate(b, level.command, "", 0, v.o.Title, "And "+kinds(rest)+" more.")
		}
	}
	if v.verdict.Short {
		annotate(b, "error", "", 0, "Coverage", "Coverage: "+v.coverage()+"; "+v.shortfall()+".")
	}
	command := "notice"
	if !v.ok() {
		command = "error"
	}
	annotate(b, command, "", 0, v.o.Title, v.headline()+" Coverage: "+v.coverage()+".")
	return nil
}

var (
	// What the runner decodes again, in messages and in properties.
	messageEscapes  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func annotate(b *bytes.Buffer, command, file string, line int, title, message string) {
	b.WriteString("::" + command + " ")
	if file != "" {
		b.WriteString("file=" + propertyEscapes.Replace(clean(file)) + ",")
		if line > 0 {
			b.WriteString("line=" + strconv.Itoa(line) + ",")
		}
	}
	b.WriteString("title=" + propertyEscapes.Replace(clean(title)) + "::")
	lines := strings.Split(message, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	b.WriteString(messageEscapes.Replace(strings.Join(lines, "\n")))
	b.WriteByte('\n')
}
