package evidence

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/shell"
	"github.com/understudy-api/understudy/server/site"
)

// RecordedViolation is what was recorded of one kind of violation: the same rule
// broken for the same cause at the same place of the same operation, however often.
type RecordedViolation struct {
	Fingerprint string            `json:"fingerprint"` // stable over runs: what a baseline keeps
	API         string            `json:"api"`
	Operation   string            `json:"operationId,omitempty"`
	Method      string            `json:"method,omitempty"`
	Path        string            `json:"path,omitempty"` // as the document has it; without an operation as it came, ids replaced by "*"
	Side        contract.Side     `json:"side"`
	Rule        string            `json:"rule"`
	Basis       contract.Basis    `json:"basis"`
	In          contract.In       `json:"in"`
	Name        string            `json:"name,omitempty"`
	Pointer     string            `json:"pointer,omitempty"` // indices replaced by "*", so that lists do not multiply
	Cause       string            `json:"cause,omitempty"`   // which of the rule's; empty if it has one
	Message     string            `json:"message"`
	Got         string            `json:"got,omitempty"`    // of the first, redacted
	Values      []string          `json:"values,omitempty"` // the first few that came and differ, redacted
	Accepted    string            `json:"accepted,omitempty"`
	Document    contract.Location `json:"document"`
	Requests    int64             `json:"requests"`           // how many exchanges have it
	Exchanges   []string          `json:"exchanges"`          // ids of the first few
	Tests       []string          `json:"tests,omitempty"`    // names of the first few tests that met it
	First       *FirstRequest     `json:"first,omitempty"`    // that had it
	Expected    bool              `json:"expected,omitempty"` // the client said that it does so on purpose
	Known       bool              `json:"known,omitempty"`    // named by the baseline
	Check       string            `json:"check,omitempty"`    // of "understudy verify" that failed
	Curl        string            `json:"curl,omitempty"`     // a line for a shell that reproduces it
}

// met is a kind of violation that was met since the store was told.
type met struct {
	RecordedViolation

	telling *telling // of the first exchange; nil once First is told
}

// FirstRequest is the first request that had a kind of violation, redacted.
type FirstRequest struct {
	Exchange  string      `json:"exchange"`
	Time      time.Time   `json:"time"`
	Workspace string      `json:"workspace,omitempty"`
	Test      string      `json:"test,omitempty"`  // that made it, if it said so
	Trace     string      `json:"trace,omitempty"` // its id (W3C Trace Context), if it said so
	UserAgent string      `json:"userAgent,omitempty"`
	Method    string      `json:"method"`
	Path      string      `json:"path"` // with the query
	Status    int         `json:"status"`
	Header    http.Header `json:"header"`
	Body      string      `json:"body,omitempty"` // what stands around the place, if it is long
}

// What is kept of a kind of violation at most.
const (
	firstExchanges = 5
	firstValues    = 10
	firstTests     = 5
	maxTest        = 200     // bytes of a test's name
	maxPath        = 300     // bytes of a path that no operation has
	maxExcerpt     = 1 << 10 // bytes of a body
	maxCurlBody    = 8 << 10
	maxCurl        = 16 << 10  // bytes of a line for curl, beyond which there is none
	maxTarget      = 2 << 10   // bytes of a path with its query
	maxHeader      = 4 << 10   // bytes of the headers of a request
	maxTold        = 256 << 10 // bytes of one request, in all kinds of violations that tell it whole
	maxToldOfAll   = 4 << 20   // bytes of the requests that a workspace's kinds of violations tell
)

// Fails reports whether the violation breaks the verdict.
func (v *RecordedViolation) Fails(on FailOn) bool {
	switch {
	case v.Known || v.Expected || on == FailOnNone || v.Rule == contract.RuleUnserved:
		return false
	case on == FailOnInferred:
		return true
	}
	return v.Side == contract.SideServer || v.Basis.Refuses()
}

// Near is the path, as the document has it, that the violation is about or was nearest
// to; empty if it is about none.
func (v *RecordedViolation) Near() string {
	path, found := strings.CutPrefix(v.Document.Pointer, "/paths/")
	if !found {
		return ""
	}
	path, _, _ = strings.Cut(path, "/")
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(path)
}

// violation adds one kind of violation of an exchange, and tells whether it names
// the exchange.
func (w *workspace) violation(v *met, bound int) bool {
	known := w.groups[v.Fingerprint]
	if known == nil && len(w.groups) >= bound {
		v = v.other()
		known = w.groups[v.Fingerprint]
	}
	if known == nil {
		w.groups[v.Fingerprint] = v
		return true
	}
	before := len(known.Exchanges)
	known.add(&v.RecordedViolation)
	return len(known.Exchanges) > before
}

// add joins what two records say of the same kind of violation.
func (v *RecordedViolation) add(o *RecordedViolation) {
	v.Requests += o.Requests
	for _, id := range o.Exchanges {
		if len(v.Exchanges) < firstExchanges {
			v.Exchanges = append(v.Exchanges, id)
		}
	}
	v.Values = addNew(v.Values, o.Values, firstValues)
	v.Tests = addNew(v.Tests, o.Tests, firstTests)
}

func addNew(list, others []string, most int) []string {
	for _, s := range others {
		if len(list) < most && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// own makes the lists its own, so that adding changes no other's.
func (v *RecordedViolation) own() {
	v.Exchanges, v.Values, v.Tests = slices.Clone(v.Exchanges), slices.Clone(v.Values), slices.Clone(v.Tests)
}

// other is the kind of violation that all of a rule are which are too many to be told
// one by one.
func (v *met) other() *met {
	o := *v
	o.own()
	o.Operation, o.Method, o.Path, o.Name, o.Pointer, o.Cause, o.Document = "", "", "", "", "", "others", contract.Location{File: v.Document.File}
	o.Message = "There are more kinds of violations of this rule than are told one by one. The first of the others: " + v.Message
	o.Fingerprint = o.fingerprint()
	return &o
}

// group gives the kinds of violations of an exchange, each once.
func group(x *site.Exchange) []met {
	groups := make([]met, 0, len(x.Explained))
	at := make(map[string]int, len(x.Explained))
	tests := testsOf(x)
	t := &telling{exchange: x, pointers: []string{""}} // which those have that are too many
	for i := range x.Explained {
		e := &x.Explained[i]
		v := met{telling: t, RecordedViolation: RecordedViolation{
			API: x.API, Operation: e.Operation, Side: e.Side, Rule: e.Rule, Basis: e.Basis, In: e.In, Name: e.Name,
			Pointer: contract.SegmentsFolded(e.Pointer), Cause: e.Cause, Message: e.Message, Got: e.Got, Accepted: e.Accepted, Document: e.Where,
			Expected: e.Expected, Requests: 1, Exchanges: []string{x.ID}, Tests: tests,
		}}
		if e.Got != "" {
			v.Values = []string{e.Got}
		}
		if x.Operation != nil {
			v.Operation = cmp.Or(v.Operation, x.Operation.ID)
			v.Method, v.Path = x.Operation.Method, x.Operation.Path
		} else {
			v.Method, v.Path = strings.ToValidUTF8(contract.Cut(x.Method, 20), "\uFFFD"), folded(x.Path)
		}
		v.Fingerprint = v.fingerprint()
		again, known := at[v.Fingerprint]
		if !known {
			at[v.Fingerprint] = len(groups)
			groups = append(groups, v)
			t.pointers = append(t.pointers, v.Pointer)
		} else {
			groups[again].Values = addNew(groups[again].Values, v.Values, firstValues)
		}
	}
	return groups
}

// ViolationsOf gives the kinds of violations of one exchange, as a report would have them
// that knows no other, with the line that sends the request again.
func ViolationsOf(x *site.Exchange) []RecordedViolation {
	groups := group(x)
	list := make([]RecordedViolation, len(groups))
	for i := range groups {
		groups[i].tellRequest(maxTold)
		list[i] = groups[i].RecordedViolation
	}
	return list
}

// fingerprint is the same for the same rule broken for the same cause at the same
// place of the same operation, in every run.
func (v *RecordedViolation) fingerprint() string {
	parts := []string{
		v.API, v.Operation, string(v.Side), v.Rule, string(v.In), v.Name, v.Pointer, v.Document.Pointer, v.Method, v.Path, v.Cause,
	}
	if v.Expected {
		parts = append(parts, "expected")
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// folded is a path whose ids are "*", so that the same mistake is one whatever it was
// made about.
func folded(path string) string {
	segments := strings.Split(contract.Cut(path, maxPath), "/")
	for i, s := range segments {
		switch {
		case s == "":
		case uuid.Validate(s) == nil, strings.Trim(s, "0123456789") == "",
			len(s) >= 16 && strings.Trim(s, "0123456789abcdefABCDEF") == "":
			segments[i] = "*"
		}
	}
	return strings.ToValidUTF8(strings.Join(segments, "/"), "\uFFFD")
}

// The headers by which a request says which test makes it, or which trace it is of.
const (
	testHeader    = "Understudy-Test"
	baggageHeader = "Baggage"     // W3C Baggage
	traceHeader   = "Traceparent" // W3C Trace Context
)

// testsOf names the test that made a request: none, or one.
func testsOf(x *site.Exchange) []string {
	name := x.RequestHeader.Get(testHeader)
	if name == "" {
		for member := range strings.SplitSeq(x.RequestHeader.Get(baggageHeader), ",") {
			member, _, _ = strings.Cut(member, ";")
			key, value, _ := strings.Cut(strings.TrimSpace(member), "=")
			if key = strings.TrimSpace(key); key == "test" || key == "understudy-test" || key == "understudy.test" {
				if plain, err := url.PathUnescape(strings.TrimSpace(value)); err == nil {
					name = plain
				}
			}
		}
	}
	if name = strings.ToValidUTF8(contract.Cut(strings.TrimSpace(name), maxTest), "\uFFFD"); name == "" {
		return nil
	}
	return []string{name}
}

// telling tells of an exchange. Redacting its messages costs more than all else of a
// violation, and so is done once for all that is wrong with it.
type telling struct {
	exchange *site.Exchange
	pointers []string // of its violations
	once     sync.Once
	first    FirstRequest // whose body is that at one of the pointers
	curl     string
	excerpts map[string]string // of the body, by pointer
	size     int64             // of all that but an excerpt
	told     int64             // bytes
}

func (t *telling) tell() {
	x := t.exchange
	m, s := messagesOf(x), summaryOf(x)
	t.first = FirstRequest{
		Exchange: x.ID, Time: s.Time, Workspace: x.Workspace, UserAgent: contract.Cut(m.Request.Header.Get("User-Agent"), maxTest),
		Method: s.Method, Path: s.Path, Status: x.Status, Header: m.Request.Header, Body: m.Request.Body,
	}
	f := &t.first
	if s.Query != "" {
		f.Path += "?" + s.Query
	}
	for _, name := range testsOf(x) {
		f.Test = name
	}
	if parts := strings.Split(x.RequestHeader.Get(traceHeader), "-"); len(parts) >= 4 && len(parts[1]) == 32 {
		f.Trace = parts[1]
	}
	if t.curl = f.curl(x); len(t.curl) > maxCurl {
		t.curl = ""
	}
	t.excerpts = contract.Excerpts(f.Body, t.pointers, maxExcerpt)
	f.Path = contract.Cut(f.Path, maxTarget)
	f.Header = firstOf(f.Header)
	t.size = int64(len(t.curl) + len(f.Path) + maxTest)
	for name, values := range f.Header {
		t.size += int64(len(name) + len(strings.Join(values, "  ")))
	}
}

// firstOf are as many headers, in the order of their names, as are told.
func firstOf(all http.Header) http.Header {
	told, left := http.Header{}, maxHeader
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, value := range all[name] {
			if left -= len(name) + len(value); left >= 0 {
				told[name] = append(told[name], value)
			}
		}
	}
	return told
}

// tellRequest tells the first request, once for each kind of violation that the store
// does not have: whole, if that takes no more than is left and the kinds of one request
// do not repeat it without end, and else which one it was. It gives how many bytes it
// told.
func (v *met) tellRequest(left int64) int64 {
	t := v.telling
	if t == nil {
		return 0
	}
	v.telling = nil
	t.once.Do(t.tell)
	f := t.first
	f.Body = t.excerpts[v.Pointer]
	size := t.size + int64(len(f.Body))
	v.First = &f
	if size > left || t.told > 0 && t.told+size > maxTold {
		f.Body, f.Header, f.Path = "", http.Header{}, contract.Cut(f.Path, maxPath)
		return 0
	}
	v.Curl = cmp.Or(v.Curl, t.curl)
	t.told += size
	return size
}

// notSent are headers that a client or a connection adds, and that no line has to
// repeat.
var notSent = []string{
	"Accept-Encoding", "Connection", "Content-Length", "Host", "User-Agent", "Tracestate",
	testHeader, baggageHeader, traceHeader, site.ExpectHeader, site.WorkspaceHeader,
}

// curl is a line for a shell that sends the request to a stand-in of its own, at
// $UNDERSTUDY_URL. A credential in it is any: every one is let in.
func (f *FirstRequest) curl(x *site.Exchange) string {
	c := shell.Call{Method: f.Method, Base: "UNDERSTUDY_URL", Target: shell.Literal(f.Path), Header: http.Header{}}
	for name, values := range f.Header {
		if slices.Contains(notSent, name) {
			continue
		}
		for i, value := range values {
			if strings.HasSuffix(value, contract.Mask) {
				value = anySecret(value, x.RequestHeader[name][i])
			}
			c.Header.Add(name, value)
		}
	}
	if x.RequestSize > 0 || len(x.RequestBody) > 0 {
		body := shell.Literal(f.Body)
		c.Body = &body
		if int64(len(x.RequestBody)) < x.RequestSize || len(f.Body) > maxCurlBody {
			c.File = "body" // too long for a line
		}
	}
	return c.Line()
}

// anySecret stands in the place of a credential that was masked, with its scheme.
func anySecret(masked, came string) string {
	scheme, _, found := strings.Cut(masked, " ")
	if !found { // masked as a whole
		scheme, _, found = strings.Cut(came, " ")
		found = found && slices.Contains([]string{"Bearer", "Key", "Basic"}, scheme)
	}
	if !found {
		return "any-secret"
	}
	return scheme + " any-secret"
}
