package brms

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/storage"
)

// sourceFolder is the source of documents that follow files.
const sourceFolder = "folder"

// PublishFiles makes the project with a key hold these files, contents by path, each as
// the published version of the document at its path, and makes the project if there is
// none. Documents that an earlier call made and that are no files any more go to the
// trash; others stay as they are. It tells how many documents it changed. An error about
// a file begins with its path.
func PublishFiles(tx storage.Tx, key string, files map[string][]byte) (changed int, err error) {
	w := &work{Tx: tx}
	project, err := projectOfFiles(w, key)
	if err != nil {
		return 0, err
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		did, err := publishFile(w, project, path, files[path])
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		if did {
			changed++
		}
	}
	id := project.String()
	here, err := documents.all(tx, storage.Query{Parent: &id})
	if err != nil {
		return 0, err
	}
	for _, d := range here {
		if _, is := files[d.Value.Path]; is || d.Value.Source != sourceFolder || d.Value.Type == folder {
			continue
		}
		if _, err := documents.delete(w, project, uuid.MustParse(d.ID)); err != nil {
			return 0, err
		}
		changed++
	}
	return changed, nil
}

// projectOfFiles is the project with a key.
func projectOfFiles(w *work, key string) (uuid.UUID, error) {
	known, err := projects.has(w, indexKey, key)
	if err != nil {
		return uuid.Nil, err
	}
	var p storage.Item[project]
	if known {
		p, err = projects.by(w, indexKey, key)
	} else {
		p, err = projects.insert(w, project{Name: key, Key: key, Version: "v1"})
	}
	if err != nil {
		return uuid.Nil, err
	}
	id := uuid.MustParse(p.ID)
	return id, documentsKept(w, id)
}

// publishFile makes a file the published version of its document; false if it is that
// already.
func publishFile(w *work, project uuid.UUID, path string, text []byte) (bool, error) {
	content, err := contentText(text, nil)
	if err != nil {
		return false, err
	}
	names, err := splitPath(path)
	if err != nil {
		return false, err
	}
	path = strings.Join(names, "/")
	known, err := documents.has(w, indexPath, pathKey(project.String(), path))
	if err != nil {
		return false, err
	}
	var d storage.Item[document]
	if known {
		d, err = documents.by(w, indexPath, pathKey(project.String(), path))
	} else {
		d, err = newFile(w, project, names)
	}
	if err != nil {
		return false, err
	}
	hash, err := w.PutBlob(content)
	if err != nil {
		return false, err
	}
	if p := d.Value.Published; p != nil && p.Hash == hash && d.Value.Hash == hash {
		return false, nil
	}
	if d, err = insertVersion(w, d, version{Hash: hash, Size: len(content)}); err != nil {
		return false, err
	}
	_, err = publish(w, d, nil, "")
	return true, err
}

// newFile makes a document without a version that follows a file.
func newFile(w *work, project uuid.UUID, names []string) (storage.Item[document], error) {
	last := len(names) - 1
	in, err := makeFolders(w, project, storage.Item[document]{}, names[:last])
	if err != nil {
		return in, err
	}
	return documents.insert(w, document{
		Name: names[last], Type: file, Path: below(in.Value.Path, names[last]), Folder: in.ID,
		ContentType: new(decisionType), Source: sourceFolder,
	}, project)
}
