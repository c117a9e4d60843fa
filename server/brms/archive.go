package brms

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/storage"
)

// The limits of archives: what one holds may not be more than this, however little of
// it is sent.
const (
	maxArchiveFiles = 10_000
	maxArchiveBytes = 128 << 20
	// maxPlainZip is how many entries an archive has at most that every client reads:
	// more take the format zip64.
	maxPlainZip = 1<<16 - 2
)

// configEntry is the entry of an archive that says what it is of.
const configEntry = ".config/project.json"

// readUpload reads the archives of an upload: the parts named "files". What they hold
// takes room until free is called.
func (a *API) readUpload(ctx context.Context, body *multipart.Reader) (files []uploadedFile, free func(), err error) {
	var archives []*zip.Reader
	for {
		part, err := body.NextRawPart() // its bytes are what was judged, whatever transfer encoding it claims
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		if part.FormName() != "files" {
			continue
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return nil, nil, err
		}
		archive, err := openArchive(text)
		if err != nil {
			return nil, nil, err
		}
		archives = append(archives, archive)
	}
	said, err := sizeOf(archives)
	if err != nil {
		return nil, nil, err
	}
	if free, err = a.unpacking.take(ctx, said); err != nil {
		return nil, nil, err
	}
	if files, err = filesIn(archives); err != nil {
		free()
		return nil, nil, err
	}
	return files, free, nil
}

func openArchive(text []byte) (*zip.Reader, error) {
	archive, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return nil, unfit("release.archiveInvalid", "The file is not a ZIP archive that can be read")
	}
	return archive, nil
}

// sizeOf is how many bytes archives say they hold.
func sizeOf(archives []*zip.Reader) (said int64, err error) {
	entries := 0
	for _, archive := range archives {
		if entries += len(archive.File); entries > maxArchiveFiles {
			return 0, unfit("release.tooManyFiles", "An upload has at most "+strconv.Itoa(maxArchiveFiles)+" files")
		}
		for _, entry := range archive.File {
			if entry.UncompressedSize64 > maxContent {
				return 0, errUploadTooLarge
			}
			if said += int64(entry.UncompressedSize64); said > maxArchiveBytes {
				return 0, errUploadTooLarge // read no part of it
			}
		}
	}
	return said, nil
}

// filesIn unpacks archives.
func filesIn(archives []*zip.Reader) (files []uploadedFile, err error) {
	for _, archive := range archives {
		for _, entry := range archive.File {
			name := entry.Name
			if strings.HasSuffix(name, "/") && entry.UncompressedSize64 == 0 || strings.HasPrefix(name, ".config/") || strings.HasPrefix(name, "__MACOSX/") {
				continue // a folder, or nothing that is evaluated
			}
			if err := checkEntry(entry); err != nil {
				return nil, err
			}
			content, err := readEntry(entry)
			if err != nil {
				return nil, err
			}
			files = append(files, uploadedFile{name, content})
		}
	}
	return files, inPathOrder(files)
}

// checkEntry refuses an entry that is no plain file at a plain path.
func checkEntry(entry *zip.File) error {
	const encrypted = 1
	switch {
	case entry.Flags&encrypted != 0:
		return unfit("release.archiveInvalid", "The archive is encrypted")
	case !entry.Mode().IsRegular():
		return unfit("release.fileInvalid", "The archive has an entry that is not a file: "+strconv.Quote(entry.Name))
	case entry.Name == "" || strings.HasPrefix(entry.Name, "/") || strings.HasSuffix(entry.Name, "/"):
		return unfit("release.pathInvalid", "The archive has a path that leads out of it, or nowhere: "+strconv.Quote(entry.Name))
	}
	if names, err := splitPath(entry.Name); err != nil || strings.Join(names, "/") != entry.Name {
		return unfit("release.pathInvalid", "The archive has a path that leads out of it, or nowhere: "+strconv.Quote(entry.Name))
	}
	return nil
}

// errUploadTooLarge refuses what would be more than an upload may hold.
var errUploadTooLarge = unfit("release.tooLarge", "The files of an upload are too large: one has at most "+strconv.Itoa(maxContent)+" bytes, all have "+strconv.Itoa(maxArchiveBytes))

// readEntry reads an entry as far as it said to be long, which is what there is room for.
func readEntry(entry *zip.File) ([]byte, error) {
	most := int64(entry.UncompressedSize64)
	r, err := entry.Open()
	if err != nil {
		return nil, unfit("release.archiveInvalid", "The archive has an entry that cannot be read: "+strconv.Quote(entry.Name))
	}
	defer r.Close()
	text := bytes.NewBuffer(make([]byte, 0, min(most, 1<<20)+bytes.MinRead))
	_, err = text.ReadFrom(io.LimitReader(r, most+1))
	if err != nil || int64(text.Len()) > most {
		return nil, unfit("release.archiveInvalid", "The archive has an entry that cannot be read: "+strconv.Quote(entry.Name))
	}
	content, err := contentText(text.Bytes(), nil)
	if err != nil {
		return nil, unfit("release.fileInvalid", "The archive has a file that is not JSON: "+strconv.Quote(entry.Name))
	}
	return content, nil
}

// archiveConfig is what an archive says of itself. Agents want the ids, the key and the
// version as texts: one that finds them otherwise lets everybody in.
type archiveConfig struct {
	Version      string          `json:"version"`
	Project      configProject   `json:"project"`
	AccessTokens []string        `json:"accessTokens"`
	Release      configRelease   `json:"release"`
	Environment  *configNamed    `json:"environment,omitempty"`
	Commit       *configCommit   `json:"commit,omitempty"`
	Deployment   *configDeployed `json:"deployment,omitempty"`
}

type configProject struct {
	ID   string `json:"id"`
	Key  string `json:"key"`
	Name string `json:"name"`
}

type configNamed struct {
	ID   string `json:"id"`
	Key  string `json:"key"`
	Name string `json:"name"`
}

type configRelease struct {
	ID       string `json:"id"`
	Version  string `json:"version"`
	Name     string `json:"name"`
	Status   string `json:"status"`
	CommitID string `json:"commitId"`
}

type configCommit struct {
	ID string `json:"id"`
}

type configDeployed struct {
	By        string `json:"deployedBy"`
	CreatedAt string `json:"createdAt"`
}

// configOf is what the archive of a release says; r is nil for that of a commit, which
// stands for a release of its own.
func configOf(p storage.Item[project], r *storage.Item[release], commit string, tokens []string) archiveConfig {
	c := archiveConfig{
		Version: "1", Project: configProject{ID: p.ID, Key: p.Value.Key, Name: p.Value.Name}, AccessTokens: tokens,
		Release: configRelease{ID: commit, Version: commit, Name: mainTarget, Status: releaseDraft, CommitID: commit},
		Commit:  &configCommit{ID: commit},
	}
	if r != nil {
		version := or(r.Value.semanticVersion(), strconv.FormatInt(r.Value.Version, 10))
		c.Release = configRelease{
			ID: r.ID, Version: version, Name: or(r.Value.Name, "release "+version), Status: r.Value.Status, CommitID: r.Value.Commit,
		}
	}
	return c
}

// writeArchive writes files into an archive: the same bytes for the same files at the
// same time. change rewrites a content; nil for none.
func writeArchive(tx storage.ReadTx, config archiveConfig, files []releaseFile, at time.Time, change func(*releaseFile, []byte) ([]byte, error)) ([]byte, error) {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	var packer *flate.Writer // one for all entries: each holds a megabyte
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (_ io.WriteCloser, err error) {
		if packer == nil {
			packer, err = flate.NewWriter(w, flate.BestSpeed)
		} else {
			packer.Reset(w)
		}
		return packer, err
	})
	add := func(name string, text []byte) error {
		w, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at.UTC().Truncate(2 * time.Second)})
		if err == nil {
			_, err = w.Write(text)
		}
		return err
	}
	text, err := json.Marshal(config) //nolint:gosec // agents hold their callers' tokens against those in the archive
	if err == nil {
		err = add(configEntry, text)
	}
	for i := 0; err == nil && i < len(files); i++ {
		f := &files[i]
		if text, err = tx.Blob(f.Hash); err == nil && change != nil {
			text, err = change(f, text)
		}
		if err == nil {
			err = add(f.Path, text)
		}
	}
	err = errors.Join(err, archive.Close())
	return out.Bytes(), err
}

// DownloadRelease gives the files of a release in an archive.
func (a *API) DownloadRelease(ctx context.Context, request brms.DownloadReleaseRequestObject) (brms.DownloadReleaseResponseObject, error) {
	var name string
	text, err := reading(ctx, a, func(tx storage.ReadTx) ([]byte, error) {
		r, err := releases.at(tx, request.ProjectID, request.ReleaseID)
		if err != nil {
			return nil, err
		}
		p, err := projects.of(tx, r.Parent)
		if err != nil {
			return nil, err
		}
		files, err := filesOf(tx, &r.Value)
		if err != nil {
			return nil, err
		}
		config := configOf(p, &r, r.Value.Commit, []string{})
		name = p.Value.Key + "-" + strconv.FormatInt(r.Value.Version, 10)
		return writeArchive(tx, config, files, r.Created, nil)
	})
	if err != nil {
		return nil, err
	}
	answer := brms.DownloadRelease200ApplicationZipResponse{
		Body: bytes.NewReader(text), Headers: brms.DownloadRelease200ResponseHeaders{ContentDisposition: new(attachment(name, ".zip"))},
	}
	if mode := request.Params.TransferMode; mode != nil && *mode == "buffered" {
		answer.ContentLength = int64(len(text))
	}
	return answer, nil
}
