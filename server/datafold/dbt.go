package datafold

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/server/dbt"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// dbtArtifacts is an upload: what dbt made of a commit. A further one of the same takes
// its place.
type dbtArtifacts struct {
	Config  string `json:"config"`
	Commit  string `json:"commit"`
	RunType string `json:"runType"`
	// RunID is what the artifacts of production and of a pull request have in common that
	// were built together; "" for none.
	RunID      string    `json:"runId,omitempty"`
	UploadedAt time.Time `json:"uploadedAt"`
	// Parts are the blobs that the archive is in, Digest that of what was read of its
	// manifest.
	Size   int64    `json:"size"`
	Parts  []string `json:"parts"`
	Digest string   `json:"digest"`
	// Order tells which upload of production is the latest.
	Order int64 `json:"order"`
}

// What artifacts are of.
const (
	runTypePR         = "pull_request"
	runTypeProduction = "production"
)

const (
	sequenceArtifacts = "datafold.dbt"
	sequenceUploads   = "datafold.dbt.upload"
)

// The indexes of artifacts.
const (
	indexArtifacts = "artifacts" // of configuration, type, run id and commit: one
	indexCommit    = "commit"    // of configuration, type and commit
	indexLink      = "link"      // of configuration, type and run id
	indexUploads   = "uploads"   // of configuration and type, in the order of uploads
)

var artifactRecords = storage.Collection[dbtArtifacts]{
	Kind:    "datafold.dbt",
	Indexes: []storage.Index{{Name: indexArtifacts}, {Name: indexCommit}, {Name: indexLink}, {Name: indexUploads}},
	Keys: func(_ storage.Meta, v dbtArtifacts) []storage.Key {
		order := fmt.Sprintf("\x00%019d", v.Order)
		keys := []storage.Key{
			{Index: indexArtifacts, Value: joined(v.Config, v.RunType, v.RunID, v.Commit), Unique: true},
			{Index: indexCommit, Value: joined(v.Config, v.RunType, v.Commit) + order},
			{Index: indexUploads, Value: joined(v.Config, v.RunType) + order},
		}
		if v.RunID != "" {
			keys = append(keys, storage.Key{Index: indexLink, Value: joined(v.Config, v.RunType, v.RunID) + order})
		}
		return keys
	},
}

var artifacts = resource[dbtArtifacts, struct{}]{noun: "dbt artifacts", sequence: sequenceArtifacts, records: artifactRecords, in: &ciConfigs}

// lastUpload is the latest upload with the beginning of a value in an index; nil if there
// is none.
func lastUpload(tx storage.ReadTx, index string, parts ...string) (*storage.Item[dbtArtifacts], error) {
	return latest(artifactRecords, tx, storage.Query{Index: index, Prefix: joined(parts...) + "\x00"})
}

// artifactsOf is the latest upload of a commit, with a run id or whichever.
func artifactsOf(tx storage.ReadTx, config, runType, runID, commit string) (*storage.Item[dbtArtifacts], error) {
	if runID == "" {
		return lastUpload(tx, indexCommit, config, runType, commit)
	}
	item, err := having(artifactRecords, tx, indexArtifacts, joined(config, runType, runID, commit))
	if storage.IsNotFound(err) {
		return nil, nil //nolint:nilnil // there is none
	}
	return &item, err
}

// baseOf is the upload that a pull request is compared with: that of its run id, else of
// its base commit, else the latest of production.
func baseOf(tx storage.ReadTx, config, link, sha string) (*storage.Item[dbtArtifacts], error) {
	switch {
	case link != "":
		return lastUpload(tx, indexLink, config, runTypeProduction, link)
	case sha != "":
		return lastUpload(tx, indexCommit, config, runTypeProduction, sha)
	}
	return lastUpload(tx, indexUploads, config, runTypeProduction)
}

// partBytes is the size of the blobs that an archive is cut into.
const partBytes = 1 << 20

// maxField is the size of a field of an upload at most.
const maxField = 64 << 10

// upload are the parts of a request that uploads artifacts.
type upload struct {
	commit, runType, runID string
	archive                spooled
	given                  bool
}

// readUpload reads the parts, in whatever order they come.
func readUpload(body *multipart.Reader) (u upload, err error) {
	fields := map[string]*string{"commit_sha": &u.commit, "run_type": &u.runType, "run_id": &u.runID}
	for {
		part, err := body.NextRawPart() // its bytes are what was judged, whatever transfer encoding it claims
		if errors.Is(err, io.EOF) {
			return u, nil
		}
		if err != nil {
			return u, err
		}
		name := part.FormName()
		if field := fields[name]; field != nil {
			text, err := io.ReadAll(io.LimitReader(part, maxField+1))
			if err != nil {
				return u, err
			}
			if len(text) > maxField {
				return u, unprocessable(problem{[]any{"body", name}, "is too long"})
			}
			*field = strings.ToValidUTF8(string(text), "\uFFFD")
		}
		if name == "artifacts" && !u.given {
			if u.given = true; part.FileName() == "" && len(part.Header["Content-Type"]) == 0 {
				u.given = false // a text, which is no file
			}
			if u.archive, err = spool(part); err != nil {
				return u, err
			}
		}
	}
}

// check is what is wrong with an upload but for its archive.
func (u *upload) check() (wrong []problem) {
	for _, f := range []struct{ name, text string }{{"commit_sha", u.commit}, {"run_type", u.runType}} {
		if strings.TrimSpace(f.text) == "" {
			wrong = append(wrong, missingField("body", f.name))
		}
	}
	if u.runType != "" && u.runType != runTypePR && u.runType != runTypeProduction {
		wrong = append(wrong, problem{[]any{"body", "run_type"}, `must be "production" or "pull_request"`})
	}
	if u.archive.r == nil {
		wrong = append(wrong, missingField("body", "artifacts"))
	}
	return wrong
}

// spooled is a file that was read: in memory if it is small, else in a file without a
// name.
type spooled struct {
	r    io.ReaderAt
	size int64
	file *os.File
}

func (s *spooled) close() {
	if s.file != nil {
		_ = s.file.Close() // it has no name any more
	}
}

func spool(from io.Reader) (s spooled, err error) {
	begin, err := io.ReadAll(io.LimitReader(from, partBytes+1))
	if err != nil {
		return s, err
	}
	if len(begin) <= partBytes {
		return spooled{r: bytes.NewReader(begin), size: int64(len(begin))}, nil
	}
	if s.file, err = os.CreateTemp("", "understudy-artifacts-"); err != nil {
		return s, err
	}
	_ = os.Remove(s.file.Name()) // where an open file cannot be removed it stays until the system clears it
	s.r = s.file
	if s.size, err = io.Copy(s.file, io.MultiReader(bytes.NewReader(begin), from)); err != nil {
		s.close()
	}
	return s, err
}

// SubmitDbtArtifacts keeps the artifacts of a commit. Runs that wait for them go on; a
// commit of a pull request that nobody has told of gets a run.
func (a *API) SubmitDbtArtifacts(ctx context.Context, request datafold.SubmitDbtArtifactsRequestObject) (datafold.SubmitDbtArtifactsResponseObject, error) {
	if err := a.hasCIConfig(ctx, request.CIConfigID); err != nil {
		return nil, err
	}
	u, err := readUpload(request.Body)
	defer u.archive.close()
	if err != nil {
		return nil, err
	}
	if wrong := u.check(); len(wrong) > 0 {
		return nil, unprocessable(wrong...)
	}
	manifest, err := dbt.ReadArchive(u.archive.r, u.archive.size)
	if told, ok := errors.AsType[*dbt.Error](err); ok {
		return nil, unprocessable(problem{[]any{"body", "artifacts"}, told.Message})
	}
	if err != nil {
		return nil, err
	}
	digest, err := packed(manifest)
	if err != nil {
		return nil, err
	}
	return writing(ctx, a, func(w *work) (datafold.SubmitDbtArtifactsResponseObject, error) {
		config, err := ciConfigs.at(w, request.CIConfigID)
		if err != nil {
			return nil, err
		}
		v := dbtArtifacts{Config: config.ID, Commit: u.commit, RunType: u.runType, RunID: u.runID, UploadedAt: w.Now(), Size: u.archive.size, Parts: []string{}}
		if v.Digest, err = w.PutBlob(digest); err != nil {
			return nil, err
		}
		for at := int64(0); at < u.archive.size; at += partBytes {
			part := make([]byte, min(partBytes, u.archive.size-at))
			if _, err := u.archive.r.ReadAt(part, at); err != nil && !errors.Is(err, io.EOF) {
				return nil, err
			}
			hash, err := w.PutBlob(part)
			if err != nil {
				return nil, err
			}
			v.Parts = append(v.Parts, hash)
		}
		if v.Order, err = w.Next(sequenceUploads); err != nil {
			return nil, err
		}
		item, err := keepArtifacts(w, request.CIConfigID, v)
		if err != nil {
			return nil, err
		}
		if err := announce(w, config, &item.Value); err != nil {
			return nil, err
		}
		id, err := strconv.Atoi(item.ID)
		return datafold.SubmitDbtArtifacts200JSONResponse{ID: id, CommitSha: v.Commit, RunType: v.RunType, Status: "ok"}, err
	})
}

// hasCIConfig refuses if there is no such configuration.
func (a *API) hasCIConfig(ctx context.Context, id int) error {
	_, err := reading(ctx, a, func(tx storage.ReadTx, _ job.Look) (struct{}, error) {
		_, err := ciConfigs.at(tx, id)
		return struct{}{}, err
	})
	return err
}

// keepArtifacts keeps an upload, in the place of one of the same.
func keepArtifacts(w *work, config int, v dbtArtifacts) (storage.Item[dbtArtifacts], error) {
	old, err := having(artifactRecords, w.Tx, indexArtifacts, joined(v.Config, v.RunType, v.RunID, v.Commit))
	if storage.IsNotFound(err) {
		return artifacts.insert(w, v, config)
	}
	if err != nil {
		return old, err
	}
	id, err := strconv.Atoi(old.ID)
	if err != nil {
		return old, err
	}
	return artifacts.update(w, func(kept *dbtArtifacts) error {
		*kept = v
		return nil
	}, config, id)
}

// announce lets runs go on that an upload is of.
func announce(w *work, config storage.Item[ciConfig], v *dbtArtifacts) error {
	var found []storage.Item[ciRun]
	if v.RunType == runTypePR {
		var err error
		if found, err = allHaving(ciRunRecords, w.Tx, indexSha, joined(config.ID, v.Commit)); err != nil {
			return err
		}
		if len(found) == 0 {
			run, _, err := runFor(w, config, "", v.Commit)
			if err != nil {
				return err
			}
			found = append(found, *run)
		}
	} else {
		waits := []string{joined(config.ID, "sha", v.Commit), joined(config.ID, "sha", "")}
		if v.RunID != "" {
			waits = append(waits, joined(config.ID, "link", v.RunID))
		}
		for _, value := range waits {
			waiting, err := allHaving(ciRunRecords, w.Tx, indexWaiting, value)
			if err != nil {
				return err
			}
			found = append(found, waiting...)
		}
	}
	for i := range found {
		if err := settle(w, config, &found[i]); err != nil {
			return err
		}
	}
	return nil
}

// packed is what was read of a manifest, as it is kept.
func packed(m *dbt.Manifest) ([]byte, error) {
	var out bytes.Buffer
	to, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	err = errors.Join(json.NewEncoder(to).Encode(m), to.Close())
	return out.Bytes(), err
}

// unpacked is the manifest of an upload.
func unpacked(tx storage.ReadTx, upload string) (*dbt.Manifest, error) {
	item, err := held(artifactRecords, tx, upload)
	if err != nil {
		return nil, err
	}
	kept, err := tx.Blob(item.Value.Digest)
	if err != nil {
		return nil, err
	}
	from, err := gzip.NewReader(bytes.NewReader(kept))
	if err != nil {
		return nil, err
	}
	m := &dbt.Manifest{}
	return m, json.NewDecoder(from).Decode(m)
}

// CheckDbtArtifacts tells whether there are artifacts of a commit.
func (a *API) CheckDbtArtifacts(ctx context.Context, request datafold.CheckDbtArtifactsRequestObject) (datafold.CheckDbtArtifactsResponseObject, error) {
	u := upload{commit: request.Body.CommitSha, runType: request.Body.RunType, archive: spooled{r: bytes.NewReader(nil)}}
	var wrong []problem
	if u.commit == "" || u.runType == "" { // FastAPI takes an empty field for none
		wrong = u.check()
	}
	return reading(ctx, a, func(tx storage.ReadTx, _ job.Look) (datafold.CheckDbtArtifactsResponseObject, error) {
		config, err := ciConfigs.at(tx, request.CIConfigID)
		if err != nil {
			return nil, err
		}
		if len(wrong) > 0 {
			return nil, unprocessable(wrong...)
		}
		found, err := artifactsOf(tx, config.ID, u.runType, "", u.commit)
		switch {
		case err != nil:
			return nil, err
		case found == nil:
			return datafold.CheckDbtArtifacts200JSONResponse{
				Status: "missing", Message: fmt.Sprintf("The dbt artifacts of the commit %s are missing: upload them with the run type %s.", short(u.commit), u.runType),
			}, nil
		}
		return datafold.CheckDbtArtifacts200JSONResponse{Status: "ok", Message: fmt.Sprintf("There are dbt artifacts of the commit %s.", short(u.commit))}, nil
	})
}

// CheckPksInDbtManifest tells which key is found for each model of a manifest. The
// models stand in the order of how the key was found, and of their names.
func (a *API) CheckPksInDbtManifest(ctx context.Context, request datafold.CheckPksInDbtManifestRequestObject) (datafold.CheckPksInDbtManifestResponseObject, error) {
	config, err := reading(ctx, a, func(tx storage.ReadTx, _ job.Look) (storage.Item[ciConfig], error) {
		return ciConfigs.at(tx, request.CIConfigID)
	})
	if err != nil {
		return nil, err
	}
	manifest, err := dbt.Read(request.Body)
	if told, ok := errors.AsType[*dbt.Error](err); ok {
		return nil, unprocessable(problem{[]any{"body"}, told.Message})
	}
	if err != nil {
		return nil, err
	}
	answer := datafold.CheckPksInDbtManifest200JSONResponse{}
	for i := range manifest.Models {
		m := &manifest.Models[i]
		if m.Kind != "model" {
			continue
		}
		key, source, warnings := m.Key(config.Value.PrimaryKeyTag)
		found := datafold.DbtPrimaryKey{
			Source: string(source), SQLTable: notNil(m.Table), DbtFqn: notNil(m.FQN), DbtPks: key, DbtOriginalFilePath: m.File, Warnings: warnings, SQLPks: []string{},
		}
		for _, name := range key {
			if manifest.Adapter == "snowflake" { // which folds names that are not quoted
				name = strings.ToUpper(name)
			}
			found.SQLPks = append(found.SQLPks, name)
		}
		if m.Patch != "" {
			// Before the path stands the project: shop://models/schema.yml.
			_, file, ok := strings.Cut(m.Patch, "://")
			if !ok {
				file = m.Patch
			}
			found.DbtPatchPath = &file
		}
		answer = append(answer, found)
	}
	return answer, nil
}

// Artifacts is the archive of an upload.
func (a *API) Artifacts(ctx context.Context, workspace string, id int) (io.Reader, int64, error) {
	var v dbtArtifacts
	err := a.peek(ctx, workspace, func(tx storage.ReadTx) error {
		item, err := held(artifactRecords, tx, strconv.Itoa(id))
		v = item.Value
		return err
	})
	if storage.IsNotFound(err) {
		return nil, 0, site.NotFound("", "There are no such dbt artifacts")
	}
	return &partReader{parts: v.Parts, blob: func(hash string) (content []byte, err error) {
		err = a.peek(ctx, workspace, func(tx storage.ReadTx) error {
			content, err = tx.Blob(hash)
			return err
		})
		return content, err
	}}, v.Size, err
}

// partReader reads blobs one after the other.
type partReader struct {
	parts []string
	blob  func(hash string) ([]byte, error)
	rest  []byte
}

// next makes sure that something of a part is there; io.EOF if there is nothing more.
func (r *partReader) next() (err error) {
	for len(r.rest) == 0 && err == nil {
		if len(r.parts) == 0 {
			return io.EOF
		}
		r.rest, err = r.blob(r.parts[0])
		r.parts = r.parts[1:]
	}
	return err
}

// Read reads on.
func (r *partReader) Read(p []byte) (int, error) {
	if err := r.next(); err != nil {
		return 0, err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// WriteTo writes whole parts: whoever sends them is told how much memory holds.
func (r *partReader) WriteTo(w io.Writer) (written int64, err error) {
	for {
		if err := r.next(); errors.Is(err, io.EOF) {
			return written, nil
		} else if err != nil {
			return written, err
		}
		n, err := w.Write(r.rest)
		r.rest, written = r.rest[n:], written+int64(n)
		if err != nil {
			return written, err
		}
	}
}
