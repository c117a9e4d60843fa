package seed

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/contract/spelling"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/workspace"
	"github.com/understudy-api/understudy/storage"
)

// Seed is a seed that was read.
type Seed struct {
	workspaces []*content
	root       *node // with the files that it names in their places
	inlined    int   // how many these are
}

// content is one workspace of a seed, read and checked: its credential, settings,
// records by their lists, and faults.
type content struct {
	node       *node
	pointer    string
	credential *string // nil for the caller's
	name       string  // of the sub-workspace, "" for none

	clock     storage.Clock
	now       *time.Time // what a running clock is set to
	stopped   bool       // the clock is frozen where it is
	ids       storage.IDs
	drawn     int64
	sequences map[string]int64    // by name in the store: at least so far
	lists     map[string][]*Entry // of each resource, by the kind of its records
	plans     map[*job.Kind]job.Plan
	faults    []workspace.Fault
	given     map[string]int // where an id was given, by kind and id
}

// The names of the members of a seed that are not an API's.
const (
	memberWorkspaces = "workspaces"
	memberCredential = "credential"
	memberWorkspace  = "workspace"
	memberClock      = "clock"
	memberIDs        = "ids"
	memberFaults     = "faults"
	memberSequences  = "sequences"
	memberID         = "id"
)

var (
	clockMembers = []string{"frozen", "now", "offset"}
	idsMembers   = []string{"source", "seed", "drawn"}
	faultMembers = []string{"name", "match", "when", "do"}
	idSources    = []string{"random", string(storage.IDsSeeded), string(storage.IDsSequential)}
)

// maxNumber is the largest number of an id or a sequence: what every reader of JSON
// understands (RFC 8259, section 6).
const maxNumber = 1<<53 - 1

// reader reads a seed and collects what is wrong with it.
type reader struct {
	ctx        context.Context
	documents  *documents
	workspaces *workspace.Manager
	problems   problems
	// meant are the pointers that unknown members were probably meant to be: that
	// such a member is missing is not told again.
	meant map[string]bool
	files files
	err   error // not the seed's
}

func (r *reader) problem(n *node, pointer, format string, args ...any) {
	if !n.broken && r.problems.wants(n.line, n.column) {
		r.problems.add(Problem{n.line, n.column, pointer, fmt.Sprintf(format, args...)})
	}
}

// over reports whether the reading is given up, because nobody waits for it any more.
func (r *reader) over() bool {
	if r.err == nil {
		r.err = r.ctx.Err()
	}
	return r.err != nil
}

// is reports whether a node is of a kind, and else tells.
func (r *reader) is(n *node, pointer string, want kind) bool {
	if n.kind != want {
		r.problem(n, pointer, "Here stands %s, not %s.", want, n.kind)
		return false
	}
	return true
}

// object reports whether a node is an object, and tells its unknown members and the
// required ones it lacks.
func (r *reader) object(n *node, pointer string, known, required []string) bool {
	if !r.is(n, pointer, isObject) {
		return false
	}
	r.unknown(n, pointer, known)
	for _, name := range required {
		if n.get(name) == nil && !r.meant[below(pointer, name)] {
			r.problem(n, pointer, "The member %q is missing.", name)
		}
	}
	return true
}

// unknown tells the members of an object that are not known.
func (r *reader) unknown(n *node, pointer string, known []string) {
	free := slices.DeleteFunc(slices.Clone(known), func(name string) bool { return n.get(name) != nil })
	for _, m := range n.members {
		if slices.Contains(known, m.name) || !r.problems.wants(m.line, m.column) {
			continue
		}
		near := spelling.Nearest(m.name, free, max(1, utf8.RuneCountInString(m.name)/3), nil)
		hint := "Here can stand " + choice(known) + "."
		if near != "" {
			if r.meant == nil {
				r.meant = map[string]bool{}
			}
			r.meant[below(pointer, near)] = true
			hint = fmt.Sprintf("It is perhaps meant to be %q.", near)
		}
		r.problems.add(Problem{m.line, m.column, below(pointer, m.name), fmt.Sprintf("There is no member %s here. %s", shown(m.name), hint)})
	}
}

// text reads a text; "" if it is none.
func (r *reader) text(n *node, pointer string) (string, bool) {
	if n == nil || !r.is(n, pointer, isText) {
		return "", false
	}
	return n.text, true
}

// number reads an integer from least to most.
func (r *reader) number(n *node, pointer string, least, most int64) (int64, bool) {
	if n == nil || !r.is(n, pointer, isNumber) {
		return 0, false
	}
	i, err := strconv.ParseInt(n.text, 10, 64)
	if err != nil || i < least || i > most {
		r.problem(n, pointer, "Here stands a whole number from %d to %d.", least, most)
		return 0, false
	}
	return i, true
}

// time reads a time.
func (r *reader) time(n *node, pointer string) (time.Time, bool) {
	text, ok := r.text(n, pointer)
	if !ok {
		return time.Time{}, false
	}
	// Go takes commas and hours of one digit too.
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || !dateTime.MatchString(text) || at.UTC().Year() < 1 || at.UTC().Year() > 9999 {
		r.problem(n, pointer, "%s is not a time. Write it as 2026-01-31T09:30:00Z, or with an offset such as +02:00 (RFC 3339).", shown(text))
		return time.Time{}, false
	}
	return time.UnixMicro(at.UnixMicro()).UTC(), true
}

var dateTime = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})$`)

func (r *reader) seed(root *node) *Seed {
	s := &Seed{}
	if !r.object(root, "", []string{memberWorkspaces}, []string{memberWorkspaces}) {
		return s
	}
	list := root.get(memberWorkspaces)
	pointer := below("", memberWorkspaces)
	if list == nil || !r.is(list, pointer, isList) {
		return s
	}
	if len(list.items) == 0 {
		r.problem(list, pointer, "The list names no workspace. Give one at least.")
	}
	seen := map[string]int{}
	for i, item := range list.items {
		if r.over() {
			return s
		}
		w := r.workspace(item, below(pointer, strconv.Itoa(i)))
		if w == nil {
			continue
		}
		s.workspaces = append(s.workspaces, w)
		who := "\x00" + w.name
		if w.credential != nil {
			who = *w.credential + who
		}
		if line, again := seen[who]; again {
			w.twice(r, line)
			continue
		}
		seen[who] = item.line
	}
	return s
}

func (w *content) twice(r *reader, line int) {
	r.problem(w.node, w.pointer, "This is the workspace of line %d again. Put both into one, or name another credential or sub-workspace.", line)
}

func (r *reader) workspace(n *node, pointer string) *content {
	known := []string{memberCredential, memberWorkspace, memberClock, memberIDs, memberJobs}
	for _, p := range r.documents.parts {
		known = append(known, p.name())
	}
	if !r.object(n, pointer, append(known, memberFaults), nil) {
		return nil
	}
	w := &content{node: n, pointer: pointer, sequences: map[string]int64{}, lists: map[string][]*Entry{}, given: map[string]int{}}
	if c := n.get(memberCredential); c != nil {
		at := below(pointer, memberCredential)
		secret, ok := r.text(c, at)
		if ok && !wellFormed(secret) {
			r.problem(c, at, "The credential is not one that a header can carry: want visible ASCII characters without spaces, commas and quotation marks, and without a scheme such as \"Bearer\".")
		}
		w.credential = &secret
	}
	if name := n.get(memberWorkspace); name != nil {
		at := below(pointer, memberWorkspace)
		text, ok := r.text(name, at)
		if lower, valid := site.ParseSubWorkspace(text); ok && (!valid || lower != text) {
			r.problem(name, at, "%s is not the name of a sub-workspace: want small letters, digits and hyphens, 63 at most, none of the hyphens first or last.", shown(text))
		}
		w.name = text
	}
	r.clock(w, n.get(memberClock), below(pointer, memberClock))
	r.ids(w, n.get(memberIDs), below(pointer, memberIDs))
	if modes := n.get(memberJobs); modes != nil {
		r.jobs(w, modes, below(pointer, memberJobs))
	}
	for i := range r.documents.parts {
		p := &r.documents.parts[i]
		if at := n.get(p.name()); at != nil {
			r.part(w, p, at, below(pointer, p.name()))
		}
	}
	if faults := n.get(memberFaults); faults != nil {
		r.faults(w, faults, below(pointer, memberFaults))
	}
	return w
}

// wellFormed reports whether a header can carry a secret.
func wellFormed(secret string) bool {
	_, _, ok := contract.Credential(&http.Request{Header: http.Header{"Authorization": {"Bearer " + secret}}}, "Bearer")
	return ok && !strings.HasPrefix(secret, " ")
}

// farthest is how far a running clock is from the real one at most, less the time
// until the seed is planted.
const farthest = 290 * 365 * 24 * time.Hour

func (r *reader) clock(w *content, n *node, pointer string) {
	if n == nil || !r.object(n, pointer, clockMembers, clockMembers[:1]) {
		return
	}
	var now time.Time
	hasNow := false
	if n.get("now") != nil {
		now, hasNow = r.time(n.get("now"), below(pointer, "now"))
	}
	var offset time.Duration
	if n.get("offset") != nil {
		text, ok := r.text(n.get("offset"), below(pointer, "offset"))
		var err error
		if offset, err = time.ParseDuration(text); ok && err != nil {
			r.problem(n.get("offset"), below(pointer, "offset"), "%s is not a duration. Write it as 36h, -1h30m or 250ms.", shown(text))
		}
		if n.get("now") != nil {
			r.problem(n.get("offset"), below(pointer, "offset"), `A clock has "now" or "offset", not both. Remove one of them.`)
		}
	}
	frozen := n.get("frozen")
	switch {
	case frozen == nil || !r.is(frozen, below(pointer, "frozen"), isTruth):
	case frozen.text == "true" && n.get("offset") != nil:
		r.problem(n.get("offset"), below(pointer, "offset"), `A frozen clock stands at "now" and has no offset. Remove it.`)
	case frozen.text == "true" && hasNow:
		w.clock = storage.Clock{}.Freeze(now)
	case frozen.text == "true":
		w.stopped = n.get("now") == nil
	case hasNow && time.Until(now).Abs() > farthest:
		r.problem(n.get("now"), below(pointer, "now"), "A running clock is within 290 years of the real one. Freeze it at such a time.")
	case hasNow:
		w.now = &now
	default:
		w.clock.Offset = offset
	}
}

func (r *reader) ids(w *content, n *node, pointer string) {
	if n == nil || !r.object(n, pointer, idsMembers, idsMembers[:1]) {
		return
	}
	if source, ok := r.text(n.get("source"), below(pointer, "source")); ok {
		switch {
		case !slices.Contains(idSources, source):
			r.problem(n.get("source"), below(pointer, "source"), "There is no source of ids %s: want %s.", shown(source), choice(idSources))
		case source != idSources[0]:
			w.ids.Source = storage.IDSource(source)
		}
	}
	if at := n.get("seed"); at != nil {
		w.ids.Seed, _ = r.number(at, below(pointer, "seed"), -1<<63, 1<<63-1)
	}
	if at := n.get("drawn"); at != nil {
		w.drawn, _ = r.number(at, below(pointer, "drawn"), 0, maxNumber)
	}
}

// part reads what a workspace holds of one API.
func (r *reader) part(w *content, p *part, n *node, pointer string) {
	var known []string
	for _, resource := range p.Resources {
		known = append(known, resource.List)
	}
	if len(p.Sequences) > 0 {
		known = append(known, memberSequences)
	}
	if !r.object(n, pointer, known, nil) {
		return
	}
	for _, resource := range p.Resources {
		r.list(w, p, resource, n, pointer)
	}
	var members []string
	for _, s := range p.Sequences {
		members = append(members, s.Member)
	}
	if at := n.get(memberSequences); at != nil && r.object(at, below(pointer, memberSequences), members, nil) {
		for _, s := range p.Sequences {
			if number := at.get(s.Member); number != nil {
				w.sequences[s.Name], _ = r.number(number, below(below(pointer, memberSequences), s.Member), 0, maxNumber)
			}
		}
	}
	for _, s := range p.Sequences {
		for _, resource := range p.all() {
			for _, e := range w.lists[resource.Kind] {
				w.sequences[s.Name] = max(w.sequences[s.Name], s.Of(e))
			}
		}
	}
}

// list reads one list of resources.
func (r *reader) list(w *content, p *part, resource *Resource, in *node, pointer string) []*Entry {
	list := in.get(resource.List)
	pointer = below(pointer, resource.List)
	if list == nil || !r.is(list, pointer, isList) {
		return nil
	}
	var entries []*Entry
	for i, item := range list.items {
		if r.over() {
			return nil
		}
		e := r.entry(p, resource, item, below(pointer, strconv.Itoa(i)))
		if e == nil {
			continue
		}
		entries = append(entries, e)
		if given := e.Own[memberID]; given != nil {
			id := fmt.Sprint(resource.Kind, "\x00", given)
			if line, again := w.given[id]; again {
				r.problem(item.get(memberID), below(e.pointer, memberID), "Line %d gives this id to another %s. Give each its own, or none.", line, resource.Name)
			} else {
				w.given[id] = item.get(memberID).line
			}
		}
		for _, child := range resource.Within {
			e.Within[child.List] = r.list(w, p, child, item, e.pointer)
		}
	}
	if resource.Check != nil {
		resource.Check(entries, func(e *Entry, name, message string) {
			n, at := e.node, e.pointer
			if value := n.get(name); value != nil {
				n, at = value, below(at, name)
			}
			r.problem(n, at, "%s", message)
		})
	}
	w.lists[resource.Kind] = append(w.lists[resource.Kind], entries...)
	return entries
}

func (r *reader) entry(p *part, resource *Resource, n *node, pointer string) *Entry {
	if !r.is(n, pointer, isObject) {
		return nil
	}
	e := &Entry{node: n, pointer: pointer, Own: r.values(n, pointer, resource.Own), Within: map[string][]*Entry{}}
	create := resource.Creates[0]
	if resource.typed() {
		at := n.get(typeMember)
		if at == nil {
			r.problem(n, pointer, "The member %q is missing: it says which %s this is, %s.", typeMember, resource.Name, choice(resource.types()))
			return nil
		}
		text, ok := r.text(at, below(pointer, typeMember))
		i := slices.IndexFunc(resource.Creates, func(c Create) bool { return c.Type == text })
		if i < 0 {
			if ok {
				r.problem(at, below(pointer, typeMember), "There is no %s of type %s: want %s.", resource.Name, shown(text), choice(resource.types()))
			}
			return nil
		}
		create, e.Type = resource.Creates[i], text
	}
	own := resource.own()
	op := p.creating(create)
	properties := op.Declared(create.body(op))
	r.unknown(n, pointer, append(names(properties), own...))
	if create.Branch { // it says which one the body is
		own = slices.DeleteFunc(own, func(name string) bool { return name == typeMember })
	}
	r.inline(n, pointer, resource.Files)
	body := n.without(own...)
	for _, property := range properties {
		if at := body.get(property.Name); at != nil {
			r.strangers(op, at, property.Schema, below(pointer, property.Name))
		}
	}
	judged, ok := r.judge(op, create.Path, create.Vars, body, pointer)
	if !ok {
		return e // with no body: what is left can still be checked
	}
	read, err := create.Read(judged)
	if err != nil { // a rule that only warns was broken so that nothing can be made of it
		r.problem(n, pointer, "No %s can be made of this: a member is of another type than the document says.", resource.Name)
		return e
	}
	e.Body = read
	return e
}

// strangers tells the members of nested objects that the document does not name. A
// request may have them, and they are dropped; in a file they are mistakes.
func (r *reader) strangers(op *contract.Operation, n *node, schema *contract.Schema, pointer string) {
	switch n.kind {
	case isObject:
		properties := op.Declared(schema)
		if len(properties) == 0 {
			return
		}
		if !contract.TakesMore(schema) {
			r.unknown(n, pointer, names(properties))
		}
		for _, property := range properties {
			if at := n.get(property.Name); at != nil {
				r.strangers(op, at, property.Schema, below(pointer, property.Name))
			}
		}
	case isList:
		if items := contract.ItemsOf(schema); items != nil {
			for i, item := range n.items {
				r.strangers(op, item, items, below(pointer, strconv.Itoa(i)))
			}
		}
	default:
	}
}

// judge holds a body against the operation that takes it, and gives the body as the
// operation would read it. Rules that are guessed do not count.
func (r *reader) judge(op *contract.Operation, path string, vars map[string]string, body *node, pointer string) (judged []byte, ok bool) {
	for name, value := range vars {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	j := op.JudgeRequest(r.ctx, &contract.Message{
		Method: op.Method, URL: &url.URL{Path: path}, Vars: vars, Body: body.json(),
		Header: http.Header{"Content-Type": {"application/json"}},
	})
	ok = true
	for i := range j.Violations {
		v := &j.Violations[i]
		if v.In != contract.InBody || !v.Refuses() {
			continue
		}
		ok = false
		at := v.Pointer()
		if v.Rule == "required" && r.meant[pointer+at] {
			continue
		}
		path := tokens(at)
		where := body.at(path...)
		if v.Rule == "additionalProperties" && len(path) > 0 {
			where = body.at(path[:len(path)-1]...).named(path[len(path)-1])
		}
		r.problem(where, pointer+at, "%s", strings.ReplaceAll(v.Explain().Message, "body member ", "member "))
	}
	return j.Body, ok
}

// values reads a resource's own members.
func (r *reader) values(n *node, pointer string, members []Member) Values {
	values := Values{}
	for _, m := range members {
		value, at := n.get(m.Name), below(pointer, m.Name)
		if value == nil {
			continue
		}
		switch m.Kind {
		case UUID:
			if text, ok := r.text(value, at); ok && uuid.MatchString(text) {
				values[m.Name] = strings.ToLower(text)
			} else if ok {
				r.problem(value, at, "%s is not a UUID. Write it as 01970000-0000-7000-8000-000000000001, or leave it out to be given one.", shown(text))
			}
		case Pattern:
			if text, ok := r.text(value, at); ok && m.Form.MatchString(text) {
				values[m.Name] = text
			} else if ok {
				r.problem(value, at, "%s is not as it should be. Write it as %s.", shown(text), m.Example)
			}
		case Text:
			if text, ok := r.text(value, at); ok {
				values[m.Name] = text
			}
		case Number:
			if number, ok := r.number(value, at, 1, maxNumber); ok {
				values[m.Name] = number
			}
		case Time:
			if t, ok := r.time(value, at); ok {
				values[m.Name] = t
			}
		case Object:
			var known, required []string
			for _, inner := range m.Members {
				known = append(known, inner.Name)
				if inner.Required {
					required = append(required, inner.Name)
				}
			}
			if r.object(value, at, known, required) {
				values[m.Name] = r.values(value, at, m.Members)
			}
		}
	}
	return values
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
