package control

import (
	"bytes"
	"context"
	"errors"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/server/site"
)

// ExportSeed gives the workspace as a seed.
func (a *API) ExportSeed(ctx context.Context, _ understudy.ExportSeedRequestObject) (understudy.ExportSeedResponseObject, error) {
	workspace, err := own(ctx)
	if err != nil {
		return nil, err
	}
	text, err := a.o.Seeds.Export(ctx, workspace)
	if err != nil {
		return nil, err
	}
	return understudy.ExportSeed200ApplicationYamlResponse{Body: bytes.NewReader(text), ContentLength: int64(len(text))}, nil
}

// PutSeed makes workspaces what a seed says. The text is read as it came, so that
// mistakes are told with their lines.
func (a *API) PutSeed(ctx context.Context, _ understudy.PutSeedRequestObject) (understudy.PutSeedResponseObject, error) {
	result, err := a.o.Seeds.Put(ctx, seed.Input{YAML: site.BodyFrom(ctx)}, site.PrincipalFrom(ctx))
	if _, wrong := errors.AsType[seed.Mistakes](err); wrong {
		return nil, &site.Refusal{Kind: site.KindUnprocessable, Message: "The seed has mistakes; nothing was changed", Err: err}
	}
	if err != nil {
		return nil, err
	}
	return understudy.PutSeed200JSONResponse{Workspaces: result.Workspaces, Resources: result.Resources, Faults: result.Faults}, nil
}

// fileProblems are the mistakes of a seed, if that is what is wrong.
func fileProblems(err error) []understudy.FileProblem {
	mistakes, _ := errors.AsType[seed.Mistakes](err)
	problems := make([]understudy.FileProblem, len(mistakes))
	for i, m := range mistakes {
		problems[i] = understudy.FileProblem{Line: m.Line, Column: m.Column, Pointer: m.Pointer, Message: m.Message}
	}
	return problems
}
