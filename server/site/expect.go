package site

import (
	"slices"
	"strings"

	"github.com/understudy-api/understudy/server/contract"
)

// ExpectHeader is the header by which a client says that a request breaks the contract
// on purpose, as a test of how the client bears a refusal: "violation" for any, or the
// names of rules. Then its violations break no verdict, and having none does.
const ExpectHeader = "Understudy-Expect"

// maxExpected is how much of an expectation is repeated, in bytes.
const maxExpected = 60

// anyViolation is the expectation that some rule is broken.
const anyViolation = "violation"

// expectations marks the violations that were expected, and adds one for each
// expectation that was not met.
func (x *Exchange) expectations() {
	values := x.RequestHeader[ExpectHeader]
	if len(values) == 0 {
		return
	}
	for name := range strings.SplitSeq(strings.Join(values, ","), ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		met := false
		for i := range x.Explained {
			e := &x.Explained[i]
			if e.Side == contract.SideClient && (name == anyViolation || e.Rule == name) {
				e.Expected, met = true, true
			}
		}
		if !met {
			x.Explained = append(x.Explained, x.unexpected(name))
		}
	}
}

func (x *Exchange) unexpected(name string) contract.Explained {
	shown := func(text string) string { return strings.ToValidUTF8(contract.Cut(text, maxExpected), "\uFFFD") }
	what := "break the rule " + name
	if name == anyViolation {
		what = "break the contract"
	}
	var broken []string
	for i := range x.Explained {
		if rule := x.Explained[i].Rule; !slices.Contains(broken, rule) && rule != contract.RuleExpected {
			broken = append(broken, rule)
		}
	}
	e := contract.Explained{
		Side: contract.SideClient, Rule: contract.RuleExpected, Basis: contract.BasisPublished, In: contract.InMessage, Cause: shown(name),
		Message: "The request was meant to " + shown(what) + ", as its header " + ExpectHeader + " says, and it did not: " +
			"correct the test, or leave the header out.",
		Accepted: "a request that does, or one without the header",
	}
	if len(broken) > 0 {
		e.Got = strings.Join(broken, ", ")
	}
	if x.Operation != nil {
		e.Operation, e.Where = x.Operation.ID, x.Document.Locate(x.Operation.Pointer())
	}
	return e
}
