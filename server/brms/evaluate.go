package brms

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// decisionSet is where the decisions of an evaluation come from: what is published of a
// project, or the files of a release. It is asked within one transaction, so that a
// decision and those that it refers to are of one moment.
type decisionSet interface {
	// hash is that of the content at a path (which is its key); false if there is none.
	hash(tx storage.ReadTx, path string) (string, bool, error)
	// all are the hashes of the contents at all paths.
	all(tx storage.ReadTx) (map[string]string, error)
}

// publishedSet is what is published of a project, by its id.
type publishedSet struct{ project string }

func (s publishedSet) hash(tx storage.ReadTx, path string) (string, bool, error) {
	d, err := documents.ifBy(tx, indexPath, pathKey(s.project, path))
	if err != nil || d == nil || d.Value.Published == nil {
		return "", false, err
	}
	return d.Value.Published.Hash, true, nil
}

func (s publishedSet) all(tx storage.ReadTx) (map[string]string, error) {
	found, err := published(tx, s.project)
	hashes := make(map[string]string, len(found))
	for _, d := range found {
		hashes[d.Path] = d.Hash
	}
	return hashes, err
}

// newestSet is the newest versions of a project's files, published or not.
type newestSet struct{ project string }

func (s newestSet) hash(tx storage.ReadTx, path string) (string, bool, error) {
	d, err := documents.ifBy(tx, indexPath, pathKey(s.project, path))
	if err != nil || d == nil {
		return "", false, err
	}
	return d.Value.Hash, d.Value.Hash != "", nil
}

func (s newestSet) all(tx storage.ReadTx) (map[string]string, error) {
	hashes := map[string]string{}
	err := documents.each(tx, storage.Query{Parent: &s.project}, func(d storage.Item[document]) error {
		if d.Value.Hash != "" {
			hashes[d.Value.Path] = d.Value.Hash
		}
		return nil
	})
	return hashes, err
}

// fileSet is a set of files: the hashes of their contents by path. A release is one.
type fileSet map[string]string

func (s fileSet) hash(_ storage.ReadTx, path string) (string, bool, error) {
	hash, ok := s[path]
	return hash, ok, nil
}

func (s fileSet) all(storage.ReadTx) (map[string]string, error) { return s, nil }

const (
	// evaluationTime is how long an evaluation may take.
	evaluationTime = 30 * time.Second
	// compiledBytes is what the decisions take together that are kept compiled.
	compiledBytes = 48 << 20
	// resultBytes is about how long a result may be, and its trace.
	resultBytes = 16 << 20
	// largeGraph is from how many bytes on a graph is compiled by large requests only.
	largeGraph = 256 << 10
	// gatheredAtOnce is how many decisions are looked up before it is known whether
	// they are needed.
	gatheredAtOnce = 64
)

// engines are what evaluates: shared by all workspaces, as what is compiled depends on
// nothing but its text.
type engines struct {
	compiled  *decision.Cache
	functions decision.FunctionHandler // nil where functions do not run
}

// compile gives the decision of a content that the store has.
func (e *engines) compile(ctx context.Context, tx storage.ReadTx, hash string) (*decision.Decision, error) {
	var key [sha256.Size]byte
	if n, err := hex.Decode(key[:], []byte(hash)); err != nil || n != len(key) {
		return nil, errors.New("brms: a content without a hash")
	}
	return e.compiled.Load(key, func() ([]byte, error) {
		text, err := contentOf(tx, hash)
		return text, orStore(err, fits(ctx, text))
	})
}

// fits returns an error if a graph may not be compiled as long as the request is small.
func fits(ctx context.Context, graph []byte) error {
	if len(graph) >= largeGraph && !site.Enlarged(ctx) {
		return site.ErrLarge
	}
	return nil
}

// gathered are decisions by path, looked up at one moment: those that one refers to, or
// all paths where that cannot be told.
type gathered struct {
	api    *API
	loaded map[string]compiled
	rest   map[string]string // hashes by path; nil if everything needed is loaded
}

type compiled struct {
	decision *decision.Decision
	err      error
}

// gather looks up what a decision refers to, and what that refers to.
func (a *API) gather(ctx context.Context, tx storage.ReadTx, set decisionSet, root *decision.Decision) (*gathered, error) {
	g := &gathered{api: a}
	queue := []*decision.Decision{root}
	for len(queue) > 0 {
		keys, scripted := queue[0].References()
		queue = queue[1:]
		if scripted || len(g.loaded)+len(keys) > gatheredAtOnce {
			var err error
			g.rest, err = set.all(tx)
			return g, err
		}
		for _, key := range keys {
			if _, done := g.loaded[key]; done {
				continue
			}
			if g.loaded == nil {
				g.loaded = map[string]compiled{}
			}
			hash, ok, err := set.hash(tx, key)
			if err != nil {
				return nil, err
			}
			if !ok {
				g.loaded[key] = compiled{err: decision.ErrNotFound}
				continue
			}
			d, err := a.engines.compile(ctx, tx, hash)
			if _, refused := errors.AsType[*decision.Error](err); err != nil && !refused {
				return nil, err
			}
			g.loaded[key] = compiled{d, err}
			if err == nil {
				queue = append(queue, d)
			}
		}
	}
	return g, nil
}

// Load gives the decision at a path. It is a [decision.Loader].
func (g *gathered) Load(ctx context.Context, key string) (*decision.Decision, error) {
	if c, ok := g.loaded[key]; ok {
		return c.decision, c.err
	}
	hash, ok := g.rest[key]
	if !ok {
		return nil, decision.ErrNotFound
	}
	// Contents never change, so that another moment does not matter.
	return reading(ctx, g.api, func(tx storage.ReadTx) (*decision.Decision, error) {
		return g.api.engines.compile(ctx, tx, hash)
	})
}

// question is what is to be evaluated.
type question struct {
	set decisionSet
	// path leads to the decision in the set; root is one that is given instead.
	path string
	root func(tx storage.ReadTx) (*decision.Decision, error)
	// project has the integrations that custom nodes are run by.
	project string
	// environment is the id of the one in which it is asked; "" for none.
	environment string
	input       []byte // JSON; nil for {}
	trace       bool
}

// evaluate answers a question. ask is run in a transaction on the caller's workspace,
// and looks up all that the evaluation needs of it. An error is a refusal, a
// [*decision.Error], or one of the store.
func (a *API) evaluate(ctx context.Context, ask func(tx storage.ReadTx) (question, error)) (*decision.Response, error) {
	var root *decision.Decision
	var loader *gathered
	var now time.Time
	q, err := reading(ctx, a, func(tx storage.ReadTx) (q question, err error) {
		if q, err = ask(tx); err != nil {
			return q, err
		}
		if caller := site.PrincipalFrom(ctx); !caller.May(inEnvironment(q.environment)) && !caller.May(anywhere) && caller.Bound {
			return q, site.Forbidden("forbidden", "Forbidden")
		}
		now = tx.Now()
		if q.root != nil {
			root, err = q.root(tx)
		} else {
			root, err = a.decisionAt(ctx, tx, q)
		}
		if err == nil {
			loader, err = a.gather(ctx, tx, q.set, root)
		}
		return q, err
	})
	if err != nil {
		return nil, a.unlessStrange(ctx, err)
	}
	ctx, cancel := context.WithTimeout(ctx, evaluationTime)
	defer cancel()
	engine := decision.New(
		decision.WithLoader(loader), decision.WithFunctions(a.engines.functions),
		decision.WithCustom(&integrationNodes{api: a, project: q.project}),
		decision.WithClock(func() time.Time { return now }), decision.WithEnlarge(site.Enlarge), decision.WithLimits(decision.Limits{ResultBytes: resultBytes}),
	)
	input := q.input
	if len(input) == 0 {
		input = []byte(`{}`)
	}
	response, err := engine.EvaluateJSON(ctx, root, input, decision.EvaluateOptions{Trace: q.trace})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		err = &decision.Error{Kind: decision.KindLimit, Source: "the evaluation took longer than " + evaluationTime.String()}
	}
	return response, err
}

// decisionAt is the decision that a question asks for by its path.
func (a *API) decisionAt(ctx context.Context, tx storage.ReadTx, q question) (*decision.Decision, error) {
	hash, ok, err := q.set.hash(tx, q.path)
	if err != nil {
		return nil, err
	}
	if !ok {
		if _, current := q.set.(publishedSet); current {
			if there, err := documents.has(tx, indexPath, pathKey(q.project, q.path)); err != nil || there {
				return nil, orStore(err, site.NotFound("document.notPublished", "Document is not published"))
			}
		}
		return nil, documents.notFound()
	}
	return a.engines.compile(ctx, tx, hash)
}

func orStore(err error, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// projectBy is the project that a client of the evaluation names, by its id or its key,
// as far as its credential reaches.
func projectBy(ctx context.Context, tx storage.ReadTx, ref string) (storage.Item[project], error) {
	p, err := projectNamed(tx, ref)
	if caller := site.PrincipalFrom(ctx); err == nil && !caller.Sees(p.ID) {
		return p, site.Forbidden("forbidden", "Forbidden")
	}
	return p, err
}

// evaluation is the answer of the operations that evaluate: it writes what the engine
// answers as it is.
type evaluation struct{ *decision.Response }

func (e evaluation) write(w http.ResponseWriter) error {
	return writeJSON(w, e.AppendJSON(make([]byte, 0, 512)))
}

func writeJSON(w http.ResponseWriter, text []byte) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(text)
	return err
}

// VisitEvaluateDecisionResponse writes the answer.
func (e evaluation) VisitEvaluateDecisionResponse(w http.ResponseWriter) error { return e.write(w) }

// VisitEvaluateEnvironmentDecisionResponse writes the answer.
func (e evaluation) VisitEvaluateEnvironmentDecisionResponse(w http.ResponseWriter) error {
	return e.write(w)
}

// VisitSimulateDecisionResponse writes the answer.
func (e evaluation) VisitSimulateDecisionResponse(w http.ResponseWriter) error { return e.write(w) }

// answered makes the answer of what an evaluation gave. A decision without a result is
// refused in the engine's words.
func answered(response *decision.Response, err error) (evaluation, error) {
	if failed, ok := errors.AsType[*decision.Error](err); ok {
		err = &site.Refusal{Kind: site.KindUnprocessable, Message: failed.Error(), Err: failed}
	}
	return evaluation{response}, err
}

// failedBody is what is answered where a decision has no result, as the real service
// words it: the message, and what the engine reports.
type failedBody struct {
	Message string          `json:"message"`
	Data    *decision.Error `json:"data"`
}
