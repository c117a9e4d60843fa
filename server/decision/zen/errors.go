package zen

import (
	"encoding/json"
	"errors"
	"fmt"
)

// The kinds of [Error], as errors in JSON name them.
const (
	KindLexer            = "lexerError"
	KindParser           = "parserError"
	KindCompiler         = "compilerError"
	KindVM               = "vmError"
	KindValueCast        = "valueCastError"
	KindMissingReference = "missingContextReference"
	KindReference        = "referenceError"
	KindTemplate         = "templateParserError"
)

// Error is why an expression or a template was refused or failed.
type Error struct {
	Kind string
	// Source is the reason; none for a wrong kind of result or a missing reference.
	Source string

	cause error
}

// Error returns the kind in words and the reason.
func (e *Error) Error() string {
	if e.Source == "" {
		return e.Display()
	}
	return e.Display() + ": " + e.Source
}

// Display returns the kind in words, without the reason.
func (e *Error) Display() string {
	switch e.Kind {
	case KindLexer:
		return "Lexer error"
	case KindParser:
		return "Parser error"
	case KindCompiler:
		return "Compiler error"
	case KindVM:
		return "VM error"
	case KindValueCast:
		return "Value cast error"
	case KindMissingReference:
		return "Missing context reference"
	case KindReference:
		return "Failed to compute reference"
	default:
		return "Template parser error"
	}
}

// Unwrap returns [ErrLimit] or the error of the context where one of them
// ended the evaluation, else nil.
func (e *Error) Unwrap() error { return e.cause }

// MarshalJSON renders {"type", "source"}, without a source where there is none;
// what is wrong with a template's brackets is its "value".
func (e *Error) MarshalJSON() ([]byte, error) {
	out := struct {
		Type   string `json:"type"`
		Source string `json:"source,omitempty"`
		Value  string `json:"value,omitempty"`
	}{Type: e.Kind, Source: e.Source}
	if e.Kind == KindTemplate {
		out.Source, out.Value = "", e.Source
	}
	return json.Marshal(out)
}

// ErrLimit is behind every error that says that a bound of [Limits] was met.
var ErrLimit = errors.New("limit of the evaluation exceeded")

// Stopped reports whether an error is about the evaluation as a whole, not about
// its expression: a limit was met or the context ended. Where other errors of
// an expression count as "no match", these do not.
func Stopped(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.cause != nil
}

func limitError(format string, args ...any) *Error {
	return &Error{Kind: KindVM, Source: fmt.Sprintf(format, args...), cause: ErrLimit}
}

func vmError(opcode, message string) *Error {
	return &Error{Kind: KindVM, Source: "Opcode " + opcode + ": " + message}
}

// Failures without particulars are made once: in decision tables they are the
// common case of a cell that does not match.
var (
	errAdd         = vmError("Add", "Unsupported type")
	errSubtract    = vmError("Subtract", "Unsupported type")
	errMultiply    = vmError("Multiply", "Unsupported type")
	errDivide      = vmError("Divide", "Unsupported type")
	errModulo      = vmError("Modulo", "Unsupported type")
	errExponent    = vmError("Exponent", "Unsupported type")
	errPower       = vmError("Exponent", "Failed to calculate exponent")
	errNegate      = vmError("Negate", "Unsupported type")
	errNot         = vmError("Not", "Unsupported type")
	errCompare     = vmError("Compare", "Unsupported type")
	errIn          = vmError("In", "Unsupported type")
	errInBracket   = vmError("In", "Unsupported bracket")
	errInterval    = vmError("Interval", "Unsupported type")
	errIfFalse     = vmError("JumpIfFalse", "Unsupported type")
	errIfTrue      = vmError("JumpIfTrue", "Unsupported type")
	errBegin       = vmError("Begin", "Unsupported type")
	errEnv         = vmError("FetchEnv", "Unsupported type")
	errFetch       = vmError("Fetch", "Failed to convert to usize")
	errSlice       = vmError("Slice", "Unsupported type")
	errSliceFrom   = vmError("Slice", "Failed to get range from")
	errSliceTo     = vmError("Slice", "Failed to get range to")
	errSliceRange  = vmError("Slice", "Index out of range")
	errAssignScope = vmError("AssignedObjectStep", "Assigned object scope must be set")
	errAssignEnd   = vmError("AssignedObjectEnd", "Assigned object scope must be set")
	errAssignEnv   = vmError("AssignedObjectStep", "Failed to mutate existing env")
	errOverflow    = &Error{Kind: KindVM, Source: "Number overflow"}
	errValueCast   = &Error{Kind: KindValueCast}
	errNoReference = &Error{Kind: KindMissingReference}
)
