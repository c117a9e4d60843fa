package brms

import (
	"cmp"
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

const (
	statusPublished = "published"
	statusDraft     = "draft"
)

var documentStatus = regexp.MustCompile(`^(` + statusPublished + `|` + statusDraft + `)$`)

// seededDocument is a document as a seed has it: its name is its path, and its content is
// kept as it stands there. It has one version, or those that are listed with it.
type seededDocument struct {
	Name        string          `json:"name"`
	Type        string          `json:"type,omitempty"`
	ContentType *string         `json:"contentType,omitempty"`
	Content     json.RawMessage `json:"content,omitempty"`
	Meta        json.RawMessage `json:"meta,omitempty"`
}

// documentSeeds are the documents of a project.
func documentSeeds() *seed.Resource {
	const path = "/api/projects/{projectId}/documents"
	return &seed.Resource{
		List: "documents", Name: "document", Kind: "brms.document",
		Creates: []seed.Create{{Path: path, Vars: anyIDs(path), Read: seed.Into[seededDocument]}},
		Files:   []string{"content"},
		Own: append(
			seedTimes(),
			seed.Member{
				Name: "status", Kind: seed.Pattern, Form: documentStatus, Example: statusPublished,
				About: "Of a file of one version, published or draft; without it, published",
			},
			seed.Member{Name: "publishedAt", Kind: seed.Time, About: "Of a file that is published; without it, when the version was made"},
			seed.Member{Name: "parentId", Kind: seed.UUID, About: "The folder that it is in, where that stands below or is deleted; without it, the one of its path"},
			seed.Member{Name: "trashedWith", Kind: seed.UUID, About: "Of one that is deleted, the folder with which it was, and with which it is restored"},
		),
		Within: []*seed.Resource{versionSeeds()},
		Check:  checkDocuments,
		Insert: func(tx storage.Tx, e *seed.Entry, parent string) (string, error) {
			made, err := plantDocument(&work{Tx: tx}, e, parent)
			return made.ID, err
		},
		Export: exportDocuments,
	}
}

// checkDocuments finds paths that are none or taken, versions beside a content, and
// folders that there are not.
func checkDocuments(entries []*seed.Entry, report seed.Report) {
	taken, folders := map[string]bool{}, map[string]*seed.Entry{}
	for _, e := range entries {
		if body, ok := e.Body.(*seededDocument); ok && body.Type == folder {
			folders[e.Own.Text("id")] = e
		}
	}
	for _, e := range entries {
		name, given := e.Text("name")
		names, err := splitPath(name)
		switch {
		case !given:
		case err != nil || strings.Join(names, "/") != name:
			report(e, "name", "This is no path of a document. Write it as folder/name.")
		case taken[name] && living(e):
			report(e, "name", "Another document of the project has this path. Give each its own.")
		}
		taken[name] = taken[name] || living(e)
		if id := e.Own.Text("parentId"); id != "" {
			in, known := folders[id]
			if !known {
				report(e, "parentId", "No folder of the project has this id. Put it there.")
			} else if path, _ := in.Text("name"); living(e) && (!living(in) || path+"/" != name[:strings.LastIndexByte(name, '/')+1]) {
				report(e, "parentId", "The folder with this id is not the one of the path. Remove this, or correct the path.")
			}
		}
		if id := e.Own.Text("trashedWith"); id != "" && living(e) {
			report(e, "trashedWith", "Only a deleted document has this. Remove it.")
		} else if id != "" && folders[id] == nil {
			report(e, "trashedWith", "No folder of the project has this id. Put it there.")
		}
		body, ok := e.Body.(*seededDocument)
		if !ok || len(e.Within["versions"]) == 0 {
			continue
		}
		if body.Type == folder {
			report(e, "versions", "A folder has no versions. Remove them.")
		}
		if len(body.Content) > 0 {
			report(e, "content", "The versions have the contents of this document. Remove one or the other.")
		}
		if e.Own.Text("status") != "" {
			report(e, "status", "The versions say which of them is published. Remove this.")
		}
	}
}

func plantDocument(w *work, e *seed.Entry, parent string) (made storage.Item[document], err error) {
	body, _ := e.Body.(*seededDocument)
	names, err := splitPath(body.Name)
	if err != nil {
		return made, err
	}
	last := len(names) - 1
	d := document{
		Name: names[last], Type: file, Path: strings.Join(names, "/"), Folder: e.Own.Text("parentId"),
		ContentType: body.ContentType, Meta: body.Meta, TrashedWith: e.Own.Text("trashedWith"),
	}
	if d.Folder == "" {
		d.Folder = d.TrashedWith
	}
	if d.Folder == "" {
		in, err := makeFolders(w, uuid.MustParse(parent), storage.Item[document]{}, names[:last])
		if err != nil {
			return made, err
		}
		d.Folder = in.ID
	}
	m := seedMeta(w, e, parent)
	if body.Type == folder {
		d.Type = folder
		return documents.plant(w, m, d)
	}
	if d.ContentType == nil {
		d.ContentType = new(decisionType)
	}
	if given := e.Within["versions"]; len(given) > 0 {
		err = plantVersions(w, given, m.ID, &d)
	} else {
		err = plantVersion(w, e, body.Content, m, &d)
	}
	if p := d.Published; p != nil && !e.Own.Time("publishedAt").IsZero() {
		p.At = e.Own.Time("publishedAt")
	}
	if err != nil {
		return made, err
	}
	return documents.plant(w, m, d)
}

// plantVersion makes the only version of a document.
func plantVersion(w *work, e *seed.Entry, content json.RawMessage, m storage.Meta, d *document) error {
	v := version{Name: "Version 1"}
	if err := v.hold(w, content, emptyContent(*d.ContentType)); err != nil {
		return err
	}
	id := derivedID(w.Workspace(), "version of "+m.ID).String()
	return d.have(w, storage.Meta{ID: id, Parent: m.ID, Created: m.Created}, v, e.Own.Text("status") != statusDraft)
}

// hold gives a version its content, as it is written, or else what there is without one.
func (v *version) hold(w *work, content json.RawMessage, otherwise []byte) (err error) {
	text := otherwise
	if len(content) > 0 {
		if text, err = contentText(content, nil); err != nil {
			return err
		}
	}
	v.Size = len(text)
	v.Hash, err = w.PutBlob(text)
	return err
}

// have makes a version the newest of a document, which is not planted yet.
func (d *document) have(w *work, m storage.Meta, v version, publishing bool) error {
	made, err := versions.plant(w, m, v)
	if err != nil {
		return err
	}
	d.Newest, d.Hash, d.Size = made.ID, v.Hash, v.Size
	d.Versions++
	if publishing {
		d.Published = &publication{Version: made.ID, Hash: v.Hash, Size: v.Size, At: made.Created}
	}
	return nil
}

// seededVersion is a version of a document as a seed has it. Without a content it has
// that of the version it was made of; null is a content.
type seededVersion struct {
	Name      *string         `json:"name,omitempty"`
	VersionID *string         `json:"versionId,omitempty"`
	Content   json.RawMessage `json:"content,omitempty"`
}

// versionSeeds are the versions of a document, the newest last. They are planted with
// their document, which names them.
func versionSeeds() *seed.Resource {
	const path = "/api/projects/{projectId}/documents/{documentId}/versions"
	return &seed.Resource{
		List: "versions", Name: "version", Kind: keptVersions.Kind,
		Creates: []seed.Create{{Path: path, Vars: anyIDs(path), Read: seed.Into[seededVersion]}},
		Files:   []string{"content"},
		Own: []seed.Member{
			{Name: "id", Kind: seed.UUID, About: "Without it, the next id of the workspace"},
			{Name: "createdAt", Kind: seed.Time, About: "Without it, what the clock of the workspace shows"},
			{Name: "updatedAt", Kind: seed.Time, About: "Without it, createdAt"},
			{
				Name: "status", Kind: seed.Pattern, Form: documentStatus, Example: statusPublished,
				About: "Published for the one that is evaluated; without it, draft",
			},
		},
		Check: func(entries []*seed.Entry, report seed.Report) {
			published, above := false, map[string]bool{}
			for _, e := range entries {
				if e.Own.Text("status") == statusPublished {
					if published {
						report(e, "status", "Another version of the document is published. Leave one.")
					}
					published = true
				}
				if body, ok := e.Body.(*seededVersion); ok && body.VersionID != nil && !above[strings.ToLower(*body.VersionID)] {
					report(e, "versionId", "No version of the document above this one has this id. Put it there.")
				}
				above[e.Own.Text("id")] = true
			}
		},
		Insert: func(_ storage.Tx, e *seed.Entry, _ string) (string, error) { return e.Own.Text("id"), nil },
		Export: exportVersions,
	}
}

// plantVersions makes the versions of a document.
func plantVersions(w *work, entries []*seed.Entry, id string, d *document) error {
	contents := map[string]version{}
	for _, e := range entries {
		body, _ := e.Body.(*seededVersion)
		v := version{Name: or(body.Name, "Version "+strconv.Itoa(d.Versions+1)), From: d.Newest}
		if body.VersionID != nil {
			v.From = strings.ToLower(*body.VersionID)
		}
		if from, ok := contents[v.From]; ok && len(body.Content) == 0 {
			v.Hash, v.Size = from.Hash, from.Size
		} else if err := v.hold(w, body.Content, emptyContent(*d.ContentType)); err != nil {
			return err
		}
		if err := d.have(w, seedMeta(w, e, id), v, e.Own.Text("status") == statusPublished); err != nil {
			return err
		}
		contents[d.Newest] = v
	}
	return nil
}

// exportVersions writes the versions of a document. One that has the content of the
// version it was made of is written without.
func exportVersions(tx storage.ReadTx, parent string) ([]seed.Exported, error) {
	of, err := documents.ever(tx, parent)
	if err != nil {
		return nil, err
	}
	found, err := versionsOf.all(tx, storage.Query{Parent: &parent})
	if err != nil {
		return nil, err
	}
	contents, before := map[string]string{}, ""
	exported := make([]seed.Exported, len(found))
	for i, v := range found {
		body := seededVersion{Name: &v.Value.Name}
		if v.Value.From != before && contents[v.Value.From] != "" {
			body.VersionID = &v.Value.From
		}
		if contents[v.Value.From] != v.Value.Hash {
			if body.Content, err = contentOf(tx, v.Value.Hash); err != nil {
				return nil, err
			}
		}
		contents[v.ID], before = v.Value.Hash, v.ID
		own := seed.Values{"id": v.ID, "createdAt": v.Created, "updatedAt": v.Updated, "status": statusDraft}
		if p := of.Value.Published; p != nil && p.Version == v.ID {
			own["status"] = statusPublished
		}
		exported[i] = seed.Exported{ID: v.ID, Body: body, Own: own}
	}
	return exported, nil
}

// exportDocuments writes the documents of a project in the order in which they were
// made.
func exportDocuments(tx storage.ReadTx, parent string) ([]seed.Exported, error) {
	var found []storage.Item[document]
	for _, deleted := range []bool{false, true} {
		some, err := documents.all(tx, storage.Query{Parent: &parent, Deleted: deleted})
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	slices.SortFunc(found, func(a, b storage.Item[document]) int { return cmp.Compare(a.Seq, b.Seq) })
	exported := make([]seed.Exported, len(found))
	above := map[string]bool{"": true}
	for i, d := range found {
		body := seededDocument{Name: d.Value.Path, Type: d.Value.Type, ContentType: d.Value.ContentType, Meta: d.Value.Meta}
		own := seed.Values{"id": d.ID, "createdAt": d.Created, "updatedAt": d.Updated, "deletedAt": d.Deleted}
		if p := d.Value.Published; p != nil {
			own["publishedAt"] = p.At
		}
		if in := d.Value.Folder; in != "" && (!d.Deleted.IsZero() || !above[in]) {
			own["parentId"] = in
		}
		if with := d.Value.TrashedWith; with != "" {
			own["trashedWith"] = with
		}
		above[d.ID] = true
		exported[i] = seed.Exported{ID: d.ID, Body: body, Own: own}
	}
	return exported, nil
}

var projectTokenSeeds = seeded[projectToken, brms.ProjectToken, brms.CreateProjectTokenRequest]{
	resource: &projectTokens, list: "tokens", path: "/api/projects/{projectId}/security/tokens",
	value: func(body *brms.CreateProjectTokenRequest) projectToken { return projectToken{Name: body.Name} },
	body: func(t projectToken) brms.CreateProjectTokenRequest {
		return brms.CreateProjectTokenRequest{Name: t.Name}
	},
}

// seededEvent is a test event in a seed, which has its id elsewhere.
type seededEvent struct {
	TestEvent struct {
		Name       string  `json:"name"`
		Context    string  `json:"context"`
		Category   string  `json:"category"`
		UserID     *string `json:"userId,omitempty"`
		DocumentID *string `json:"documentId,omitempty"`
	} `json:"testEvent"`
}

var testEventSeeds = seeded[testEvent, brms.TestEvent, seededEvent]{
	resource: &testEvents, list: "testEvents", path: "/api/projects/{projectId}/test-events",
	value: func(body *seededEvent) testEvent {
		e := &body.TestEvent
		return testEvent{Name: e.Name, Context: e.Context, Category: e.Category, User: or(e.UserID, ""), Document: or(e.DocumentID, "")}
	},
	body: func(e testEvent) (body seededEvent) {
		body.TestEvent.Name, body.TestEvent.Context, body.TestEvent.Category = e.Name, e.Context, e.Category
		if e.User != "" {
			body.TestEvent.UserID = &e.User
		}
		if e.Document != "" {
			body.TestEvent.DocumentID = &e.Document
		}
		return body
	},
}
