package brms

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// What rules-sync says is to be done.
const (
	actionLoad      = "load"
	actionNoChange  = "no_change"
	actionNoRelease = "no_release"
	actionNoAccess  = "no_access"
	actionError     = "error"
)

// artifactLife is how long the address of an artifact is good, by the workspace's clock.
const artifactLife = time.Hour

// SyncRules tells for each target whether the caller has what it means, and else where
// to get it.
func (a *API) SyncRules(ctx context.Context, request brms.SyncRulesRequestObject) (brms.SyncRulesResponseObject, error) {
	answer := brms.RulesSync{Deployments: []brms.RulesSyncOutcome{}}
	var loads []*load
	if _, err := reading(ctx, a, func(tx storage.ReadTx) (_ struct{}, err error) {
		answer.Deployments, loads, err = a.outcomes(ctx, tx, request.Body)
		answer.NextPollAt = nextPoll(tx, request.Body)
		return struct{}{}, err
	}); err != nil {
		return nil, err
	}
	// One archive at a time is in memory, and none is packed while others wait to write.
	for _, l := range loads {
		artifact, err := a.artifact(ctx, l)
		if err != nil && !errors.Is(err, errTooManyFiles) {
			return nil, err
		}
		for _, i := range l.of {
			if out := &answer.Deployments[i]; err == nil {
				out.Artifact = artifact
			} else {
				out.Action, out.Code = actionError, new("artifact.tooManyFiles")
			}
		}
	}
	return brms.SyncRules200JSONResponse(answer), nil
}

// load is an archive that a caller is to get: its files are known by hashes, so that it
// can be made after the moment at which it was asked for.
type load struct {
	set    ruleSet
	config archiveConfig
	at     time.Time
	of     []int // the deployments that it is for
}

// maxLoads is how many archives one request has made.
const maxLoads = 100

// errTooManyFiles is that an archive would have more files than all clients read.
var errTooManyFiles = errors.New("too many files for an archive")

func nextPoll(tx storage.ReadTx, body *brms.RulesSyncRequest) *string {
	seconds := or(body.SyncInterval, 0)
	if !(seconds > 0) || seconds > 1e9 {
		return nil
	}
	at := timestamp(tx.Now().Add(time.Duration(seconds * float64(time.Second))))
	return &at
}

// outcomes are what is to be done for each target, and the archives for that: one for all
// that want the same.
func (a *API) outcomes(ctx context.Context, tx storage.ReadTx, body *brms.RulesSyncRequest) ([]brms.RulesSyncOutcome, []*load, error) {
	list := make([]brms.RulesSyncOutcome, len(body.Deployments))
	var loads []*load
	same, known := map[string]*load{}, mains{}
	for i := range body.Deployments {
		out, set, err := a.outcome(ctx, tx, known, &body.Deployments[i])
		if err != nil {
			return nil, nil, err
		}
		if list[i] = out; out.Action != actionLoad {
			continue
		}
		key := set.identity()
		if same[key] == nil && len(loads) == maxLoads {
			list[i].Action, list[i].Code = actionError, new("artifact.tooMany")
			continue
		}
		if same[key] == nil {
			l, err := a.loadOf(ctx, tx, set)
			if err != nil {
				return nil, nil, err
			}
			same[key], loads = l, append(loads, l)
		}
		same[key].of = append(same[key].of, i)
	}
	return list, loads, nil
}

// identity is what the archives of equal sets have in common.
func (s *ruleSet) identity() string {
	id := s.project.ID + " " + s.commit
	if s.release != nil {
		id += " release " + s.release.ID
	}
	if s.environment != nil {
		id += " environment " + s.environment.ID
	}
	return id
}

// outcome is what is to be done for a target, and what it means.
func (a *API) outcome(ctx context.Context, tx storage.ReadTx, known mains, wanted *brms.RulesSyncWanted) (out brms.RulesSyncOutcome, set ruleSet, err error) {
	out = brms.RulesSyncOutcome{Target: or(wanted.Target, mainTarget), Alias: wanted.Alias, Action: actionNoAccess}
	caller := site.PrincipalFrom(ctx)
	p, err := projectNamed(tx, wanted.Project)
	if err != nil {
		if site.AsRefusal(err).Kind == site.KindNotFound {
			err = nil
		}
		return out, set, err
	}
	if !caller.Sees(p.ID) {
		return out, set, nil
	}
	set, err = known.target(tx, p, out.Target)
	refusal, refused := errors.AsType[*site.Refusal](err)
	if refused = refused && refusal.Code != ""; err != nil && !refused {
		return out, set, err
	}
	if !set.reachedBy(caller) {
		return out, set, nil
	}
	out.Project = &brms.RulesSyncProject{ID: p.ID, Key: &p.Value.Key}
	if refused {
		out.Action, out.Code = actionError, &refusal.Code
		return out, set, nil
	}
	if e := set.environment; e != nil {
		out.Environment = &brms.RulesSyncEnvironment{ID: e.ID, Key: &e.Value.Key, Name: &e.Value.Name}
		if set.release == nil {
			out.Action = actionNoRelease
			return out, set, nil
		}
	}
	branch := branchID(tx, p.ID).String()
	out.Commit = &brms.RulesSyncCommit{ID: set.commit, BranchID: &branch, BranchName: new(mainTarget)}
	if r := set.release; r != nil {
		out.Release = &brms.RulesSyncRelease{
			ID: r.ID, Name: r.Value.Name, Version: new(strconv.FormatInt(r.Value.Version, 10)), SemanticVersion: r.Value.semanticVersion(),
		}
	}
	out.Action = actionLoad
	if set.held(wanted.Current) {
		out.Action = actionNoChange
	}
	return out, set, nil
}

// held reports whether a caller has the set. A client may put what it has in both
// members, whatever it is.
func (s *ruleSet) held(current *brms.RulesSyncCurrent) bool {
	if current == nil {
		return false
	}
	commit, release := or(current.CommitID, ""), or(current.ReleaseID, "")
	if s.release != nil && release == s.release.ID {
		return true
	}
	return commit == s.commit && (s.release == nil || release == "" || release == commit)
}

// loadOf is the archive of a set.
func (a *API) loadOf(ctx context.Context, tx storage.ReadTx, s ruleSet) (*load, error) {
	tokens, err := a.evaluationTokens(ctx, tx, &s)
	if err != nil {
		return nil, err
	}
	l := &load{set: s, config: configOf(s.project, s.release, s.commit, tokens), at: s.project.Created}
	if s.release != nil {
		l.at = s.release.Created
	}
	if e := s.environment; e != nil {
		l.config.Environment = &configNamed{ID: e.ID, Key: e.Value.Key, Name: e.Value.Name}
		l.config.Deployment = &configDeployed{By: string(userView(tx, s.deployed.By).Email), CreatedAt: timestamp(s.deployed.At)}
	}
	return l, nil
}

// artifact keeps an archive and gives the address of it.
func (a *API) artifact(ctx context.Context, l *load) (*brms.RulesSyncArtifact, error) {
	text, err := reading(ctx, a, func(tx storage.ReadTx) ([]byte, error) {
		set := l.set // its files are let go of with it
		if err := set.read(tx); err != nil {
			return nil, err
		}
		if len(set.files) > maxPlainZip {
			return nil, errTooManyFiles
		}
		return writeArchive(tx, l.config, set.files, l.at, forAgents)
	})
	if err != nil {
		return nil, err
	}
	return writing(ctx, a, func(w *work) (*brms.RulesSyncArtifact, error) {
		hash, err := w.PutBlob(text)
		if err != nil {
			return nil, err
		}
		key, err := artifactKey(w)
		if err != nil {
			return nil, err
		}
		expires := w.Now().Add(artifactLife).Truncate(time.Second)
		query := url.Values{
			"workspace": {w.Workspace()}, "expires": {strconv.FormatInt(expires.Unix(), 10)},
			"signature": {signArtifact(key, w.Workspace(), hash, expires.Unix())},
		}
		return &brms.RulesSyncArtifact{
			URL: site.BaseURLFrom(ctx) + "/api/rules-sync/artifacts/" + hash + "?" + query.Encode(), Sha256: &hash, ExpiresAt: new(timestamp(expires)),
		}, nil
	})
}

// forAgents is a content as agents want it: they read "contentType" as a word of their
// own, and tell the version from "meta".
func forAgents(f *releaseFile, content []byte) ([]byte, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(content, &object); err != nil || object == nil {
		return content, nil //nolint:nilerr // it is JSON, but no graph: agents pass it over
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for _, name := range membersOf(content) {
		if name == "contentType" || name == "meta" {
			continue
		}
		writeMember(&out, name, object[name])
	}
	meta := map[string]json.RawMessage{}
	if given := object["meta"]; given != nil && json.Unmarshal(given, &meta) != nil || meta == nil {
		meta = map[string]json.RawMessage{}
	}
	if f.Version != "" {
		meta["versionId"] = json.RawMessage(`"` + f.Version + `"`)
	}
	if len(meta) > 0 {
		text, err := json.Marshal(meta)
		if err != nil {
			return nil, err
		}
		writeMember(&out, "meta", text)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// membersOf are the names of the members of an object, in their order, each once.
func membersOf(object []byte) (names []string) {
	d := json.NewDecoder(bytes.NewReader(object))
	_, _ = d.Token() // it was read before
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil {
			return names
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

func writeMember(out *bytes.Buffer, name string, value []byte) {
	if out.Len() > 1 {
		out.WriteByte(',')
	}
	text, err := jsontext.AppendQuote(nil, name)
	if err != nil { // what is no UTF-8 stays as near as it can
		text = []byte(strconv.Quote(name))
	}
	out.Write(text)
	out.WriteByte(':')
	out.Write(value)
}

// secret is what is stored of a secret of the workspace's own.
type secret struct {
	Key string `json:"key"` // in hexadecimal digits
}

var secrets = resource[secret, struct{}]{
	code: "secret", noun: "Secret", records: storage.Collection[secret]{Kind: "brms.secret"},
}

const artifactSecret = "artifacts"

// artifactKey is the key by which addresses of artifacts are signed. It is not more
// secret than the artifacts, which are beside it in the store.
func artifactKey(w *work) ([]byte, error) {
	found, err := secrets.ifOf(w, artifactSecret)
	if err != nil {
		return nil, err
	}
	if found == nil {
		sum := sha256.Sum256([]byte("artifact key\x00" + w.Workspace() + "\x00" + w.NewID()))
		made, err := secrets.insertAs(w, artifactSecret, secret{hex.EncodeToString(sum[:])})
		if err != nil {
			return nil, err
		}
		found = &made
	}
	return hex.DecodeString(found.Value.Key)
}

// signArtifact binds an address to a workspace, a content and a time.
func signArtifact(key []byte, workspace, hash string, expires int64) string {
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{workspace, hash, strconv.FormatInt(expires, 10)} {
		_, _ = io.WriteString(mac, part+"\x00") // a hash does not fail
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// GetRulesArtifact gives the archive to whoever has its address.
func (a *API) GetRulesArtifact(ctx context.Context, request brms.GetRulesArtifactRequestObject) (brms.GetRulesArtifactResponseObject, error) {
	p := request.Params
	refused := site.Forbidden("artifact.refused", "The address of the artifact is not good, or not any more")
	workspace, signature := or(p.Workspace, ""), or(p.Signature, "")
	expires, err := strconv.ParseInt(or(p.Expires, ""), 10, 64)
	if err != nil || workspace == "" {
		return nil, refused
	}
	text, err := readingIn(ctx, a, workspace, func(tx storage.ReadTx) ([]byte, error) {
		found, err := secrets.ifOf(tx, artifactSecret)
		if err != nil {
			return nil, err
		}
		if found == nil {
			return nil, refused
		}
		key, err := hex.DecodeString(found.Value.Key)
		if err != nil {
			return nil, err
		}
		signed := signArtifact(key, workspace, request.ArtifactID, expires)
		if !hmac.Equal([]byte(signed), []byte(signature)) || tx.Now().Unix() >= expires {
			return nil, refused
		}
		text, err := tx.Blob(request.ArtifactID)
		if storage.IsNotFound(err) {
			err = site.NotFound("artifact.notFound", "Artifact not found")
		}
		return text, err
	})
	if err != nil {
		return nil, err
	}
	return brms.GetRulesArtifact200ApplicationZipResponse{Body: bytes.NewReader(text), ContentLength: int64(len(text))}, nil
}

// evaluationTokens are the tokens with which a set may be evaluated by whoever loads it:
// that of its environment, and those of its project; but none that opens more than the
// caller's own.
func (a *API) evaluationTokens(ctx context.Context, tx storage.ReadTx, s *ruleSet) ([]string, error) {
	list := []string{}
	if s.environment != nil {
		list = append(list, a.tokens.of(holder{tokenOfEnvironment, tx.Workspace(), s.environment.ID}))
	}
	if caller := site.PrincipalFrom(ctx); caller.Bound && !caller.May(anywhere) {
		return list, nil
	}
	err := projectTokens.each(tx, storage.Query{Parent: &s.project.ID}, func(t storage.Item[projectToken]) error {
		list = append(list, a.tokens.of(holder{tokenOfProject, tx.Workspace(), t.ID}))
		return nil
	})
	return list, err
}
