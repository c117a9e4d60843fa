package contract

import (
	"cmp"
	"strings"
)

// Side says whose mistake a violation is.
type Side string

// The two sides of a contract.
const (
	SideClient Side = "client"
	SideServer Side = "server"
)

// Basis says where the rule that was broken comes from. It decides severity.
type Basis string

// The bases, strongest first. Published rules stand in a vendored document,
// documented ones elsewhere in the vendor's documentation, client ones were seen
// only in a client of the API, inferred ones are our guess.
const (
	BasisPublished  Basis = "published"
	BasisDocumented Basis = "documented"
	BasisClient     Basis = "client"
	BasisInferred   Basis = "inferred"
)

// Refuses reports whether a request that breaks a rule of this basis is refused.
// Rules we only guessed, or saw only in a client, warn.
func (b Basis) Refuses() bool { return b == BasisPublished || b == BasisDocumented }

// In says which part of a message a violation is about.
type In string

// The parts of a message.
const (
	InPath    In = "path"
	InQuery   In = "query"
	InHeader  In = "header"
	InCookie  In = "cookie"
	InBody    In = "body"
	InMessage In = "message" // the message as a whole: its method, its path, its status
)

// Rules that no schema keyword states.
const (
	RuleJSON          = "json"           // the body is not one JSON value (RFC 8259)
	RuleMultipart     = "multipart"      // the body is not multipart/form-data (RFC 7578)
	RuleMediaType     = "mediaType"      // the Content-Type is not declared
	RuleUnknownPath   = "unknownPath"    // no path of the document matches
	RuleUnserved      = "unserved"       // the vendor has the operation, and it is not served here
	RuleExpected      = "expected"       // the client said that it breaks a rule, and it does not
	RuleMethod        = "method"         // the path is declared, the method is not
	RuleCredential    = "credential"     // absent, malformed or of the wrong scheme
	RuleBodySize      = "bodySize"       // larger than the limit
	RuleStatus        = "status"         // an answer with an undeclared status
	RuleIntegerRange  = "integerRange"   // an integer beyond 64 bits
	RuleNumberRange   = "numberRange"    // a number beyond the range of a float64
	RuleUnknownQuery  = "unknownQuery"   // a query parameter that is not declared
	RuleUnknownMember = "unknownMember"  // a member of the body that is not declared
	RuleRepeated      = "repeated"       // a single-valued parameter given more than once
	RuleTransport     = "transport"      // the body ended early or could not be read
	RuleBodyUnused    = "undeclaredBody" // a body where the operation declares none
)

// Location is a place in a served document.
type Location struct {
	File    string `json:"file"`
	Pointer string `json:"pointer"`
	Line    int    `json:"line"`
}

// Compare orders places as they follow one another in a document.
func (l Location) Compare(other Location) int {
	return cmp.Or(strings.Compare(l.File, other.File), cmp.Compare(l.Line, other.Line))
}

// Step is one step of a path into a value: a member name or an array index.
type Step struct {
	Name  string
	Index int // valid when Name is empty and Array is true
	Array bool
}

// Violation is one broken rule of a document, complete enough to mend the
// message without reading anything else.
type Violation struct {
	Side  Side
	Rule  string // a schema keyword or one of the Rule constants
	Basis Basis
	In    In
	Name  string // the parameter's or header's name; empty for a body
	Path  []Step // into the value, for bodies and structured parameters

	// Schema is the schema whose keyword was broken, in the judged form.
	Schema *Schema
	// Got is what came: the offending value, or for "required" the object that
	// lacks the member. It may hold secrets: see [Violation.Redacted].
	Got any
	// Raw is the text of a parameter before it was parsed, or of a body that is not JSON
	// some bytes around the place at which it stopped being so.
	Raw string
	// Mistake names what a body that is not JSON was probably meant to be.
	Mistake string
	// Detail is rule-specific, and never holds a value of the message.
	Detail string
	// Offset is the byte at which a body stopped being JSON.
	Offset int64
	// Branches are the violations of each branch of a union that did not match.
	Branches [][]Violation

	// Names are those that would have been known, sorted: of an unknown member.
	Names []string

	// Within are the branches of unions that the value was judged by, outermost
	// first.
	Within []Branch

	Operation string // operationId; empty when no operation matched
	Where     Location

	op   *Operation
	root *Schema // of the body or parameter: where Path starts
}

// Branch is a branch of a union.
type Branch struct {
	At     int     // how many steps of the path lead to the union
	Tag    string  // what the discriminator says; empty without a discriminator
	Schema *Schema // the branch, in the judged form
}

// Pointer is the JSON pointer (RFC 6901) of the place in the body or parameter.
func (v *Violation) Pointer() string { return pointerOf(v.Path) }

// Refuses reports whether this violation alone is reason to refuse the request.
func (v *Violation) Refuses() bool { return v.Basis.Refuses() }

// ShortPointer is the pointer, cut after about n bytes.
func (v *Violation) ShortPointer(n int) string {
	var b strings.Builder
	for _, s := range v.Path {
		if b.Len() > n {
			break
		}
		s.Name = s.Name[:min(len(s.Name), n+1)]
		b.WriteByte('/')
		b.WriteString(s.token())
	}
	return strings.ToValidUTF8(Cut(b.String(), n), "")
}

func pointerOf(path []Step) string {
	if len(path) == 0 {
		return ""
	}
	var b strings.Builder
	for _, s := range path {
		b.WriteByte('/')
		b.WriteString(s.token())
	}
	return b.String()
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

func (s Step) token() string {
	if s.Array {
		return itoa(s.Index)
	}
	return pointerEscaper.Replace(s.Name)
}
