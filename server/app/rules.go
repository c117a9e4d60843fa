package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/storage"
)

const (
	// maxRuleFiles is how many files of decisions a folder may have.
	maxRuleFiles = 10_000
	// maxRuleFile is how long one may be, in bytes: as long as the API takes it.
	maxRuleFile = 16 << 20
	// watchInterval is how often a folder that is watched is looked at.
	watchInterval = 300 * time.Millisecond
	// standardRulesToken is the secret of their workspace where none is given.
	standardRulesToken = "rules"
)

// rulesFolder is a project that follows a folder.
type rulesFolder struct{ project, folder string }

var projectKey = regexp.MustCompile(`^[a-z0-9]{2,}(-[a-z0-9]+)*$`)

// parseRules reads the value of --rules; false if it makes no sense.
func parseRules(text string) (list []rulesFolder, ok bool) {
	if text == "" {
		return nil, true
	}
	for part := range strings.SplitSeq(text, ",") {
		project, folder, found := strings.Cut(strings.TrimSpace(part), "=")
		if !found || folder == "" || !projectKey.MatchString(project) {
			return nil, false
		}
		list = append(list, rulesFolder{project, folder})
	}
	return list, true
}

// errNotDecision is a JSON file that holds no decision.
var errNotDecision = errors.New("no decision")

// decisionFiles reads the decisions in a folder and below it, by their paths in it:
// files that end in .json and hold a graph. Names that begin with a dot are left out, and
// so is whatever is no file of its own.
func decisionFiles(folder string) (map[string][]byte, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	files := map[string][]byte{}
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(path.Base(name), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !entry.Type().IsRegular() || path.Ext(name) != ".json":
			return nil
		case len(files) == maxRuleFiles:
			return fmt.Errorf("more than %d files", maxRuleFiles)
		}
		if info, err := entry.Info(); err == nil && info.Size() > maxRuleFile {
			return fmt.Errorf("%s: more than %d bytes", name, maxRuleFile)
		}
		text, err := root.ReadFile(name)
		if err == nil {
			err = graphIn(text)
		}
		switch {
		case errors.Is(err, errNotDecision):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		}
		files[name] = text
		return nil
	})
	return files, err
}

// graphIn tells whether a text is a decision.
func graphIn(text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		if _, another := errors.AsType[*json.UnmarshalTypeError](err); another {
			return errNotDecision
		}
		return err
	}
	if !bytes.HasPrefix(bytes.TrimSpace(members["nodes"]), []byte("[")) {
		return errNotDecision
	}
	return nil
}

// publishRules makes a project what its folder has, and tells what it changed.
func (a *App) publishRules(ctx context.Context, workspace string, r rulesFolder, log *slog.Logger) error {
	files, err := decisionFiles(r.folder)
	if err == nil {
		var changed int
		err = a.store.Update(ctx, workspace, func(tx storage.Tx) (err error) {
			changed, err = brms.PublishFiles(tx, r.project, files)
			return err
		})
		if err == nil && changed > 0 {
			log.InfoContext(ctx, "rules published", "project", r.project, "folder", r.folder, "decisions", len(files), "changed", changed)
		}
	}
	if err != nil {
		return fmt.Errorf("--rules %s=%s: %w", r.project, r.folder, err)
	}
	return nil
}

// FollowRules publishes the decisions of folders, "PROJECT=FOLDER" with commas between,
// in the workspace of a secret; with watch, again whenever a file changes, until the App
// is closed. A mistake in a file ends the start; later it is logged, and what was
// published stays.
func (a *App) FollowRules(ctx context.Context, text, secret string, watch bool, log *slog.Logger) error {
	list, ok := parseRules(text)
	if !ok {
		return usageError("--rules %q: want PROJECT=FOLDER", text)
	}
	caller, _ := a.keys.Principal(secret)
	seen := make([]string, len(list))
	for i, r := range list {
		seen[i] = signature(r.folder)
		if err := a.publishRules(ctx, caller.Workspace, r, log); err != nil {
			return err
		}
	}
	if !watch || len(list) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	a.unfollow = func() {
		cancel()
		<-done
	}
	go func() {
		defer close(done)
		ticker := time.NewTicker(watchInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			for i, r := range list {
				now := signature(r.folder)
				if now == seen[i] {
					continue
				}
				seen[i] = now
				if err := a.publishRules(ctx, caller.Workspace, r, log); err != nil && ctx.Err() == nil {
					log.WarnContext(ctx, "rules not published", "error", err)
				}
			}
		}
	}()
	return nil
}

// signature changes when a file in a folder does.
func signature(folder string) string {
	var b strings.Builder
	_ = fs.WalkDir(os.DirFS(folder), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			fmt.Fprintf(&b, "%s: unreadable\n", name)
			return nil //nolint:nilerr // that it cannot be read is part of the signature
		}
		if info, err := entry.Info(); err == nil && entry.Type().IsRegular() {
			fmt.Fprintf(&b, "%s %d %d\n", name, info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	return b.String()
}
