package workspace

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/contract/spelling"
	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/site"
)

// MaxFaults is how many faults a workspace holds at most.
const MaxFaults = 1000

var tooManyFaults = Problem{Message: "a workspace holds at most " + strconv.Itoa(MaxFaults) + " faults"}

// Problem is a mistake in a fault.
type Problem struct {
	Pointer string // JSON pointer (RFC 6901) into the fault, "" for the whole
	Message string // what is wrong and how to mend it
}

// String names the member in the way it is spoken of: "do.status: ...".
func (p Problem) String() string {
	if p.Pointer == "" {
		return p.Message
	}
	return strings.ReplaceAll(p.Pointer[1:], "/", ".") + ": " + p.Message
}

// InvalidError says that what was asked for cannot be, and why. Its text is for the
// user.
type InvalidError struct{ Problems []Problem }

// Error lists the problems.
func (e *InvalidError) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.String()
	}
	return strings.Join(texts, "; ")
}

// sound is an [*InvalidError] if the fault cannot work.
func (w *Manager) sound(ctx context.Context, f *Fault) error {
	problems, err := w.Check(ctx, f)
	if err == nil && len(problems) > 0 {
		err = &InvalidError{Problems: problems}
	}
	return err
}

// Check lists every mistake of a fault: what contradicts itself, and what the
// documents say can never be.
func (w *Manager) Check(ctx context.Context, f *Fault) ([]Problem, error) {
	documents, err := w.documents()
	if err != nil {
		return nil, fmt.Errorf("the documents that a fault is held against: %w", err)
	}
	c := &checker{fault: f}
	for _, d := range documents {
		if d.API != evidence.ControlAPI {
			c.apis = append(c.apis, d.API)
			c.operations = append(c.operations, d.Operations()...)
		}
	}
	if !namePattern.MatchString(f.Name) {
		c.found("/name", "a name is made of at most 64 letters, digits, dots, hyphens and underscores, and begins with a letter or a digit")
	}
	c.when()
	c.do()
	if f.Match.Outgoing != "" {
		c.outgoing()
	} else if c.match() {
		c.answer(ctx)
	}
	return c.problems, nil
}

// namePattern is that of the parameters FaultName and SnapshotName.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// checker looks for the mistakes of a fault.
type checker struct {
	fault      *Fault
	apis       []string
	operations []*contract.Operation // that are left by what was looked at
	problems   []Problem
}

func (c *checker) found(pointer, format string, args ...any) {
	c.problems = append(c.problems, Problem{Pointer: pointer, Message: fmt.Sprintf(format, args...)})
}

func (c *checker) when() {
	when := &c.fault.When
	for _, member := range []struct {
		name  string
		value *int64
	}{{"from", when.From}, {"every", when.Every}, {"times", when.Times}} {
		if member.value != nil && *member.value < 1 {
			c.found("/when/"+member.name, "it must be at least 1, not %d", *member.value)
		}
	}
	if p := when.Probability; p != nil && !(*p >= 0 && *p <= 1) {
		c.found("/when/probability", "it must be from 0 to 1, not %v", *p)
	}
}

// do looks for what contradicts itself.
func (c *checker) do() {
	do := &c.fault.Do
	var ends []string
	for _, end := range []struct {
		name  string
		given bool
	}{
		{"status", do.Status != nil}, {"rateLimit", do.RateLimit != nil}, {"connection", do.Connection != ""},
	} {
		if end.given {
			ends = append(ends, end.name)
		}
	}
	switch {
	case len(ends) > 1:
		c.found("/do", "of %s only one can be done", listed(ends))
	case len(ends) == 0 && do.Delay == nil && do.Truncate == nil:
		c.found("/do", "it says nothing to do: give a status, a delay, a rateLimit, a connection or truncate")
	}
	if do.Status == nil {
		for _, member := range []struct {
			name  string
			given bool
		}{
			{"undeclared", do.Undeclared}, {"example", do.Example != ""}, {"headers", len(do.Headers) > 0}, {"body", do.Body != nil},
		} {
			if member.given {
				c.found("/do/"+member.name, "it is for a forced answer: give its status too")
			}
		}
	} else {
		c.status(*do.Status)
	}
	if do.Example != "" && do.Body != nil {
		c.found("/do", "of example and body only one can be the answer's body")
	}
	if d := do.Delay; d != nil {
		c.delay(d)
	}
	if l := do.RateLimit; l != nil {
		c.within("/do/rateLimit/requests", float64(l.Requests), 0, 1e9)
		c.within("/do/rateLimit/seconds", float64(l.Seconds), 1, 86400)
	}
	if x := do.Connection; x != "" && x != site.ConnectionReset && x != site.ConnectionResetAfter {
		c.found("/do/connection", "it can be %s or %s, not %q", site.ConnectionReset, site.ConnectionResetAfter, x)
	}
	if do.Truncate != nil {
		switch {
		case *do.Truncate < 0:
			c.found("/do/truncate", "it must be at least 0, not %d", *do.Truncate)
		case do.Connection != "":
			c.found("/do/truncate", "where the connection is reset, there is no answer to truncate")
		case do.RateLimit != nil:
			c.found("/do/truncate", "a rateLimit cannot be truncated: make it a fault of its own")
		}
	}
}

func (c *checker) status(status int) {
	do := &c.fault.Do
	c.within("/do/status", float64(status), 200, 599)
	if do.Body != nil && (status == http.StatusNoContent || status == http.StatusNotModified) {
		c.found("/do/body", "an answer with status %d has none", status)
	}
	for _, name := range slices.Sorted(maps.Keys(do.Headers)) {
		at := "/do/headers/" + pointerEscaper.Replace(name)
		switch http.CanonicalHeaderKey(name) {
		case "Content-Length", "Transfer-Encoding", "Connection", "Trailer", "Upgrade":
			c.found(at, "the server sets it itself")
			continue
		}
		if !headerName.MatchString(name) {
			c.found(at, "this is no name of a header")
		}
		if strings.ContainsFunc(do.Headers[name], func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			c.found(at, "the value of a header holds no control characters")
		}
	}
}

var (
	pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")
	headerName     = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$") // a token (RFC 9110, section 5.6.2)
)

func (c *checker) delay(d *Delay) {
	forms := 0
	for _, given := range []bool{d.Fixed != nil, d.Uniform != nil, d.LogNormal != nil} {
		if given {
			forms++
		}
	}
	if forms != 1 {
		c.found("/do/delay", "give one of fixed, uniform and logNormal")
	}
	if d.Fixed != nil {
		c.within("/do/delay/fixed", *d.Fixed, 0, maxDelay)
	}
	if u := d.Uniform; u != nil {
		c.within("/do/delay/uniform/from", u.From, 0, maxDelay)
		c.within("/do/delay/uniform/to", u.To, 0, maxDelay)
		if u.From > u.To {
			c.found("/do/delay/uniform", "from is %v and to is %v: from must not be the larger", u.From, u.To)
		}
	}
	if l := d.LogNormal; l != nil {
		c.within("/do/delay/logNormal/median", l.Median, 0, maxDelay)
		c.within("/do/delay/logNormal/sigma", l.Sigma, 0, 5)
	}
}

// within holds a number to the bounds of its schema.
func (c *checker) within(pointer string, n, least, most float64) {
	if !(n >= least && n <= most) {
		c.found(pointer, "it must be from %v to %v, not %v", number(least), number(most), number(n))
	}
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// match leaves the operations whose calls can fit, and reports whether there are
// any.
func (c *checker) match() bool {
	m := &c.fault.Match
	whose := listed(c.apis)
	if m.API != "" {
		if !slices.Contains(c.apis, m.API) {
			c.found("/match/api", "there is no API %q: there are %s", m.API, listed(c.apis))
			return false
		}
		whose = m.API
	}
	elsewhere := c.operations
	c.keep(func(op *contract.Operation) bool { return m.API == "" || op.Document().API == m.API })
	if m.Operation != "" {
		all := c.operations
		if !c.keep(func(op *contract.Operation) bool { return op.ID == m.Operation }) {
			c.unknown(m.Operation, whose, all, elsewhere)
			return false
		}
	}
	path := newPattern(m.Path)
	if m.Path != "" && !c.path(&path, whose) {
		return false
	}
	if m.Method != "" {
		methods := names(c.operations, func(op *contract.Operation) string { return op.Method })
		if !c.keep(func(op *contract.Operation) bool { return (&Match{Method: m.Method}).selects(op, &pattern{}) }) {
			c.found("/match/method", "no operation that it else fits has the method %s: %s", m.Method, listed(methods))
			return false
		}
	}
	all := c.operations
	if !c.keep((*contract.Operation).Secured) {
		c.found("/match", "only requests with a credential are met, and none goes with %s", whoever(all))
		return false
	}
	return true
}

// outgoing looks for what cannot be for a request that goes out.
func (c *checker) outgoing() {
	m, do := &c.fault.Match, &c.fault.Do
	if !strings.HasPrefix(m.Outgoing, "http://") && !strings.HasPrefix(m.Outgoing, "https://") {
		c.found("/match/outgoing", "an address begins with http:// or https://")
	}
	for _, member := range []struct {
		name  string
		given bool
	}{
		{"/match/api", m.API != ""},
		{"/match/operation", m.Operation != ""},
		{"/match/path", m.Path != ""},
		{"/do/undeclared", do.Undeclared},
		{"/do/example", do.Example != ""},
		{"/do/rateLimit", do.RateLimit != nil},
		{"/do/truncate", do.Truncate != nil},
		{"/do/connection", do.Connection == site.ConnectionResetAfter},
	} {
		if member.given {
			c.found(member.name, "it is for requests to this server, not for outgoing ones")
		}
	}
}

// keep leaves the operations that fit, and reports whether there are any. If there
// are none, it leaves all.
func (c *checker) keep(fits func(*contract.Operation) bool) bool {
	var kept []*contract.Operation
	for _, op := range c.operations {
		if fits(op) {
			kept = append(kept, op)
		}
	}
	if len(kept) > 0 {
		c.operations = kept
	}
	return len(kept) > 0
}

// unknown words that there is no such operation.
func (c *checker) unknown(id, whose string, all, elsewhere []*contract.Operation) {
	for _, op := range elsewhere {
		if op.ID == id {
			c.found("/match/operation", "%s is an operation of %s, not of %s", id, op.Document().API, whose)
			return
		}
	}
	ids := names(all, func(op *contract.Operation) string { return op.ID })
	if meant := nearest(id, ids); meant != "" {
		c.found("/match/operation", "no operation of %s is called %q: is %s meant?", whose, id, meant)
		return
	}
	c.found("/match/operation", "no operation of %s is called %q: %s", whose, id, closest(id, ids))
}

// path leaves the operations that a path can lead to.
func (c *checker) path(path *pattern, whose string) bool {
	if !strings.HasPrefix(path.text, "/") {
		c.found("/match/path", "a path begins with a slash")
		return false
	}
	if slices.Contains(path.segments, anyRest) {
		c.found("/match/path", `"**" stands for all that follows, and so at the end only; "*" stands for one segment`)
		return false
	}
	paths := names(c.operations, func(op *contract.Operation) string { return op.Path })
	if c.keep(func(op *contract.Operation) bool { return path.reaches(op.Template()) }) {
		return true
	}
	switch meant := nearest(path.text, paths); {
	case c.fault.Match.Operation != "":
		c.found("/match/path", "%s has another path: %s", c.fault.Match.Operation, listed(paths))
	case meant != "":
		c.found("/match/path", "no operation of %s has this path: is %s meant?", whose, meant)
	default:
		c.found("/match/path", "no operation of %s has this path: %s", whose, closest(path.text, paths))
	}
	return false
}

// answer holds the forced answer against the operations that are left.
func (c *checker) answer(ctx context.Context) {
	do := &c.fault.Do
	if do.Status == nil {
		return
	}
	status := *do.Status
	who := whoever(c.operations)
	all := c.operations
	if !c.keep(func(op *contract.Operation) bool { return op.Declares(status) }) && !do.Undeclared {
		statuses := map[string]bool{} // of three digits each: their order is that of their texts
		for _, op := range all {
			for _, s := range op.DeclaredStatuses() {
				statuses[strconv.Itoa(s)] = true
			}
		}
		format := `none of %s declares %d; they declare %s; give "undeclared": true to answer it all the same`
		if len(all) == 1 {
			format = `%s does not declare %d; it declares %s; give "undeclared": true to answer it all the same`
		}
		c.found("/do/status", format, who, status, listed(slices.Sorted(maps.Keys(statuses))))
		return
	}
	if do.Example != "" {
		examples := map[string]bool{}
		for _, op := range c.operations {
			for _, name := range op.Examples(status) {
				examples[name] = true
			}
		}
		if !examples[do.Example] {
			c.found("/do/example", "no answer %d of %s has an example %q: there are %s",
				status, who, do.Example, listed(slices.Sorted(maps.Keys(examples))))
		}
	}
	if do.Body == nil || do.Undeclared {
		return
	}
	header := http.Header{"Content-Type": {"application/json"}}
	for _, op := range c.operations {
		before := len(c.problems)
		for _, v := range op.JudgeResponse(ctx, op.Method, status, header, do.Body) {
			if v.In != contract.InHeader { // those are the server's
				c.found("/do/body", `it is not what %s answers with %d: %s; give "undeclared": true to answer it all the same`,
					op.ID, status, strings.TrimSuffix(v.Explain().Message, "."))
			}
		}
		if len(c.problems) > before {
			return // the others would say the same
		}
	}
}

// whoever names operations.
func whoever(operations []*contract.Operation) string {
	if len(operations) == 1 {
		return operations[0].ID
	}
	return "the " + strconv.Itoa(len(operations)) + " operations that it fits"
}

// names lists a text of operations, each once and in order.
func names(operations []*contract.Operation, of func(*contract.Operation) string) []string {
	texts := make([]string, len(operations))
	for i, op := range operations {
		texts[i] = of(op)
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// maxListed is how many names a message lists.
const maxListed = 20

// listed lists names: "a, b and c".
func listed(texts []string) string {
	switch n := len(texts); {
	case n == 0:
		return "none"
	case n == 1:
		return texts[0]
	case n > maxListed:
		return strings.Join(texts[:maxListed], ", ") + " and " + strconv.Itoa(n-maxListed) + " more"
	default:
		return strings.Join(texts[:n-1], ", ") + " and " + texts[n-1]
	}
}

// nearest finds the text that another was probably meant to be: one that differs in
// a third of its letters at most; "" if there is none.
func nearest(text string, among []string) string {
	return spelling.Nearest(text, among, max(2, len(text)/3), nil)
}

// closest names the few texts that are nearest to another.
func closest(text string, among []string) string {
	if len(among) <= 3 {
		return "there are " + listed(among)
	}
	distance := func(other string) int { return spelling.Distance(strings.ToLower(text), strings.ToLower(other)) }
	sorted := slices.SortedStableFunc(slices.Values(among), func(a, b string) int { return cmp.Compare(distance(a), distance(b)) })
	return "the nearest are " + listed(sorted[:3])
}
