package brms

import (
	"bytes"
	"slices"
	"strconv"
	"sync"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/storage"
)

// released keeps, by the hash of a release's list of files, the ids of the versions in
// it, sorted: lists never change, and reading one again takes longer than all else that
// the answer of a document does.
type released struct {
	mu    sync.Mutex
	lists map[string][]uuid.UUID
	order []string // those first that came first
	ids   int
}

const (
	// maxReleasedKept is how many ids are kept in all, of 16 bytes each.
	maxReleasedKept = 500_000
	// maxReleasesSearched is in how many releases of a project, the newest, versions are
	// looked for, and maxReleasedSearched how many versions these have together at most.
	maxReleasesSearched = 100
	maxReleasedSearched = 100_000
)

func (l *released) of(tx storage.ReadTx, hash string) ([]uuid.UUID, error) {
	l.mu.Lock()
	ids, kept := l.lists[hash]
	l.mu.Unlock()
	if kept {
		return ids, nil
	}
	text, err := tx.Blob(hash)
	if err != nil {
		return nil, err
	}
	ids = versionsListed(text)
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, kept := l.lists[hash]; kept {
		return ids, nil
	}
	if l.lists == nil {
		l.lists = map[string][]uuid.UUID{}
	}
	l.lists[hash], l.order, l.ids = ids, append(l.order, hash), l.ids+len(ids)+1
	for l.ids > maxReleasedKept && len(l.order) > 1 {
		oldest := l.order[0]
		l.ids -= len(l.lists[oldest]) + 1
		delete(l.lists, oldest)
		l.order = l.order[1:]
	}
	return ids, nil
}

// versionsListed are the ids of the versions in a list of files, sorted. The list is
// our own, and is not decoded: it may be long.
func versionsListed(list []byte) (ids []uuid.UUID) {
	const length = len("7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77")
	for {
		_, rest, is := bytes.Cut(list, []byte(`"version":"`))
		if !is || len(rest) < length {
			break
		}
		if id, err := uuid.ParseBytes(rest[:length]); err == nil {
			ids = append(ids, id)
		}
		list = rest
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

// add adds to versions the releases that they are in, newest first.
func (l *released) add(tx storage.ReadTx, project string, to ...*brms.DocumentVersion) error {
	found, err := releases.all(tx, storage.Query{Parent: &project, Descending: true, Limit: maxReleasesSearched})
	left := maxReleasedSearched
	for i := 0; err == nil && i < len(found) && left > 0; i++ {
		var ids []uuid.UUID
		ids, err = l.of(tx, found[i].Value.Files)
		left -= len(ids)
		for _, v := range to {
			if _, in := slices.BinarySearchFunc(ids, v.ID, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }); in {
				v.Releases = append(v.Releases, brms.VersionRelease{
					ID: uuid.MustParse(found[i].ID), Version: new(strconv.FormatInt(found[i].Value.Version, 10)),
				})
			}
		}
	}
	return err
}
