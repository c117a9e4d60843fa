package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/control"
	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/workspace"
	"github.com/understudy-api/understudy/storage"
)

// newSeeder makes a Seeder for the served APIs. To check seeds only, it needs
// neither a store nor keys.
func newSeeder(m means, workspaces *workspace.Manager, documents func() ([]*contract.Document, error)) *seed.Seeder {
	var planted []seed.API
	for _, api := range apis(m) {
		planted = append(planted, api)
	}
	planted = append(planted, new(control.API))
	return seed.New(seed.Options{Store: m.store, Keys: m.keys, Workspaces: workspaces, Documents: documents, APIs: planted})
}

// offlineSeeder makes a Seeder that checks seeds.
func offlineSeeder() *seed.Seeder {
	documents := func() ([]*contract.Document, error) {
		var loaded []*contract.Document
		for _, source := range sources() {
			d, err := contract.Open(source)
			if err != nil {
				return nil, err
			}
			loaded = append(loaded, d)
		}
		return loaded, nil
	}
	return newSeeder(means{}, workspace.New(workspace.Options{Documents: documents}), documents)
}

// CheckSeed reads a seed and finds its mistakes, as far as they can be told without a
// server. The error is not the seed's.
func CheckSeed(ctx context.Context, text seed.Input) (*seed.Seed, seed.Mistakes, error) {
	return offlineSeeder().Parse(ctx, text)
}

// Seed plants the workspaces of a file that begin with the server. Those that hold
// anything already are left as they are, and told to the log. The error lists every
// mistake of the file with its place. A workspace without a credential is that of the
// secret, if one is given. What it gives is the secret that the file itself names, if all
// its workspaces name one.
func (a *App) Seed(ctx context.Context, file, secret string, log *slog.Logger) (string, error) {
	text, err := ReadSeed(file)
	if err != nil {
		return "", fmt.Errorf("--seed: %w", err)
	}
	var caller site.Principal
	if secret != "" {
		caller, _ = a.keys.Principal(secret)
	}
	result, err := a.seeds.Start(ctx, text, caller)
	if mistakes, wrong := errors.AsType[seed.Mistakes](err); wrong {
		return "", fmt.Errorf("the seed has mistakes:\n%s", mistakes.In(file))
	}
	if err != nil {
		return "", fmt.Errorf("seed %s: %w", file, err)
	}
	log.InfoContext(ctx, "seeded", "file", file,
		"workspaces", result.Workspaces, "resources", result.Resources, "faults", result.Faults)
	for _, pointer := range result.Kept {
		log.InfoContext(ctx, "not seeded: the workspace holds something already", "file", file, "in", pointer)
	}
	return result.Secret, nil
}

// OnlyProject is the id of the project of BRMS that the workspace of a secret holds; "" if
// it holds none, or several.
func (a *App) OnlyProject(ctx context.Context, secret string) (id string, err error) {
	caller, _ := a.keys.Principal(secret)
	err = a.store.View(ctx, caller.Workspace, func(tx storage.ReadTx) error {
		id, err = brms.OnlyProject(tx)
		return err
	})
	return id, err
}

// ReadSeed reads the file of a seed, "-" for the standard input. One that is too
// large is not read to its end. It may name files in its folder; the standard input has
// none.
func ReadSeed(file string) (text seed.Input, err error) {
	in := os.Stdin
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return text, err
		}
		defer opened.Close()
		in, text.Beside = opened, besides(filepath.Dir(file))
	}
	if text.YAML, err = io.ReadAll(io.LimitReader(in, seed.MaxBytes+1)); err != nil {
		return text, fmt.Errorf("read %s: %w", file, err)
	}
	return text, nil
}

// besides is the folder of a seed: no name and no link leads out of it, and nothing in it
// is opened that would keep the reader waiting.
type besides string

// Open opens a file. It is [fs.FS]'s.
func (b besides) Open(name string) (fs.File, error) {
	root, err := os.OpenRoot(string(b))
	if err != nil {
		return nil, err
	}
	defer root.Close() // the file outlives it
	info, err := root.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return nil, err
	}
	return root.Open(name)
}
