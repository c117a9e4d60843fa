package verify

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/contract"
)

// The checks. docs/verify.md says what each means and what it lets pass.
const (
	CheckServerError      = "not_a_server_error"
	CheckStatus           = "status_code_conformance"
	CheckContentType      = "content_type_conformance"
	CheckResponseHeaders  = "response_headers_conformance"
	CheckResponseSchema   = "response_schema_conformance"
	CheckNegativeData     = "negative_data_rejection"
	CheckPositiveData     = "positive_data_acceptance"
	CheckRequiredHeader   = "missing_required_header"
	CheckMethod           = "unsupported_method"
	CheckAllow            = "allow_header_conformance"
	CheckUseAfterFree     = "use_after_free"
	CheckAvailability     = "ensure_resource_availability"
	CheckAuth             = "ignored_auth"
	CheckResponseTime     = "max_response_time"
	CheckUniqueIDs        = "unique_ids"
	CheckPaging           = "paging_laws"
	CheckWriteOnly        = "write_only_never_returned"
	CheckIdempotentDelete = "idempotent_delete"
	CheckListReflects     = "list_reflects_create"
	CheckRoundTrip        = "update_round_trip"
	CheckFilters          = "list_filters"
	CheckSorting          = "list_sorting"
	CheckDefaults         = "declared_defaults"
	CheckLocation         = "location_resolves"
	CheckPrecondition     = "precondition_enforced"
	CheckParent           = "parent_scope"
	CheckReadOnly         = "read_only_ignored"
	CheckSecret           = "wrong_secret"
)

var checkNames = []string{
	CheckServerError, CheckStatus, CheckContentType, CheckResponseHeaders, CheckResponseSchema,
	CheckNegativeData, CheckPositiveData, CheckRequiredHeader, CheckMethod, CheckAllow,
	CheckUseAfterFree, CheckAvailability, CheckAuth, CheckResponseTime,
	CheckUniqueIDs, CheckPaging, CheckWriteOnly, CheckIdempotentDelete, CheckListReflects, CheckRoundTrip,
	CheckFilters, CheckSorting, CheckDefaults, CheckLocation, CheckPrecondition, CheckParent, CheckReadOnly, CheckSecret,
}

// CheckNames lists all checks. Every one is on by default, but for
// max_response_time, which needs a limit.
func CheckNames() []string { return slices.Clone(checkNames) }

// purpose says what a call is made for, as far as a check depends on it.
type purpose int

const (
	purposeCase         purpose = iota // an ordinary call of a declared operation
	purposeMethod                      // a method that the path does not declare
	purposeHeader                      // without a required header
	purposeUnauthorised                // with no credential, or with a wrong one
	purposeSetUp                       // prepares another call
)

// exchange is a call with its answer, and what is known of both.
type exchange struct {
	call    *call
	answer  *answer
	purpose purpose
	judged  judgement     // of the request
	methods []string      // declared for the path, for purposeMethod
	secrets []string      // texts that the call, or one before it, wrote and nobody may read
	limit   time.Duration // for max_response_time
	loose   bool
	sent    int64 // how many requests had been answered when it went out
	granted bool  // the same call with the credential was answered 2xx
}

// fault is one failure of a check, before it is known how often.
type fault struct {
	check    string
	rule     string
	in       contract.In
	name     string
	pointer  string
	message  string
	got      string
	accepted string
	where    string // pointer into the document; the operation if empty
	location contract.Location
}

func (f *fault) key(op *operation) string {
	return strings.Join([]string{f.check, op.name(), f.rule, string(f.in), f.name, contract.SegmentsFolded(f.pointer), f.location.Pointer, f.where}, "\x00")
}

// judgeExchange runs every check that looks at a single call.
func judgeExchange(ctx context.Context, x *exchange) []fault {
	var found []fault
	for _, check := range []func(context.Context, *exchange) []fault{
		serverError, responseConformance, negativeData, positiveData, requiredHeader, unsupportedMethod,
		allowHeader, ignoredAuth, responseTime, writeOnly,
	} {
		found = append(found, check(ctx, x)...)
	}
	return found
}

func one(f fault) []fault {
	if f.rule == "" {
		f.rule = f.check
	}
	if f.in == "" {
		f.in = contract.InMessage
	}
	return []fault{f}
}

// serverError: no request is reason enough for a 5xx, and every one is answered. A
// 501 to a method that the path does not declare is right (RFC 9110, section
// 15.6.2).
func serverError(_ context.Context, x *exchange) []fault {
	a := x.answer
	if a.err != nil {
		return one(fault{
			check: CheckServerError, rule: contract.RuleTransport, accepted: "an answer",
			message: "The server did not answer: " + a.err.Error() + ".",
		})
	}
	if a.status < 500 || a.status == http.StatusNotImplemented && x.purpose == purposeMethod {
		return nil
	}
	return one(fault{
		check: CheckServerError, rule: "status " + strconv.Itoa(a.status), got: shown(x), accepted: "a status below 500",
		message: fmt.Sprintf("The server failed with status %d.", a.status),
	})
}

// shown is the beginning of an answer's body, secrets masked.
func shown(x *exchange) string {
	body := x.answer.body
	if x.call.op != nil {
		body = x.call.op.Document().MaskText(body)
	}
	return contract.Cut(strings.ToValidUTF8(string(body), "\uFFFD"), 200)
}

// responseConformance holds the answer against the document.
func responseConformance(ctx context.Context, x *exchange) []fault {
	a, op := x.answer, x.call.op
	if a.err != nil || op == nil || x.purpose == purposeMethod {
		return nil
	}
	violations := op.JudgeResponse(ctx, x.call.method, a.status, a.header, a.body)
	var found []fault
	for i := range violations {
		v := &violations[i]
		if a.cut && v.In == contract.InBody && v.Rule != contract.RuleMediaType {
			continue // the end is missing
		}
		e := v.Explain()
		f := fault{
			check: checkOf(v), rule: v.Rule, in: v.In, name: e.Name, pointer: foldNames(op.AnswerSchema(a.status), e.Pointer), message: e.Message,
			got: e.Got, accepted: e.Accepted, location: e.Where,
		}
		if v.Rule == contract.RuleMediaType {
			f = op.wrongType(a, e.Where)
		}
		if f.check == CheckStatus {
			f.rule = "status " + strconv.Itoa(a.status)
		}
		found = append(found, f)
	}
	return found
}

// wrongType is the failure of an answer whose Content-Type is not declared.
func (op *operation) wrongType(a *answer, where contract.Location) fault {
	got := a.header.Get("Content-Type")
	f := fault{
		check: CheckContentType, rule: contract.RuleMediaType, in: contract.InHeader, name: "Content-Type", got: got,
		accepted: strings.Join(op.AnswerTypes(a.status), " or "), location: where,
		message: fmt.Sprintf("The answer (status %d) has the Content-Type %q, which the document does not declare.", a.status, got),
	}
	if got == "" {
		f.message = fmt.Sprintf("The answer (status %d) has a body and no Content-Type.", a.status)
	}
	return f
}

// checkOf tells which check a violation of the document belongs to.
func checkOf(v *contract.Violation) string {
	switch {
	case v.Rule == contract.RuleStatus:
		return CheckStatus
	case v.Rule == contract.RuleMediaType:
		return CheckContentType
	case v.In == contract.InHeader:
		return CheckResponseHeaders
	case v.Rule == "writeOnly":
		return CheckWriteOnly
	}
	return CheckResponseSchema
}

// negativeData: what the document forbids is refused. Any 4xx will do, since
// another reason may come first (no such resource, no permission), and a redirect
// has not taken the request yet.
func negativeData(_ context.Context, x *exchange) []fault {
	if x.purpose != purposeCase || !x.judged.refused || !x.answer.ok() {
		return nil
	}
	e := x.judged.first()
	return one(fault{
		check: CheckNegativeData, rule: e.Rule, in: e.In, name: e.Name, pointer: e.Pointer, got: e.Got, accepted: e.Accepted,
		location: e.Where,
		message:  fmt.Sprintf("The request breaks the document and was answered %d: %s", x.answer.status, e.Message),
	})
}

// beyondDocument are the refusals of a valid request that have reasons outside of
// the document: who asks, what exists already or no longer, how often.
var beyondDocument = []int{
	http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict,
	http.StatusGone, http.StatusPreconditionFailed, http.StatusLocked, http.StatusTooManyRequests,
}

// poisoned reports whether a body has a member that servers in JavaScript refuse for
// its name, whatever the document says.
func poisoned(body []byte) bool {
	return bytes.Contains(body, []byte(`"__proto__"`)) || bytes.Contains(body, []byte(`"constructor"`))
}

// positiveData: what the document allows is not refused, save for a reason beyond
// it. 5xx is another check's, and so is a redirect. An operation that declares both
// 400 and 422 tells requests that break the document from those whose meaning
// cannot be (RFC 9110, section 15.5.21), of which the document says nothing.
func positiveData(_ context.Context, x *exchange) []fault {
	a := x.answer
	if poisoned(x.call.body) {
		return nil
	}
	if op := x.call.op; a.status == http.StatusUnprocessableEntity && op != nil &&
		op.Declares(http.StatusUnprocessableEntity) && op.Declares(http.StatusBadRequest) {
		return nil
	}
	if a.status == http.StatusUnprocessableEntity && isPatch(x.call) {
		return nil // whether the thing is valid afterwards depends on what it was (RFC 5789, section 2.2)
	}
	if x.purpose != purposeCase || !x.judged.valid || x.loose || a.err != nil || a.status < 400 || a.status >= 500 || slices.Contains(beyondDocument, a.status) {
		return nil
	}
	return one(fault{
		check: CheckPositiveData, rule: "status " + strconv.Itoa(a.status), got: shown(x), accepted: "status 2xx",
		message: fmt.Sprintf("The request keeps the document and was refused with status %d.", a.status),
	})
}

// isPatch reports whether the body of a call says how a thing is to be changed, and not
// what its members are to be.
func isPatch(c *call) bool {
	return slices.Contains([]string{mergePatch, "application/json-patch+json"}, contract.MediaType(c.header.Get("Content-Type")))
}

// mergePatch is the media type of a JSON Merge Patch (RFC 7396).
const mergePatch = "application/merge-patch+json"

// requiredHeader: a request without a header that the document requires is refused.
func requiredHeader(_ context.Context, x *exchange) []fault {
	if x.purpose != purposeHeader || !x.judged.refused || !x.answer.ok() {
		return nil
	}
	e := x.judged.first()
	return one(fault{
		check: CheckRequiredHeader, rule: e.Rule, in: e.In, name: e.Name, location: e.Where, accepted: "status 4xx",
		message: fmt.Sprintf("The header %s is required, and a request without it was answered %d.", e.Name, x.answer.status),
	})
}

// notAllowed are the right answers to a method that a path does not declare: 405,
// or 404 and 501 from servers that do not tell paths from methods, or the refusal
// of a credential that is looked at first.
var notAllowed = []int{
	http.StatusMethodNotAllowed, http.StatusNotFound, http.StatusNotImplemented, http.StatusUnauthorized, http.StatusForbidden,
}

// unsupportedMethod: a method that the path does not declare is not served.
func unsupportedMethod(_ context.Context, x *exchange) []fault {
	a := x.answer
	if x.purpose != purposeMethod || a.err != nil || slices.Contains(notAllowed, a.status) || a.status >= 500 || a.status/100 == 3 {
		return nil
	}
	if x.call.method == http.MethodOptions || x.call.method == http.MethodHead {
		return nil // HTTP gives them a meaning of their own
	}
	return one(fault{
		check: CheckMethod, rule: contract.RuleMethod, name: x.call.method, accepted: "status 405",
		message: fmt.Sprintf("The path does not declare %s, and it was answered %d.", x.call.method, a.status),
	})
}

// allowHeader: a 405 says in Allow what would be allowed (RFC 9110, section 15.5.6):
// at least what the document declares for the path, and not the refused method.
func allowHeader(_ context.Context, x *exchange) []fault {
	a := x.answer
	if a.err != nil || a.status != http.StatusMethodNotAllowed {
		return nil
	}
	f := fault{check: CheckAllow, in: contract.InHeader, name: "Allow", accepted: strings.Join(x.methods, ", ")}
	values, present := a.header["Allow"]
	f.got = strings.Join(values, ", ")
	if !present {
		f.rule, f.message = "required", "The answer 405 has no header Allow."
		return one(f)
	}
	var listed []string
	for item := range strings.SplitSeq(f.got, ",") {
		if item = strings.ToUpper(strings.TrimSpace(item)); item != "" {
			listed = append(listed, item)
		}
	}
	if slices.Contains(listed, x.call.method) {
		f.rule, f.message = "refused", fmt.Sprintf("The answer 405 lists %s in Allow, the method that it refuses.", x.call.method)
		return one(f)
	}
	for _, method := range x.methods {
		if method != http.MethodHead && method != http.MethodOptions && method != x.call.method && !slices.Contains(listed, method) {
			f.rule, f.message = "incomplete", fmt.Sprintf("The answer 405 does not list %s in Allow, which the document declares for the path.", method)
			return one(f)
		}
	}
	return nil
}

// ignoredAuth: a call without the credential that the document asks for is answered
// 401 or 403. A 404 may hide that the thing exists, and 429 came first.
func ignoredAuth(_ context.Context, x *exchange) []fault {
	a := x.answer
	if x.purpose != purposeUnauthorised || a.err != nil || a.status >= 500 {
		return nil
	}
	what := "without a credential"
	if x.call.credential == credentialWrong {
		what = "with a credential of an unknown scheme"
	}
	if name, is := x.call.credential.of(useWithout); is {
		what = "without the credential " + name + ", which is needed beside the other,"
	}
	if name, is := x.call.credential.of(useMadeUp); is {
		if !a.ok() {
			return nil
		}
		return one(fault{
			check: CheckSecret, rule: contract.RuleCredential, name: name, accepted: "status 401 or 403", where: "/security",
			message: fmt.Sprintf("A made-up secret for %s was answered %d.", name, a.status),
		})
	}
	f := fault{check: CheckAuth, rule: contract.RuleCredential, name: string(x.call.credential), accepted: "status 401 or 403", where: "/security"}
	switch {
	case a.ok():
		f.message = fmt.Sprintf("The operation asks for a credential, and a call %s was answered %d.", what, a.status)
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden, a.status == http.StatusNotFound, a.status == http.StatusTooManyRequests, a.status/100 == 3:
		return nil
	case x.granted:
		f.rule = "credentialStatus"
		f.message = fmt.Sprintf("A call %s was refused with status %d, and with one answered 2xx: the reason is the credential.", what, a.status)
	default:
		return nil
	}
	return one(f)
}

// responseTime: an answer comes within the limit of the options.
func responseTime(_ context.Context, x *exchange) []fault {
	if x.limit == 0 || x.answer.err != nil || x.answer.took <= x.limit {
		return nil
	}
	return one(fault{
		check: CheckResponseTime, got: x.answer.took.Round(time.Millisecond).String(), accepted: "at most " + x.limit.String(),
		message: "The answer took longer than " + x.limit.String() + ".",
	})
}

// writeOnly: what was sent where the document says writeOnly, or format password,
// is in no answer. Only values are looked for that stand nowhere by chance.
func writeOnly(_ context.Context, x *exchange) []fault {
	if x.answer.err != nil {
		return nil
	}
	for _, s := range x.secrets {
		if strings.Contains(string(x.answer.body), s) {
			return one(fault{
				check: CheckWriteOnly, rule: "writeOnly", in: contract.InBody, accepted: "an answer without it",
				message: fmt.Sprintf("The answer (status %d) repeats a value that was sent as writeOnly.", x.answer.status),
			})
		}
	}
	return nil
}
