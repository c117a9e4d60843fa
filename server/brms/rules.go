package brms

import (
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// ruleSet is what can be evaluated of a project: its published documents, those of a
// commit or of a release, or what is deployed to an environment.
type ruleSet struct {
	project     storage.Item[project]
	environment *storage.Item[environment]
	release     *storage.Item[release]
	deployed    *deployed // how the release came to the environment
	commit      string
	files       []releaseFile // in the order of their paths, once they are read
	list        string        // the hash of the list of files that are to be read
}

// read reads the files of a set.
func (s *ruleSet) read(tx storage.ReadTx) (err error) {
	if s.files == nil && s.list != "" {
		s.files, err = listedFiles(tx, s.list)
	}
	return err
}

// reachedBy reports whether a caller may have the set: no token of another environment.
func (s *ruleSet) reachedBy(caller site.Principal) bool {
	return !caller.Bound || caller.May(anywhere) || s.environment != nil && caller.May(inEnvironment(s.environment.ID))
}

// projectNamed is the living project that a client names by its id or its key. The id
// goes first: what is found by one, no key of another leads elsewhere.
func projectNamed(tx storage.ReadTx, ref string) (storage.Item[project], error) {
	if id, err := uuid.Parse(ref); err == nil {
		found, err := projects.of(tx, id.String())
		if err == nil || site.AsRefusal(err).Kind != site.KindNotFound {
			return found, err
		}
	}
	return projects.by(tx, indexKey, ref)
}

// environmentBy is the living environment of a project that a client names likewise.
func environmentBy(tx storage.ReadTx, project, ref string) (storage.Item[environment], error) {
	if id, err := uuid.Parse(ref); err == nil {
		found, err := environments.of(tx, id.String())
		if err == nil && found.Parent == project || err != nil && site.AsRefusal(err).Kind != site.KindNotFound {
			return found, err
		}
	}
	return environments.by(tx, indexKey, project+"\x00"+ref)
}

// releaseBy is the release of a project that a client names by its id, its number or its
// version.
func releaseBy(tx storage.ReadTx, project, ref string) (storage.Item[release], error) {
	if id, err := uuid.Parse(ref); err == nil {
		found, err := releases.of(tx, id.String())
		if err == nil && found.Parent != project {
			err = releases.notFound()
		}
		return found, err
	}
	if n, err := strconv.ParseInt(ref, 10, 64); err == nil {
		return releases.by(tx, indexNumber, project+"\x00"+strconv.FormatInt(n, 10))
	}
	var v [3]int64
	parts := strings.Split(ref, ".")
	for i, part := range parts {
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil || n < 0 || len(parts) != len(v) {
			return storage.Item[release]{}, releases.notFound()
		}
		v[i] = n
	}
	return releases.by(tx, indexSemantic, semanticKey(project, v))
}

// branchID is the id of the one branch that a project of version v1 has.
func branchID(tx storage.ReadTx, project string) uuid.UUID {
	return derivedID(tx.Workspace(), "branch main of "+project)
}

// errBranches refuses what the content of a v2 project is asked for.
var errBranches = site.NotFound("branches.notServed", "A v2 project keeps its content in branches, and branches are not served yet")

// mainSet is what is published of a project.
func mainSet(tx storage.ReadTx, p storage.Item[project]) (set ruleSet, err error) {
	if p.Value.Version == "v2" {
		return set, errBranches
	}
	set.project = p
	set.files, set.commit, err = current(tx, p.ID)
	return set, err
}

// commitSet is what a commit of a project holds: its current state, or what a release of
// it was made of.
func commitSet(tx storage.ReadTx, main ruleSet, commit string) (ruleSet, error) {
	if strings.EqualFold(main.commit, commit) {
		return main, nil
	}
	set := ruleSet{project: main.project, commit: strings.ToLower(commit)}
	found, err := releases.ifBy(tx, indexCommit, main.project.ID+"\x00"+set.commit)
	if err == nil && found == nil {
		err = errNoCommit
	}
	if err != nil {
		return set, err
	}
	set.list = found.Value.Files
	return set, nil
}

// hold makes a set that of a release.
func (s *ruleSet) hold(r storage.Item[release]) {
	s.release, s.commit, s.list = &r, r.Value.Commit, r.Value.Files
}

// releaseSet is what a release of a project holds.
func releaseSet(tx storage.ReadTx, p storage.Item[project], ref string) (set ruleSet, err error) {
	set.project = p
	r, err := releaseBy(tx, p.ID, ref)
	if err == nil {
		set.hold(r)
	}
	return set, err
}

// environmentSet is what is deployed to an environment; without a release if nothing is.
func environmentSet(tx storage.ReadTx, p storage.Item[project], ref string) (set ruleSet, err error) {
	e, err := environmentBy(tx, p.ID, ref)
	if err != nil {
		return set, err
	}
	set.project, set.environment = p, &e
	if set.deployed, err = inUse(tx, e.Value); err != nil || set.deployed == nil {
		return set, err
	}
	r, err := releases.of(tx, set.deployed.Release)
	if err == nil {
		set.hold(r)
	}
	return set, err
}

// errBadTarget refuses a target that is none.
var errBadTarget = &site.Refusal{Kind: site.KindUnprocessable, Code: "target.invalid", Message: "A target is main, branch:ID, commit:ID, release:VERSION or env:KEY"}

// mains are what is published of projects at one moment, each looked up once.
type mains map[string]ruleSet

func (m mains) of(tx storage.ReadTx, p storage.Item[project]) (ruleSet, error) {
	set, known := m[p.ID]
	if known {
		return set, nil
	}
	set, err := mainSet(tx, p)
	if err == nil {
		m[p.ID] = set
	}
	return set, err
}

// target is what a target of rules-sync means.
func (m mains) target(tx storage.ReadTx, p storage.Item[project], target string) (ruleSet, error) {
	kind, ref, given := strings.Cut(target, ":")
	switch {
	case target == mainTarget:
		return m.of(tx, p)
	case !given || ref == "":
	case kind == "branch":
		if ref != mainTarget && !strings.EqualFold(ref, branchID(tx, p.ID).String()) {
			return ruleSet{}, site.NotFound("branch.notFound", "Branch not found")
		}
		return m.of(tx, p)
	case kind == "commit":
		main, err := m.of(tx, p)
		if err != nil {
			return main, err
		}
		return commitSet(tx, main, ref)
	case kind == "release":
		return releaseSet(tx, p, ref)
	case kind == "env":
		return environmentSet(tx, p, ref)
	}
	return ruleSet{}, errBadTarget
}

// errNothingDeployed refuses to evaluate where no release is.
var errNothingDeployed = site.NotFound("environment.noRelease", "No release is deployed to the environment")

// deployedFiles are the files of the release that is deployed in an environment of a
// project, which a client names by id or key.
func (a *API) deployedFiles(tx storage.ReadTx, project, ref string) (decisionSet, error) {
	e, err := environmentBy(tx, project, ref)
	if err != nil {
		return nil, err
	}
	now, err := inUse(tx, e.Value)
	if err != nil {
		return nil, err
	}
	if now == nil {
		return nil, errNothingDeployed
	}
	return a.releasedFiles(tx, project, now.Release)
}

// releasedFiles are the files of a release of a project, which a client names by id,
// number or version.
func (a *API) releasedFiles(tx storage.ReadTx, project, ref string) (decisionSet, error) {
	r, err := releaseBy(tx, project, ref)
	if err != nil {
		return nil, err
	}
	return a.manifests.of(tx, &r.Value)
}

// manifests keep the files of releases by the hash of the list of them, so that an
// evaluation does not read the list.
type manifests struct {
	mu    sync.Mutex
	sets  map[string]fileSet
	order []string // those first that came first
	files int
}

// maxManifestFiles is how many files are kept in all.
const maxManifestFiles = 50_000

func (m *manifests) of(tx storage.ReadTx, r *release) (fileSet, error) {
	m.mu.Lock()
	set, kept := m.sets[r.Files]
	m.mu.Unlock()
	if kept {
		return set, nil
	}
	files, err := filesOf(tx, r)
	if err != nil {
		return nil, err
	}
	set = make(fileSet, len(files))
	for i := range files {
		set[files[i].Path] = files[i].Hash
	}
	m.keep(r.Files, set)
	return set, nil
}

func (m *manifests) keep(hash string, set fileSet) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sets == nil {
		m.sets = map[string]fileSet{}
	}
	if _, kept := m.sets[hash]; kept || len(set) > maxManifestFiles {
		return
	}
	m.sets[hash], m.order, m.files = set, append(m.order, hash), m.files+len(set)+1
	for m.files > maxManifestFiles {
		oldest := m.order[0]
		m.files -= len(m.sets[oldest]) + 1
		delete(m.sets, oldest)
		m.order = m.order[1:]
	}
}
