package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/understudy-api/understudy/server/evidence/render"
)

// say writes what a command has to say beside its output: every line begins with the
// program's name, and nothing in it steers a terminal or a CI system, whoever wrote what
// it repeats.
func say(w io.Writer, format string, args ...any) {
	for line := range strings.SplitSeq(strings.TrimSuffix(fmt.Sprintf(format, args...), "\n"), "\n") {
		fmt.Fprintln(w, "understudy: "+render.Clean(line))
	}
}

// show writes lines of a command's output that repeat what others wrote.
func show(w io.Writer, text string) {
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		fmt.Fprintln(w, render.Clean(line))
	}
}
