// Package seed reads and writes workspaces as files, each with its
// resources, faults, clock and source of ids.
//
// A seed is YAML or JSON. Every mistake in it is told with its line and column
// before anything is changed, and then all of it becomes true at one moment. The
// APIs stay the owners of their resources: each declares as a [Part] what its
// resources are in a seed, how one is made and how it is read back.
package seed

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/workspace"
	"github.com/understudy-api/understudy/storage"
)

// Placeholder stands in an exported seed for a secret that is needed and that
// nobody can read back.
const Placeholder = "********"

// API is a served API with resources that a seed can hold.
type API interface {
	// Source is the served document, whose rules the resources keep.
	Source() contract.Source
	// Seed describes the resources.
	Seed() Part
}

// Part describes the member of a workspace that holds the resources of one API: which
// lists it has, and which counters of ids and modes of jobs.
type Part struct {
	Resources []*Resource
	Sequences []Sequence
	Jobs      []*job.Kind // whose modes a seed can set
}

// Resource is a kind of resource in a seed. An entry has the members of the body of
// the operation that creates it, the resource's own, and the lists within.
type Resource struct {
	List string // the member that lists them: "projects"
	Name string // one of them, in a message: "project"
	Kind string // of its records
	// Creates are the operations that create one: one, or one for each value of the
	// member "type".
	Creates []Create
	// Own are the members beside those of the body. The one named "id" is unique in
	// a workspace.
	Own    []Member
	Within []*Resource
	// Files are the members of the body whose value may stand in a file beside the seed,
	// as the object {file: PATH}.
	Files []string
	// Check finds what only the API knows to be wrong with the entries of one list,
	// such as a key that is taken, and completes their bodies; nil for nothing.
	Check func(entries []*Entry, report Report)
	// Insert makes the resource below the one with the id parent. It is run within a
	// transaction, maybe more than once, and must not change the entry. Sequences
	// have been raised beyond every number in the seed.
	Insert func(tx storage.Tx, e *Entry, parent string) (id string, err error)
	// Export gives the entries below parent in the order of their insertion, deleted
	// ones included, with their bodies as Insert takes them but without secrets.
	Export func(tx storage.ReadTx, parent string) ([]Exported, error)
}

// Create is an operation that creates a resource: a POST of the API, or a PUT of the
// control API.
type Create struct {
	Type string // the value of the entry's member "type"; "" if there is only one
	// Branch says that the operation takes one of several bodies, by their member "type",
	// which is part of the body.
	Branch  bool
	Control bool              // it is a PUT of the control API
	Path    string            // as the document has it
	Vars    map[string]string // path parameters that the document takes
	Read    func(body []byte) (any, error)
}

// Into reads a body as a T: it is a [Create]'s Read.
func Into[T any](body []byte) (any, error) {
	v := new(T)
	if err := json.Unmarshal(body, v); err != nil {
		return nil, err
	}
	return v, nil
}

// Sequence is a sequence of an API, which a seed can raise.
type Sequence struct {
	Member string // its name in a seed: "bi"
	Name   string // in the store
	// Of is the number of the sequence that an entry holds, 0 for none.
	Of func(e *Entry) int64
}

// Report tells a mistake about an entry: at the value of one of its members, or at
// the entry itself if it has no such member.
type Report func(e *Entry, member, message string)

// MemberKind is the type of the value of a [Member].
type MemberKind int

// The kinds of members.
const (
	UUID    MemberKind = iota // a string, in lower case
	Text                      // a string
	Number                    // an int64 from 1
	Time                      // a time.Time, to the microsecond
	Object                    // Values of Members
	Pattern                   // a string that fits Form
)

// Member is a member of a resource's own.
type Member struct {
	Name     string
	Kind     MemberKind
	About    string // what it is, for the published schema
	Required bool
	Members  []Member // of an Object
	// Form is what a Pattern fits, Example one that does.
	Form    *regexp.Regexp
	Example string
}

// Values are the members of a resource's own that are given, by name.
type Values map[string]any

// Text is a member of kind UUID, Text or Pattern; "" if it is not given.
func (v Values) Text(name string) string {
	s, _ := v[name].(string)
	return s
}

// Number is a member of kind Number; 0 if it is not given.
func (v Values) Number(name string) int64 {
	n, _ := v[name].(int64)
	return n
}

// Time is a member of kind Time; the zero time if it is not given.
func (v Values) Time(name string) time.Time {
	t, _ := v[name].(time.Time)
	return t
}

// Object is a member of kind Object; nil if it is not given.
func (v Values) Object(name string) Values {
	o, _ := v[name].(Values)
	return o
}

// Entry is a resource in a seed.
type Entry struct {
	Type   string // the value of the member "type", where that chooses the operation
	Body   any    // what Create.Read gave
	Own    Values
	Within map[string][]*Entry // by the name of the list

	node    *node
	pointer string
}

// Text is the text of a member, whatever is wrong with the rest of the entry; false if
// it has none.
func (e *Entry) Text(member string) (text string, ok bool) {
	n := e.node.get(member)
	if n == nil || n.kind != isText {
		return "", false
	}
	return n.text, true
}

// Exported is a resource as it is written.
type Exported struct {
	ID   string // of the record, by which the lists within are exported
	Type string
	Body any // its JSON is that of the creating operation's body
	Own  Values
}

// Options make a Seeder.
type Options struct {
	Store storage.Store
	Keys  site.Keyring // knows the secrets
	APIs  []API
	// Documents gives the documents by which bodies are judged: those of the APIs,
	// and the control API's for faults.
	Documents func() ([]*contract.Document, error)
	// Workspaces knows what is wrong with a fault beside what its schema says, and keeps
	// the snapshot of what was planted.
	Workspaces *workspace.Manager
}

// Seeder reads, plants and writes seeds. It is safe for concurrent use.
type Seeder struct {
	o         Options
	documents func() (*documents, error)
}

// New makes a Seeder. To check seeds only, it needs neither a store nor keys.
func New(o Options) *Seeder {
	s := &Seeder{o: o}
	s.documents = sync.OnceValues(s.load)
	return s
}

// documents are the documents that a seed is held against.
type documents struct {
	parts []part
	fault *contract.Operation // of the control API, which takes a fault
}

// part is an API's part with its document.
type part struct {
	Part

	source   contract.Source
	document *contract.Document
	control  *contract.Document // of the control API
}

// name is the name of the API.
func (p *part) name() string { return p.source.API }

// all lists the resources, those within others included.
func (p *Part) all() []*Resource {
	var list []*Resource
	var add func(resources []*Resource)
	add = func(resources []*Resource) {
		for _, resource := range resources {
			list = append(list, resource)
			add(resource.Within)
		}
	}
	add(p.Resources)
	return list
}

const (
	controlAPI = "understudy"
	faultPath  = "/_understudy/faults/{faultName}"
)

func (s *Seeder) load() (*documents, error) {
	loaded, err := s.o.Documents()
	if err != nil {
		return nil, err
	}
	find := func(name string) (*contract.Document, error) {
		for _, d := range loaded {
			if d.API == name {
				return d, nil
			}
		}
		return nil, fmt.Errorf("seed: no document of %s", name)
	}
	d := &documents{}
	control, err := find(controlAPI)
	if err != nil {
		return nil, err
	}
	for _, api := range s.o.APIs {
		p := part{Part: api.Seed(), source: api.Source(), control: control}
		if p.document, err = find(p.name()); err != nil {
			return nil, err
		}
		if err := p.holds(p.Resources); err != nil {
			return nil, err
		}
		d.parts = append(d.parts, p)
	}
	if d.fault = control.Operation(http.MethodPut, faultPath); d.fault == nil {
		return nil, fmt.Errorf("seed: the control API has no %s", faultPath)
	}
	return d, nil
}

// Input is a seed as it is written.
type Input struct {
	YAML []byte // or JSON
	// Beside has the files that the seed may name; nil if it stands in no folder.
	Beside fs.FS
}

// Parse reads a seed. With problems, it is not to be planted.
func (s *Seeder) Parse(ctx context.Context, text Input) (*Seed, []Problem, error) {
	d, err := s.documents()
	if err != nil {
		return nil, nil, err
	}
	root, found := read(text.YAML)
	r := &reader{
		ctx: ctx, documents: d, workspaces: s.o.Workspaces, problems: found,
		files: files{beside: text.Beside, left: MaxBytes - len(text.YAML)},
	}
	var seed *Seed
	if root != nil {
		seed = r.seed(root)
		seed.root, seed.inlined = root, r.files.named
	}
	told := inOrder(r.problems.list)
	if len(told) > 0 {
		newLines(text.YAML).hold(told)
	}
	return seed, told, r.err
}
