package brms

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// The limits of paths, which the vendor does not publish: characters of a name, names
// within each other.
const (
	maxName   = 255
	maxFolder = 32
)

// splitPath gives the names of a path; what is empty between slashes is none.
func splitPath(path string) ([]string, error) {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil, nil
	}
	names := slices.DeleteFunc(strings.Split(path, "/"), func(name string) bool { return name == "" })
	if len(names) > maxFolder {
		return nil, pathInvalid("A path has at most " + strconv.Itoa(maxFolder) + " names")
	}
	for _, name := range names {
		if name == "." || name == ".." || utf8.RuneCountInString(name) > maxName || !utf8.ValidString(name) ||
			strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == '\\' }) {
			return nil, pathInvalid(`A name in a path is neither "." nor "..", has no control characters and backslashes, and at most ` + strconv.Itoa(maxName) + " characters")
		}
	}
	return names, nil
}

// below is the path of a name in the folder with a path, "" for the project.
func below(folder, name string) string {
	if folder == "" {
		return name
	}
	return folder + "/" + name
}

// documentsKept refuses documents of their own to a project whose content is in
// branches.
func documentsKept(w *work, project uuid.UUID) error {
	p, err := projects.at(w, project)
	if err == nil && p.Value.Version == "v2" {
		err = site.Conflict("document.notSupported", "A v2 project keeps its content in branches, not in documents")
	}
	return err
}

// findDocument is the living document that a client names by its path or its id.
func findDocument(tx storage.ReadTx, project, ref string) (storage.Item[document], error) {
	path := pathKey(project, strings.Trim(ref, "/"))
	id, notID := uuid.Parse(ref)
	if known, err := documents.has(tx, indexPath, path); err != nil || known || notID != nil {
		return documents.by(tx, indexPath, path)
	}
	d, err := documents.of(tx, id.String())
	if err == nil && d.Parent != project {
		return d, documents.notFound()
	}
	return d, err
}

// findFolder is the folder that a client names, in the same way; the zero document
// for the project itself.
func findFolder(tx storage.ReadTx, project, ref string) (storage.Item[document], error) {
	if strings.Trim(ref, "/") == "" {
		return storage.Item[document]{}, nil
	}
	d, err := findDocument(tx, project, ref)
	if err == nil && d.Value.Type != folder {
		return d, site.Conflict("document.notFolder", "The document is not a folder")
	}
	return d, err
}

// makeFolders is the folder at a path in another, made where it is missing.
func makeFolders(w *work, project uuid.UUID, in storage.Item[document], names []string) (storage.Item[document], error) {
	for _, name := range names {
		path := below(in.Value.Path, name)
		known, err := documents.has(w, indexPath, pathKey(project.String(), path))
		if err != nil {
			return in, err
		}
		if known {
			in, err = findFolder(w, project.String(), path)
		} else {
			in, err = documents.insert(w, document{Name: name, Type: folder, Path: path, Folder: in.ID}, project)
		}
		if err != nil {
			return in, err
		}
	}
	return in, nil
}

// placeOf is where a client wants a new document: the folder, and the path of it in
// names that are not made yet. The folder is named by id or path, the document by its
// name, which may lead through folders.
func placeOf(w *work, project uuid.UUID, parent, name string) (in storage.Item[document], names []string, err error) {
	names, err = splitPath(name)
	if err == nil && len(names) == 0 {
		err = pathInvalid("A document needs a name")
	}
	if err != nil || strings.Trim(parent, "/") == "" {
		return in, names, err
	}
	in, err = findFolder(w, project.String(), parent)
	if refusal := site.AsRefusal(err); err != nil && refusal.Kind == site.KindNotFound {
		if _, isID := uuid.Parse(parent); isID == nil {
			return in, nil, err
		}
		folders, err := splitPath(parent)
		return storage.Item[document]{}, append(folders, names...), err
	}
	return in, names, err
}

// createDocument makes what a body asks for. content is that of a file, nil for none.
func createDocument(w *work, project uuid.UUID, body *brms.CreateDocumentRequest, content []byte) (made storage.Item[document], err error) {
	if err := documentsKept(w, project); err != nil {
		return made, err
	}
	in, names, err := placeOf(w, project, or(body.Parent, ""), body.Name)
	if err != nil {
		return made, err
	}
	if in, err = makeFolders(w, project, in, names[:len(names)-1]); err != nil {
		return made, err
	}
	name := names[len(names)-1]
	if or(body.Duplicate, false) {
		if name, err = freeName(w, project, in.Value.Path, name); err != nil {
			return made, err
		}
		if body.Source != nil && *body.Source != "" {
			source, err := findDocument(w, project.String(), *body.Source)
			if err != nil {
				return made, err
			}
			return copyDocument(w, source, project, in, name)
		}
	}
	d := document{
		Name: name, Type: or(body.Type, file), Path: below(in.Value.Path, name), Folder: in.ID, ContentType: body.ContentType,
	}
	if d.Type != folder && d.ContentType == nil {
		d.ContentType = new(decisionType)
	}
	if body.Meta != nil {
		if d.Meta, err = json.Marshal(body.Meta); err != nil {
			return made, err
		}
	}
	if made, err = documents.insert(w, d, project); err != nil || d.Type == folder {
		return made, err
	}
	if content == nil {
		content = emptyContent(*d.ContentType)
	}
	if made, err = addVersion(w, made, nil, numbered(made), content); err == nil && or(body.TestEvent, "") != "" {
		_, err = testEvents.insert(w, testEvent{Name: name, Context: *body.TestEvent, Category: "shared", Document: made.ID}, project)
	}
	return made, err
}

// emptyContent is the content of a file that is made without any.
func emptyContent(contentType string) []byte {
	if contentType == decisionType {
		return []byte(`{"nodes":[],"edges":[]}`)
	}
	return []byte("null")
}

// freeName gives the wanted name in a folder, or the first free one of "wanted (1)",
// "wanted (2)" and so on, an extension staying behind.
func freeName(tx storage.ReadTx, project uuid.UUID, in, wanted string) (name string, err error) {
	stem, extension := wanted, ""
	if i := strings.LastIndexByte(wanted, '.'); i > 0 {
		stem, extension = wanted[:i], wanted[i:]
	}
	name = wanted
	for n := 1; ; n++ {
		taken, err := documents.has(tx, indexPath, pathKey(project.String(), below(in, name)))
		if err != nil || !taken {
			return name, err
		}
		name = stem + " (" + strconv.Itoa(n) + ")" + extension
	}
}

// inFolder calls fn with every living document below the folder at a path, in the
// order of paths: a folder comes before what is in it.
func inFolder(tx storage.ReadTx, project, path string, fn func(storage.Item[document]) error) error {
	prefix := path
	if path != "" {
		prefix += "/"
	}
	found, err := documents.all(tx, storage.Query{Parent: &project, Index: indexPath, Prefix: pathKey(project, prefix)})
	if err != nil {
		return err
	}
	// "a b" is before "a/b" in the order of bytes, but not in that of names.
	slices.SortFunc(found, func(a, b storage.Item[document]) int {
		return slices.Compare(strings.Split(a.Value.Path, "/"), strings.Split(b.Value.Path, "/"))
	})
	for _, d := range found {
		if err := fn(d); err != nil {
			return err
		}
	}
	return nil
}

// copyDocument copies a document, of whatever project, into a folder: with its newest
// version, which is not published, and all that is in it.
func copyDocument(w *work, source storage.Item[document], project uuid.UUID, in storage.Item[document], name string) (storage.Item[document], error) {
	within := in.Value.Path == source.Value.Path || strings.HasPrefix(in.Value.Path, source.Value.Path+"/")
	if source.Parent == project.String() && within && source.Value.Type == folder {
		return source, site.Conflict("document.intoItself", "A folder cannot be put into itself")
	}
	made, err := copyOne(w, source, project, in, name, false)
	if err != nil || source.Value.Type != folder {
		return made, err
	}
	folders := map[string]storage.Item[document]{source.ID: made}
	return made, inFolder(w, source.Parent, source.Value.Path, func(d storage.Item[document]) error {
		copied, err := copyOne(w, d, project, folders[d.Value.Folder], d.Value.Name, false)
		folders[d.ID] = copied
		return err
	})
}

// copyOne copies a document alone; publishing tells whether what is published of it is
// copied, and published, too.
func copyOne(w *work, source storage.Item[document], project uuid.UUID, in storage.Item[document], name string, publishing bool) (storage.Item[document], error) {
	from := source.Value
	made, err := documents.insert(w, document{
		Name: name, Type: from.Type, Path: below(in.Value.Path, name), Folder: in.ID,
		ContentType: from.ContentType, Meta: from.Meta,
	}, project)
	if err != nil || from.Newest == "" {
		return made, err
	}
	if p := from.Published; publishing && p != nil {
		if made, err = insertVersion(w, made, version{Hash: p.Hash, Size: p.Size}); err == nil {
			made, err = publish(w, made, nil, "")
		}
		if err != nil || p.Version == from.Newest {
			return made, err
		}
	}
	return insertVersion(w, made, version{Hash: from.Hash, Size: from.Size})
}

// copyDocuments copies the documents of a project, with what is published of them, into
// another that has none.
func copyDocuments(w *work, from, to uuid.UUID) error {
	folders := map[string]storage.Item[document]{}
	return inFolder(w, from.String(), "", func(d storage.Item[document]) error {
		copied, err := copyOne(w, d, to, folders[d.Value.Folder], d.Value.Name, true)
		folders[d.ID] = copied
		return err
	})
}

// moveTo puts a document at a path in a folder, with all that is in it.
func moveTo(w *work, d, in storage.Item[document], name string) (storage.Item[document], error) {
	path, old := below(in.Value.Path, name), d.Value.Path
	if path == old {
		return d, nil
	}
	if d.Value.Type == folder && strings.HasPrefix(path+"/", old+"/") {
		return d, site.Conflict("document.intoItself", "A folder cannot be put into itself")
	}
	if _, err := splitPath(path); err != nil {
		return d, err
	}
	project, id := uuid.MustParse(d.Parent), uuid.MustParse(d.ID)
	var inside []storage.Item[document]
	if d.Value.Type == folder {
		if err := inFolder(w, d.Parent, old, func(x storage.Item[document]) error {
			inside = append(inside, x)
			return nil
		}); err != nil {
			return d, err
		}
	}
	moved, err := documents.update(w, func(d *document) error {
		d.Name, d.Path, d.Folder = name, path, in.ID
		return nil
	}, project, id)
	if err != nil {
		return d, err
	}
	for _, x := range inside {
		if _, err := splitPath(path + x.Value.Path[len(old):]); err != nil {
			return d, err
		}
		if _, err := documents.update(w, func(d *document) error {
			d.Path = path + d.Path[len(old):]
			return nil
		}, project, uuid.MustParse(x.ID)); err != nil {
			return d, err
		}
	}
	return moved, nil
}

// renameDocument gives a document another name in its folder.
func renameDocument(w *work, d storage.Item[document], name string) (storage.Item[document], error) {
	names, err := splitPath(name)
	if err != nil || len(names) != 1 {
		return d, cmp.Or(err, pathInvalid("A document is renamed to one name"))
	}
	in := storage.Item[document]{}
	if d.Value.Folder != "" {
		if in, err = documents.of(w, d.Value.Folder); err != nil {
			return d, err
		}
	}
	return moveTo(w, d, in, names[0])
}

// MoveDocuments puts documents into another folder.
func (a *API) MoveDocuments(ctx context.Context, request brms.MoveDocumentsRequestObject) (brms.MoveDocumentsResponseObject, error) {
	body, project := request.Body, request.ProjectID
	moved, err := writing(ctx, a, func(w *work) ([]brms.DecisionDocument, error) {
		if _, err := projects.place(w, []uuid.UUID{project}); err != nil {
			return nil, err
		}
		in, err := findFolder(w, project.String(), body.Target)
		if err != nil {
			return nil, err
		}
		views := []brms.DecisionDocument{}
		for _, id := range body.Ids {
			d, err := documents.at(w, project, id)
			if err == nil {
				d, err = moveTo(w, d, in, d.Value.Name)
			}
			if err != nil {
				return nil, err
			}
			view, err := documents.view(w, d)
			if err != nil {
				return nil, err
			}
			views = append(views, view)
		}
		return views, nil
	})
	return brms.MoveDocuments200JSONResponse(moved), err
}

// trash soft deletes a document and all that is in it, and gives what it deleted, the
// document itself first.
func trash(w *work, d storage.Item[document]) (gone []storage.Item[document], err error) {
	project := uuid.MustParse(d.Parent)
	if d.Value.Type == folder {
		if err := inFolder(w, d.Parent, d.Value.Path, func(x storage.Item[document]) error {
			id := uuid.MustParse(x.ID)
			if _, err := documents.update(w, func(x *document) error {
				x.TrashedWith = d.ID
				return nil
			}, project, id); err != nil {
				return err
			}
			deleted, err := documents.delete(w, project, id)
			gone = append(gone, deleted)
			return err
		}); err != nil {
			return nil, err
		}
	}
	deleted, err := documents.delete(w, project, uuid.MustParse(d.ID))
	return append([]storage.Item[document]{deleted}, gone...), err
}

// DeleteDocuments moves documents to the trash: all of them, or none.
func (a *API) DeleteDocuments(ctx context.Context, request brms.DeleteDocumentsRequestObject) (brms.DeleteDocumentsResponseObject, error) {
	ids, err := writing(ctx, a, func(w *work) ([]uuid.UUID, error) {
		if _, err := projects.place(w, []uuid.UUID{request.ProjectID}); err != nil {
			return nil, err
		}
		deleted := []uuid.UUID{}
		gone := map[string]bool{}
		for _, id := range request.Body.Ids {
			if !gone[id.String()] {
				d, err := documents.at(w, request.ProjectID, id)
				if err != nil {
					return nil, err
				}
				trashed, err := trash(w, d)
				if err != nil {
					return nil, err
				}
				for _, x := range trashed {
					gone[x.ID] = true
				}
			}
			if !slices.Contains(deleted, id) {
				deleted = append(deleted, id)
			}
		}
		return deleted, nil
	})
	return brms.DeleteDocuments200JSONResponse(ids), err
}

// restoreDocument takes a document out of the trash and puts it into a folder, with
// what came into the trash with it. One that is not there stays as it is.
func restoreDocument(w *work, project, id uuid.UUID, in storage.Item[document]) error {
	gone, err := documents.goneOf(w, id.String())
	if err != nil || gone.Parent != project.String() {
		_, err = documents.at(w, project, id)
		return err
	}
	old, path := gone.Value.Path, below(in.Value.Path, gone.Value.Name)
	back := func(d storage.Item[document], folder string) error {
		to := path + d.Value.Path[len(old):]
		if _, err := splitPath(to); err != nil {
			return err
		}
		_, err := documents.restore(w, func(x *document) error {
			x.Path, x.TrashedWith, x.Folder = to, "", folder
			return nil
		}, project, uuid.MustParse(d.ID))
		return err
	}
	if err := back(gone, in.ID); err != nil || gone.Value.Type != folder {
		return err
	}
	root := id.String()
	inside, err := documents.all(w, storage.Query{Index: indexTrash, Equal: &root, Deleted: true})
	if err != nil {
		return err
	}
	for _, d := range inside {
		if err := back(d, d.Value.Folder); err != nil {
			return err
		}
	}
	return nil
}

// RestoreDocuments takes documents out of the trash: all of them, or none.
func (a *API) RestoreDocuments(ctx context.Context, request brms.RestoreDocumentsRequestObject) (brms.RestoreDocumentsResponseObject, error) {
	_, err := writing(ctx, a, func(w *work) (struct{}, error) {
		if _, err := projects.place(w, []uuid.UUID{request.ProjectID}); err != nil {
			return struct{}{}, err
		}
		in, err := findFolder(w, request.ProjectID.String(), or(request.Body.Path, "/"))
		for _, id := range request.Body.Ids {
			if err == nil {
				err = restoreDocument(w, request.ProjectID, id, in)
			}
		}
		return struct{}{}, err
	})
	return brms.RestoreDocuments200Response{}, err
}

// attachment is the header that makes an answer a file (RFC 6266). A name in other
// than ASCII is given in the form of RFC 8187 as well.
func attachment(name, extension string) string {
	if !strings.HasSuffix(name, extension) {
		name += extension
	}
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '_'
		}
		return r
	}, name)
	header := `attachment; filename="` + plain + `"`
	if plain != name {
		header += "; filename*=UTF-8''" + url.PathEscape(name)
	}
	return header
}
