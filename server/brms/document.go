package brms

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// document is what is stored of a decision document: a file or a folder of a project.
// Its contents are blobs of the store, kept once however many versions have them.
type document struct {
	authors

	Name        string          `json:"name"`
	Type        string          `json:"type"`             // file or folder
	Path        string          `json:"path"`             // the names of the folders and its own, with slashes between
	Folder      string          `json:"folder,omitempty"` // the id of the folder that it is in; "" for the project itself
	ContentType *string         `json:"contentType,omitempty"`
	Meta        json.RawMessage `json:"meta,omitempty"`
	// Newest, Hash and Size are those of the newest version, Versions is how many were
	// made.
	Newest   string `json:"newest,omitempty"`
	Hash     string `json:"hash,omitempty"`
	Size     int    `json:"size,omitempty"`
	Versions int    `json:"versions,omitempty"`
	// Published is what evaluating it runs; nil if it is not published.
	Published *publication `json:"published,omitempty"`
	// Source says what the document follows; "" for nothing.
	Source string `json:"source,omitempty"`
	// TrashedWith is the id of the folder with which it came into the trash.
	TrashedWith string `json:"trashedWith,omitempty"`
}

// publication is the published version of a document.
type publication struct {
	Version string    `json:"version"`
	Hash    string    `json:"hash"` // of its content
	Size    int       `json:"size"`
	At      time.Time `json:"at"`
	By      string    `json:"by,omitempty"`
	Comment string    `json:"comment,omitempty"`
}

// version is what is stored of a version of a document.
type version struct {
	authors

	Name string `json:"name"`
	From string `json:"from,omitempty"` // the id of the version that it was made of
	Hash string `json:"hash"`           // of its content
	Size int    `json:"size"`
}

// The types of documents.
const (
	file   = "f"
	folder = "d"
)

// decisionType is the media type of a decision.
const decisionType = "application/vnd.gorules.decision"

const (
	indexPath      = "path"
	indexFolder    = "folder"
	indexType      = "type"
	indexPublished = "published"
	indexTrash     = "trash"
)

var documents = resource[document, brms.DecisionDocument]{
	code: "document", noun: "Document", in: &projects,
	records: storage.Collection[document]{
		Kind: "brms.document",
		Indexes: []storage.Index{
			{Name: indexPath},
			{Name: indexFolder},
			{Name: indexType},
			{Name: indexPublished},
			{Name: indexTrash},
			{Name: indexSearch, Searched: true},
		},
		Keys: func(m storage.Meta, d document) []storage.Key {
			keys := []storage.Key{
				{Index: indexPath, Value: pathKey(m.Parent, d.Path), Unique: true},
				{Index: indexFolder, Value: pathKey(m.Parent, d.Folder)},
				{Index: indexType, Value: pathKey(m.Parent, d.Type)},
				{Index: indexSearch, Value: strings.ToLower(d.Path)},
			}
			if d.Published != nil {
				keys = append(keys, storage.Key{Index: indexPublished, Value: pathKey(m.Parent, d.Path)})
			}
			if d.TrashedWith != "" {
				keys = append(keys, storage.Key{Index: indexTrash, Value: d.TrashedWith})
			}
			return keys
		},
	},
	unique: []unique{{
		index: indexPath, code: "pathTaken", message: "A document with this path already exists in the project",
		member: "name", twice: "Another document of the project has this path. Give each its own.",
	}},
	view: func(tx storage.ReadTx, d storage.Item[document]) (brms.DecisionDocument, error) {
		return viewDocument(tx, d, 0)
	},
}

// pathKey is a key of a document in an index that is in the order of paths, each
// project's for itself.
func pathKey(project, path string) string { return project + "\x00" + path }

var keptVersions = storage.Collection[version]{Kind: "brms.document.version"}

// versionsOf are the versions as what answers a document reads them: of [versions] it
// cannot know, whose answers know of documents.
var versionsOf = resource[version, brms.DocumentVersion]{
	code: "version", noun: "Version", records: keptVersions,
}

var versions = resource[version, brms.DocumentVersion]{
	code: versionsOf.code, noun: versionsOf.noun, in: &documents, records: keptVersions,
	view: func(tx storage.ReadTx, v storage.Item[version]) (brms.DocumentVersion, error) {
		of, err := documents.of(tx, v.Parent)
		if err != nil {
			return brms.DocumentVersion{}, err
		}
		return viewVersion(tx, of, v, false)
	},
}

const (
	// maxVersionsShown is how many versions the answer of a document lists.
	maxVersionsShown = 100
	// contentShown is how many bytes of contents it has beside that of the newest and
	// of the published version, so that no answer grows without bounds.
	contentShown = 1 << 20
)

// viewDocument answers a document. Its versions have their contents, newest first,
// until those are more than so many bytes; none if that is 0.
func viewDocument(tx storage.ReadTx, d storage.Item[document], contents int) (brms.DecisionDocument, error) {
	id := d.ID
	view := brms.DecisionDocument{
		ID: uuid.MustParse(id), ProjectID: uuid.MustParse(d.Parent), Key: d.Value.Path, Path: d.Value.Path,
		Name: d.Value.Name, Type: d.Value.Type, Size: d.Value.Size, ParentID: idOrNull(d.Value.Folder),
		ContentType: d.Value.ContentType, Meta: new(map[string]any{}), Versions: []brms.DocumentVersion{},
		CreatedAt: timestamp(d.Created), UpdatedAt: timestamp(d.Updated), DeletedAt: deletedAt(d.Deleted),
	}
	if len(d.Value.Meta) > 0 {
		if err := json.Unmarshal(d.Value.Meta, view.Meta); err != nil {
			return view, err
		}
	}
	found, err := versionsOf.all(tx, storage.Query{Parent: &id, Descending: true, Limit: maxVersionsShown})
	if err != nil {
		return view, err
	}
	left := contents
	for i, item := range found {
		left -= item.Value.Size
		shown, err := viewVersion(tx, d, item, contents > 0 && (i == 0 || left >= 0))
		if err != nil {
			return view, err
		}
		view.Versions = append(view.Versions, shown)
	}
	if p := d.Value.Published; p != nil {
		item, err := versionsOf.of(tx, p.Version)
		if err != nil {
			return view, err
		}
		shown, err := viewVersion(tx, d, item, contents > 0)
		if err != nil {
			return view, err
		}
		view.Published, view.PublishedID = &shown, &shown.ID
		view.PublishedAt, view.PublishedBy = new(timestamp(p.At)), new(person(tx.Workspace()))
	}
	return view, nil
}

// viewVersion answers a version of a document, with its content or without.
func viewVersion(tx storage.ReadTx, of storage.Item[document], v storage.Item[version], content bool) (brms.DocumentVersion, error) {
	view := brms.DocumentVersion{
		ID: uuid.MustParse(v.ID), Name: v.Value.Name, ParentID: idOrNull(v.Value.From), Status: "draft",
		DocumentID: uuid.MustParse(v.Parent), CreatedBy: person(tx.Workspace()), CreatedAt: timestamp(v.Created),
		Versions: []any{}, Releases: []brms.VersionRelease{},
	}
	if p := of.Value.Published; p != nil && p.Version == v.ID {
		view.Status = "published"
	}
	if content {
		text, err := contentOf(tx, v.Value.Hash)
		if err != nil {
			return view, err
		}
		view.Content = json.RawMessage(text)
	}
	return view, nil
}

// person is who did something in an open workspace.
func person(workspace string) brms.DocumentUser {
	return brms.DocumentUser{ID: derivedID(workspace, "user"), Email: "owner@example.com"}
}

func idOrNull(id string) *uuid.UUID {
	if id == "" {
		return nil
	}
	return new(uuid.MustParse(id))
}

// whole answers a document with contents, and with the releases that its versions are in.
func (a *API) whole(tx storage.ReadTx, d storage.Item[document], err error) (view brms.DecisionDocument, _ error) {
	if err != nil {
		return view, err
	}
	if view, err = viewDocument(tx, d, contentShown); err != nil {
		return view, err
	}
	shown := []*brms.DocumentVersion{}
	for i := range view.Versions {
		shown = append(shown, &view.Versions[i])
	}
	if view.Published != nil {
		shown = append(shown, view.Published)
	}
	return view, a.released.add(tx, d.Parent, shown...)
}

// writeDocument is whatever writes a document and answers it whole.
func (a *API) writeDocument(ctx context.Context, fn func(*work) (storage.Item[document], error)) (brms.DecisionDocument, error) {
	return writing(ctx, a, func(w *work) (brms.DecisionDocument, error) {
		d, err := fn(w)
		return a.whole(w, d, err)
	})
}

// ListDocuments lists a page of a project's documents; a search looks at paths.
func (a *API) ListDocuments(ctx context.Context, request brms.ListDocumentsRequestObject) (brms.ListDocumentsResponseObject, error) {
	p := request.Params
	q := asked{page: p.Page, perPage: p.PerPage, search: p.Search, deleted: truth(p.Deleted)}
	project := request.ProjectID.String()
	if p.ParentID != nil {
		q.where = append(q.where, storage.Condition{Index: indexFolder, In: []string{pathKey(project, *p.ParentID)}})
	}
	if p.Type != nil {
		q.where = append(q.where, storage.Condition{Index: indexType, In: []string{pathKey(project, *p.Type)}})
	}
	found, err := documents.list(ctx, a, q, request.ProjectID)
	return brms.ListDocuments200JSONResponse(found), err
}

// CreateDocument adds a file or a folder to a project, or a copy of one.
func (a *API) CreateDocument(ctx context.Context, request brms.CreateDocumentRequestObject) (brms.CreateDocumentResponseObject, error) {
	body := request.Body
	content, err := bodyContent(ctx, body.Content)
	if err != nil {
		return nil, err
	}
	made, err := a.writeDocument(ctx, func(w *work) (storage.Item[document], error) {
		return createDocument(w, request.ProjectID, body, content)
	})
	return brms.CreateDocument200JSONResponse(made), err
}

// GetDocument reads a document.
func (a *API) GetDocument(ctx context.Context, request brms.GetDocumentRequestObject) (brms.GetDocumentResponseObject, error) {
	found, err := reading(ctx, a, func(tx storage.ReadTx) (brms.DecisionDocument, error) {
		d, err := documents.at(tx, request.ProjectID, request.DocumentID)
		return a.whole(tx, d, err)
	})
	return brms.GetDocument200JSONResponse(found), err
}

// UpdateDocument changes what the request has: the name, the content (as a new
// version), the meta data, what is published, and whether the document is in the trash.
func (a *API) UpdateDocument(ctx context.Context, request brms.UpdateDocumentRequestObject) (brms.UpdateDocumentResponseObject, error) {
	body, project, id := request.Body, request.ProjectID, request.DocumentID
	content, err := bodyContent(ctx, body.Content)
	if err != nil {
		return nil, err
	}
	changed, err := a.writeDocument(ctx, func(w *work) (storage.Item[document], error) {
		d, err := documents.at(w, project, id)
		if err == nil {
			err = documentsKept(w, project)
		}
		if err == nil && body.Name != nil && *body.Name != d.Value.Name {
			d, err = renameDocument(w, d, *body.Name)
		}
		if err == nil && body.Meta != nil {
			d, err = documents.update(w, func(d *document) (err error) {
				d.Meta, err = json.Marshal(body.Meta)
				return err
			}, project, id)
		}
		if err == nil && content != nil {
			d, err = addVersion(w, d, nil, numbered(d), content)
		}
		if err == nil && or(body.Publish, false) {
			d, _, err = publishOrAsk(w, d, changeRequest{Type: requestPublish})
		}
		if err == nil && or(body.Deleted, false) {
			var gone []storage.Item[document]
			if gone, err = trash(w, d); err == nil {
				d = gone[0]
			}
		}
		return d, err
	})
	return brms.UpdateDocument200JSONResponse(changed), err
}

// PublishDocument makes a version the one that is evaluated, or none.
func (a *API) PublishDocument(ctx context.Context, request brms.PublishDocumentRequestObject) (brms.PublishDocumentResponseObject, error) {
	body := request.Body
	var waits *brms.ChangeRequest
	changed, err := a.writeDocument(ctx, func(w *work) (d storage.Item[document], err error) {
		if d, err = documents.at(w, request.ProjectID, request.DocumentID); err != nil {
			return d, err
		}
		asked := changeRequest{Type: requestPublish, Comment: body.Comment}
		if body.Type == requestUnpublish {
			asked.Type = requestUnpublish
		} else if body.VersionID != nil {
			asked.Version = body.VersionID.String()
		}
		d, waits, err = publishOrAsk(w, d, asked)
		return d, err
	})
	if err == nil && waits != nil {
		return brms.PublishDocument202JSONResponse(*waits), nil
	}
	return brms.PublishDocument200JSONResponse(changed), err
}

// publishOrAsk publishes what is asked for of a document, or takes back what is
// published of it; where the project wants approval, a change request waits instead.
func publishOrAsk(w *work, d storage.Item[document], c changeRequest) (storage.Item[document], *brms.ChangeRequest, error) {
	p, err := projects.of(w, d.Parent)
	if err != nil {
		return d, nil, err
	}
	if asksApproval(p.Value.ApprovalMode) {
		if d.Value.Newest == "" {
			return d, nil, site.Conflict("document.noContent", "A folder has no content")
		}
		if c.Version == "" && c.Type == requestPublish {
			c.Version = d.Value.Newest
		}
		if c.Version != "" {
			if _, err := versions.at(w, uuid.MustParse(d.Parent), uuid.MustParse(d.ID), uuid.MustParse(c.Version)); err != nil {
				return d, nil, err
			}
		}
		c.Document = d.ID
		view, err := requestChange(w, c, uuid.MustParse(d.Parent))
		return d, &view, err
	}
	if c.Type == requestUnpublish {
		d, err = unpublish(w, d)
	} else {
		d, err = publish(w, d, optionalID(c.Version), or(c.Comment, ""))
	}
	if err != nil {
		return d, nil, err
	}
	return d, nil, tell(w, d.Parent, eventCommit, map[string]any{"documentId": d.ID, "path": d.Value.Path, "type": c.Type})
}

// DownloadDocument gives the content of the newest version.
func (a *API) DownloadDocument(ctx context.Context, request brms.DownloadDocumentRequestObject) (brms.DownloadDocumentResponseObject, error) {
	return reading(ctx, a, func(tx storage.ReadTx) (brms.DownloadDocumentResponseObject, error) {
		d, err := documents.at(tx, request.ProjectID, request.DocumentID)
		if err != nil {
			return nil, err
		}
		if d.Value.Newest == "" {
			return nil, site.NotFound("document.noContent", "A folder has no content")
		}
		text, err := contentOf(tx, d.Value.Hash)
		return brms.DownloadDocument200JSONResponse{
			Body:    json.RawMessage(text),
			Headers: brms.DownloadDocument200ResponseHeaders{ContentDisposition: new(attachment(d.Value.Name, ".json"))},
		}, err
	})
}

// ListDocumentPaths lists the paths of what is published.
func (a *API) ListDocumentPaths(ctx context.Context, request brms.ListDocumentPathsRequestObject) (brms.ListDocumentPathsResponseObject, error) {
	paths, err := reading(ctx, a, func(tx storage.ReadTx) ([]string, error) {
		project, err := projects.place(tx, []uuid.UUID{request.ProjectID})
		if err != nil {
			return nil, err
		}
		found, err := published(tx, project)
		paths := make([]string, len(found))
		for i := range found {
			paths[i] = found[i].Path
		}
		return paths, err
	})
	return brms.ListDocumentPaths200JSONResponse(paths), err
}

// unfit refuses what fits the contract and cannot be all the same: 400.
func unfit(code, message string) error {
	return &site.Refusal{Kind: site.KindUnprocessable, Code: code, Message: message}
}

func pathInvalid(message string) error { return unfit("document.pathInvalid", message) }
