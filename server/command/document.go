package command

import (
	"strings"

	"github.com/understudy-api/understudy/server/app"
)

const documentUsage = `understudy document NAME[#POINTER]

Prints a document that is built in, with its lines numbered as reports name them: brms,
datafold or understudy (the control API), all of it or what stands at a JSON pointer
(RFC 6901).

  understudy document brms
  understudy document 'brms#/paths/~1api~1projects/post'`

// showDocument prints a document that is built in.
func showDocument(args []string, std stdio) (int, error) {
	fs := newFlagSet("document")
	if err := app.ParseFlags(fs, documentUsage, args, std.getenv, std.out); err != nil {
		return exitUsage, err
	}
	if fs.NArg() != 1 {
		return exitUsage, usageError("document: want one NAME[#POINTER], such as brms")
	}
	name, pointer, _ := strings.Cut(fs.Arg(0), "#")
	text, ok, err := app.ReadDocument(name)
	switch {
	case err != nil:
		return exitFailed, err
	case !ok:
		return exitUsage, usageError("document %q: want one of %s", name, strings.Join(app.VerifyDocuments(), ", "))
	}
	found, err := text.Write(std.out, pointer)
	if err == nil && !found {
		return exitUsage, usageError("document %s: there is nothing at %q", name, pointer)
	}
	return exitOK, err
}
