package brms

import (
	"encoding/json"
	"regexp"
	"slices"
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
// kept as it stands there. It has one version.
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
		Own: append(seedTimes(), seed.Member{
			Name: "status", Kind: seed.Pattern, Form: documentStatus, Example: statusPublished,
			About: "Of a file, published or draft; without it, published",
		}),
		Check: func(entries []*seed.Entry, report seed.Report) {
			taken := map[string]bool{}
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
			}
		},
		Insert: func(tx storage.Tx, e *seed.Entry, parent string) (string, error) {
			made, err := plantDocument(&work{Tx: tx}, e, parent)
			return made.ID, err
		},
		Export: exportDocuments,
	}
}

func plantDocument(w *work, e *seed.Entry, parent string) (made storage.Item[document], err error) {
	body, _ := e.Body.(*seededDocument)
	names, err := splitPath(body.Name)
	if err != nil {
		return made, err
	}
	last := len(names) - 1
	in, err := makeFolders(w, uuid.MustParse(parent), storage.Item[document]{}, names[:last])
	if err != nil {
		return made, err
	}
	m := seedMeta(w, e, parent)
	d := document{
		Name: names[last], Type: file, Path: below(in.Value.Path, names[last]), Folder: in.ID,
		ContentType: body.ContentType, Meta: body.Meta,
	}
	if body.Type == folder {
		d.Type = folder
		return documents.plant(w, m, d)
	}
	if d.ContentType == nil {
		d.ContentType = new(decisionType)
	}
	content := emptyContent(*d.ContentType)
	if len(body.Content) > 0 {
		if content, err = contentText(body.Content, nil); err != nil {
			return made, err
		}
	}
	v := version{Name: "Version 1", Size: len(content)}
	if v.Hash, err = w.PutBlob(content); err != nil {
		return made, err
	}
	first, err := versions.plant(w, storage.Meta{ID: derivedID(w.Workspace(), "version of "+m.ID).String(), Parent: m.ID, Created: m.Created}, v)
	if err != nil {
		return made, err
	}
	d.Newest, d.Hash, d.Size, d.Versions = first.ID, v.Hash, v.Size, 1
	if e.Own.Text("status") != statusDraft {
		d.Published = &publication{Version: first.ID, Hash: v.Hash, Size: v.Size, At: first.Created}
	}
	return documents.plant(w, m, d)
}

// exportDocuments writes the documents of a project in the order of their paths, each
// with what is published of it, or else with its newest version.
func exportDocuments(tx storage.ReadTx, parent string) ([]seed.Exported, error) {
	var exported []seed.Exported
	for _, deleted := range []bool{false, true} {
		found, err := documents.all(tx, storage.Query{Parent: &parent, Deleted: deleted})
		if err != nil {
			return nil, err
		}
		slices.SortStableFunc(found, func(a, b storage.Item[document]) int {
			return slices.Compare(strings.Split(a.Value.Path, "/"), strings.Split(b.Value.Path, "/"))
		})
		for _, d := range found {
			body := seededDocument{Name: d.Value.Path, Type: d.Value.Type, ContentType: d.Value.ContentType, Meta: d.Value.Meta}
			own := seed.Values{"id": d.ID, "createdAt": d.Created, "updatedAt": d.Updated, "deletedAt": d.Deleted}
			if d.Value.Newest != "" {
				hash := d.Value.Hash
				own["status"] = statusDraft
				if p := d.Value.Published; p != nil {
					hash, own["status"] = p.Hash, statusPublished
				}
				if body.Content, err = contentOf(tx, hash); err != nil {
					return nil, err
				}
			}
			exported = append(exported, seed.Exported{ID: d.ID, Body: body, Own: own})
		}
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
