package brms

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// maxContent is how long the content of a document may be, in bytes: as long as the
// engine takes it.
const maxContent = 16 << 20

// bodyContent is the member "content" of the body of a request, as its text has it but
// for white space; nil if it is null or there is none. value is what was decoded of it,
// for a request whose text is not at hand.
func bodyContent(ctx context.Context, value any) ([]byte, error) {
	if value == nil {
		return nil, nil
	}
	return contentText(bodyMember(site.BodyFrom(ctx), "content"), value)
}

// contentText is a content as it is kept: the text, or the value where there is none,
// without white space.
func contentText(text []byte, value any) ([]byte, error) {
	if text == nil {
		made, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		text = made
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return nil, err
	}
	if compact.Len() > maxContent {
		return nil, &site.Refusal{Kind: site.KindTooLarge}
	}
	return compact.Bytes(), nil
}

// bodyMember is the text of a member of a JSON object; nil if it has none. The text is
// one that was judged: of what is no object there is no member.
func bodyMember(body []byte, name string) []byte {
	d := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return nil
	}
	for d.PeekKind() == '"' {
		member, err := d.ReadToken()
		if err != nil {
			return nil
		}
		if member.String() != name {
			if d.SkipValue() != nil {
				return nil
			}
			continue
		}
		value, err := d.ReadValue()
		if err != nil {
			return nil
		}
		return bytes.Clone(value)
	}
	return nil
}

// contentOf is a content by the hash (SHA-256, in hexadecimal) by which documents,
// versions and what is published of them name it. Do not modify it.
func contentOf(tx storage.ReadTx, hash string) ([]byte, error) { return tx.Blob(hash) }

// addVersion makes a version of a document: of the content given, made of the version
// with this id, or of the newest.
func addVersion(w *work, d storage.Item[document], from *uuid.UUID, name string, content []byte) (storage.Item[document], error) {
	hash, err := w.PutBlob(content)
	if err != nil {
		return d, err
	}
	v := version{Name: name, Hash: hash, Size: len(content)}
	if from != nil {
		v.From = from.String()
	}
	return insertNamed(w, d, v)
}

// numbered is the name of the next version of a document, if it is given none.
func numbered(d storage.Item[document]) string { return "Version " + strconv.Itoa(d.Value.Versions+1) }

// insertVersion makes a version whose content the store has already, and numbers it.
func insertVersion(w *work, d storage.Item[document], v version) (storage.Item[document], error) {
	v.Name = numbered(d)
	return insertNamed(w, d, v)
}

// insertNamed makes a version whose content the store has already.
func insertNamed(w *work, d storage.Item[document], v version) (storage.Item[document], error) {
	project, id := uuid.MustParse(d.Parent), uuid.MustParse(d.ID)
	if d.Value.Type == folder {
		return d, site.Conflict("document.noContent", "A folder has no content")
	}
	if v.From == "" {
		v.From = d.Value.Newest
	}
	made, err := versions.insert(w, v, project, id)
	if err != nil {
		return d, err
	}
	return documents.update(w, func(d *document) error {
		d.Newest, d.Hash, d.Size = made.ID, v.Hash, v.Size
		d.Versions++
		return nil
	}, project, id)
}

// publish makes a version the one that is evaluated; nil for the newest.
func publish(w *work, d storage.Item[document], id *uuid.UUID, comment string) (storage.Item[document], error) {
	project, document := uuid.MustParse(d.Parent), uuid.MustParse(d.ID)
	if d.Value.Newest == "" {
		return d, site.Conflict("document.noContent", "A folder has no content")
	}
	if id == nil {
		id = new(uuid.MustParse(d.Value.Newest))
	}
	v, err := versions.at(w, project, document, *id)
	if err != nil {
		return d, err
	}
	return setPublished(w, d, &publication{
		Version: v.ID, Hash: v.Value.Hash, Size: v.Value.Size, At: w.Now(), By: w.Principal.User, Comment: comment,
	})
}

// unpublish takes back what is published of a document.
func unpublish(w *work, d storage.Item[document]) (storage.Item[document], error) {
	return setPublished(w, d, nil)
}

func setPublished(w *work, d storage.Item[document], p *publication) (storage.Item[document], error) {
	return documents.update(w, func(d *document) error {
		d.Published = p
		return nil
	}, uuid.MustParse(d.Parent), uuid.MustParse(d.ID))
}

// publishedDocument is what is published of a document.
type publishedDocument struct {
	ID          string // of the document
	Path        string // which is its key, too
	ContentType string
	Version     string // id of the published version
	Hash        string // of its content, see [contentOf]
	Size        int    // of its content, in bytes
}

// published lists what is published of a project, by the id of the project, in the
// order of paths: all of one moment, that of the transaction.
func published(tx storage.ReadTx, project string) ([]publishedDocument, error) {
	var found []publishedDocument
	q := storage.Query{Parent: &project, Index: indexPublished, Prefix: pathKey(project, "")}
	err := documents.each(tx, q, func(d storage.Item[document]) error {
		p := d.Value.Published
		found = append(found, publishedDocument{
			ID: d.ID, Path: d.Value.Path, ContentType: or(d.Value.ContentType, ""), Version: p.Version, Hash: p.Hash, Size: p.Size,
		})
		return nil
	})
	return found, err
}

// ListDocumentVersions lists a page of the versions of a document, newest first.
func (a *API) ListDocumentVersions(ctx context.Context, request brms.ListDocumentVersionsRequestObject) (brms.ListDocumentVersionsResponseObject, error) {
	p := request.Params
	found, err := versions.list(ctx, a, asked{page: p.Page, perPage: p.PerPage}, request.ProjectID, request.DocumentID)
	return brms.ListDocumentVersions200JSONResponse(found), err
}

// CreateDocumentVersion adds a version, which is not published.
func (a *API) CreateDocumentVersion(ctx context.Context, request brms.CreateDocumentVersionRequestObject) (brms.CreateDocumentVersionResponseObject, error) {
	body, project, id := request.Body, request.ProjectID, request.DocumentID
	content, err := bodyContent(ctx, body.Content)
	if err != nil {
		return nil, err
	}
	changed, err := a.writeDocument(ctx, func(w *work) (storage.Item[document], error) {
		d, err := documents.at(w, project, id)
		if err != nil {
			return d, err
		}
		name := or(body.Name, numbered(d))
		if body.VersionID != nil {
			from, err := versions.at(w, project, id, *body.VersionID)
			if err != nil {
				return d, err
			}
			if content == nil {
				return insertNamed(w, d, version{Name: name, From: from.ID, Hash: from.Value.Hash, Size: from.Value.Size})
			}
		}
		if content == nil {
			return insertNamed(w, d, version{Name: name, Hash: d.Value.Hash, Size: d.Value.Size})
		}
		return addVersion(w, d, body.VersionID, name, content)
	})
	return brms.CreateDocumentVersion200JSONResponse(changed), err
}

// GetDocumentVersion reads a version with its content.
func (a *API) GetDocumentVersion(ctx context.Context, request brms.GetDocumentVersionRequestObject) (brms.GetDocumentVersionResponseObject, error) {
	found, err := reading(ctx, a, func(tx storage.ReadTx) (brms.DocumentVersion, error) {
		v, err := versions.at(tx, request.ProjectID, request.DocumentID, request.VersionID)
		return a.wholeVersion(tx, v, err)
	})
	return brms.GetDocumentVersion200JSONResponse(found), err
}

// RenameDocumentVersion gives a version another name.
func (a *API) RenameDocumentVersion(ctx context.Context, request brms.RenameDocumentVersionRequestObject) (brms.RenameDocumentVersionResponseObject, error) {
	changed, err := writing(ctx, a, func(w *work) (brms.DocumentVersion, error) {
		v, err := versions.update(w, func(v *version) error {
			v.Name = request.Body.Name
			return nil
		}, request.ProjectID, request.DocumentID, request.VersionID)
		return a.wholeVersion(w, v, err)
	})
	return brms.RenameDocumentVersion200JSONResponse(changed), err
}

// wholeVersion answers a version with its content, and with the releases that it is in.
func (a *API) wholeVersion(tx storage.ReadTx, v storage.Item[version], err error) (view brms.DocumentVersion, _ error) {
	if err != nil {
		return view, err
	}
	of, err := documents.of(tx, v.Parent)
	if err != nil {
		return view, err
	}
	if view, err = viewVersion(tx, of, v, true); err != nil {
		return view, err
	}
	return view, a.released.add(tx, of.Parent, &view)
}
