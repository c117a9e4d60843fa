package brms

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/storage"
)

// seededFile is a file of a release in a seed: what a document is made of, its name the
// path, its content as it is written.
type seededFile struct {
	Name        string          `json:"name"`
	ContentType *string         `json:"contentType,omitempty"`
	Content     json.RawMessage `json:"content,omitempty"`
}

// semanticVersion is how versions are written.
var semanticVersion = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){2}$`)

// releaseSeeds is how a release stands in a seed: as the body that makes one, with its
// number, its version and its files. Those before it make the difference that it tells.
func releaseSeeds() *seed.Resource {
	files := &seed.Resource{
		List: "files", Name: "file", Kind: "brms.release.file",
		Creates: []seed.Create{{
			Path: "/api/projects/{projectId}/documents", Vars: anyIDs("/api/projects/{projectId}/documents"), Read: seed.Into[seededFile],
		}},
		Files: []string{"content"},
		Own: []seed.Member{
			{Name: "documentId", Kind: seed.UUID, About: "The document that it was made of"},
			{Name: "versionId", Kind: seed.UUID, About: "The version of that document"},
		},
		Check: func(entries []*seed.Entry, report seed.Report) {
			taken := map[string]bool{}
			for _, e := range entries {
				name, given := e.Text("name")
				names, err := splitPath(name)
				switch {
				case !given:
				case err != nil || strings.Join(names, "/") != name:
					report(e, "name", "This is no path of a file. Write it as folder/name.")
				case taken[strings.ToLower(name)]:
					report(e, "name", "Another file of the release has this path. Give each its own.")
				}
				taken[strings.ToLower(name)] = true
			}
		},
		Insert: func(_ storage.Tx, e *seed.Entry, _ string) (string, error) { // it is in the release
			name, _ := e.Text("name")
			return name, nil
		},
		Export: exportFiles,
	}
	const path = "/api/projects/{projectId}/releases"
	return &seed.Resource{
		List: "releases", Name: "release", Kind: releaseKind,
		Creates: []seed.Create{{Path: path, Vars: anyIDs(path), Read: seed.Into[brms.CreateReleaseRequest]}},
		Own: append(seedTimes(),
			seed.Member{Name: "version", Kind: seed.Number, About: "Its number; without it, the next one of the project"},
			seed.Member{
				Name: "semanticVersion", Kind: seed.Pattern, Form: semanticVersion, Example: "1.0.0",
				About: "Of one that is published; without it, the one that follows the highest",
			}),
		Within: []*seed.Resource{files},
		Check: func(entries []*seed.Entry, report seed.Report) {
			taken, versions := map[int64]bool{}, map[string]bool{}
			for _, e := range entries {
				v := e.Own.Text("semanticVersion")
				if v != "" && versions[v] {
					report(e, "semanticVersion", "Another release of the project has this version. Give each its own.")
				}
				versions[v] = true
				n := e.Own.Number("version")
				if n > 0 && taken[n] {
					report(e, "version", "Another release of the project has this number. Give each its own.")
				}
				taken[n] = true
				if body, ok := e.Body.(*brms.CreateReleaseRequest); ok && body.CommitID != nil {
					report(e, "commitId", "A release in a seed has its files with it. Remove this.")
				}
			}
		},
		Insert: func(tx storage.Tx, e *seed.Entry, parent string) (string, error) {
			made, err := plantRelease(&work{Tx: tx}, e, parent)
			return made.ID, err
		},
		Export: exportReleases,
	}
}

func plantRelease(w *work, e *seed.Entry, parent string) (made storage.Item[release], err error) {
	body, _ := e.Body.(*brms.CreateReleaseRequest)
	r := release{Name: body.Name, Description: body.Description, Status: or(body.Status, releaseDraft), Version: e.Own.Number("version")}
	if r.Version > 0 {
		if err := w.AtLeast(releaseNumbers(parent), r.Version); err != nil {
			return made, err
		}
	}
	if r.Status == releasePublished {
		if text := e.Own.Text("semanticVersion"); text != "" {
			r.Semantic = &[3]int64{}
			for i, part := range strings.Split(text, ".") {
				r.Semantic[i], _ = strconv.ParseInt(part, 10, 64) // which are digits
			}
		} else if err := r.follow(w, parent, or(body.VersionType, "patch")); err != nil {
			return made, err
		}
	}
	var files []releaseFile
	for _, of := range e.Within["files"] {
		f, _ := of.Body.(*seededFile)
		text, err := contentText(f.Content, nil)
		if len(f.Content) == 0 {
			text, err = emptyContent(or(f.ContentType, decisionType)), nil
		}
		if err != nil {
			return made, err
		}
		hash, err := w.PutBlob(text)
		if err != nil {
			return made, err
		}
		files = append(files, releaseFile{
			Path: f.Name, ContentType: or(f.ContentType, decisionType), Hash: hash, Size: len(text),
			Document: of.Own.Text("documentId"), Version: of.Own.Text("versionId"),
		})
	}
	slices.SortFunc(files, func(a, b releaseFile) int { return strings.Compare(a.Path, b.Path) })
	meta := seedMeta(w.Tx, e, parent)
	if r, err = compose(w, uuid.MustParse(parent), r, files, meta.ID); err != nil {
		return made, err
	}
	return releases.plant(w.Tx, meta, r)
}

func exportReleases(tx storage.ReadTx, parent string) ([]seed.Exported, error) {
	plain := seeded[release, brms.Release, brms.CreateReleaseRequest]{resource: &releases, body: func(r release) brms.CreateReleaseRequest {
		return brms.CreateReleaseRequest{Name: r.Name, Description: r.Description, Status: &r.Status}
	}}
	exported, err := plain.export(tx, parent)
	for i := range exported {
		r, err := releases.ever(tx, exported[i].ID)
		if err != nil {
			return nil, err
		}
		exported[i].Own["version"] = r.Value.Version
		if v := r.Value.semanticVersion(); v != nil {
			exported[i].Own["semanticVersion"] = *v
		}
	}
	return exported, err
}

func exportFiles(tx storage.ReadTx, parent string) ([]seed.Exported, error) {
	r, err := releases.ever(tx, parent)
	if err != nil {
		return nil, err
	}
	files, err := filesOf(tx, &r.Value)
	exported := make([]seed.Exported, len(files))
	for i, f := range files {
		text, err := tx.Blob(f.Hash)
		if err != nil {
			return nil, err
		}
		contentType := f.ContentType
		exported[i] = seed.Exported{ID: f.Path, Body: seededFile{Name: f.Path, ContentType: &contentType, Content: text}, Own: seed.Values{}}
		for name, id := range map[string]string{"documentId": f.Document, "versionId": f.Version} {
			if id != "" {
				exported[i].Own[name] = id
			}
		}
	}
	return exported, err
}

// environmentSeeds is how an environment stands in a seed: as the body that makes one,
// with the release that is deployed.
func environmentSeeds() *seed.Resource {
	s := seeded[environment, brms.Environment, brms.CreateEnvironmentRequest]{
		resource: &environments, list: "environments", path: "/api/projects/{projectId}/environments",
		value: newEnvironment,
		body: func(e environment) brms.CreateEnvironmentRequest {
			groups := make([]uuid.UUID, len(e.ApprovalGroups))
			for i, id := range e.ApprovalGroups {
				groups[i] = uuid.MustParse(id)
			}
			return brms.CreateEnvironmentRequest{
				Name: e.Name, Type: e.Type, Key: &e.Key, DeploymentID: optionalID(e.DeploymentID), ApprovalMode: &e.ApprovalMode, ApprovalGroups: &groups,
			}
		},
		check: completeEnvironments,
	}
	own := []seed.Member{
		{Name: "releaseId", Kind: seed.UUID, About: "The release above that is deployed to it"},
		{Name: "deployedAt", Kind: seed.Time, About: "Since when; without it, what the clock of the workspace shows"},
	}
	insert := func(tx storage.Tx, e *seed.Entry, parent string) (string, error) {
		body, _ := e.Body.(*brms.CreateEnvironmentRequest)
		v := newEnvironment(body)
		w := &work{Tx: tx}
		if err := v.placed(w, parent); err != nil {
			return "", err
		}
		if id := e.Own.Text("releaseId"); id != "" {
			v.Deployed = &deployed{Release: id, At: e.Own.Time("deployedAt")}
			if v.Deployed.At.IsZero() {
				v.Deployed.At = tx.Now()
			}
		}
		made, err := environments.plant(tx, seedMeta(tx, e, parent), v)
		return made.ID, err
	}
	export := func(tx storage.ReadTx, parent string) ([]seed.Exported, error) {
		exported, err := s.export(tx, parent)
		for i := range exported {
			e, err := environments.ever(tx, exported[i].ID)
			if err != nil {
				return nil, err
			}
			now, err := inUse(tx, e.Value)
			if err != nil {
				return nil, err
			}
			if now != nil {
				exported[i].Own["releaseId"], exported[i].Own["deployedAt"] = now.Release, now.At
			}
		}
		return exported, err
	}
	return as(s.seed(), own, insert, export)
}

// completeEnvironments makes the keys that are not given, and finds what an environment
// names that is not in its project.
func completeEnvironments(entries []*seed.Entry, _ seed.Report) {
	taken := map[string]bool{}
	for _, e := range entries {
		if key, given := e.Text("key"); given && living(e) {
			taken[key] = true
		}
	}
	for _, e := range entries {
		body, ok := e.Body.(*brms.CreateEnvironmentRequest)
		if _, given := e.Text("key"); given || !ok {
			continue
		}
		key := firstFree(keyFrom(body.Name, 1, "environment"), func(key string) bool { return taken[key] })
		body.Key = &key
		taken[key] = taken[key] || living(e)
	}
}

// withinReleases finds what the environments of a project name that it does not have.
func withinReleases(project *seed.Entry, report seed.Report) {
	known := func(list string) map[string]bool {
		ids := map[string]bool{}
		for _, e := range project.Within[list] {
			if id := e.Own.Text("id"); id != "" && living(e) {
				ids[id] = true
			}
		}
		return ids
	}
	releases, groups := known("releases"), known("groups")
	for _, e := range project.Within["environments"] {
		if id := e.Own.Text("releaseId"); id != "" && !releases[id] {
			report(e, "releaseId", "No release of the project has this id and is not deleted. Put it there.")
		}
		body, ok := e.Body.(*brms.CreateEnvironmentRequest)
		if !ok {
			continue
		}
		for _, id := range or(body.ApprovalGroups, nil) {
			if !groups[id.String()] {
				report(e, "approvalGroups", "No group of the project has this id and is not deleted. Put it there.")
			}
		}
	}
}
