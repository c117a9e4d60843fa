package value

// Limits bound what [ParseLimited] accepts.
type Limits struct {
	Bytes int // length of the text, 0 for any
	Depth int // of nested arrays and objects, 0 for DefaultDepth
}

// DefaultDepth is how deep arrays and objects may be nested in JSON.
const DefaultDepth = 128

// STUB from here on.

// Parse reads one JSON value.
func Parse(data []byte) (Value, error) { return ParseLimited(data, Limits{}) }

// ParseLimited reads one JSON value within limits.
func ParseLimited(data []byte, limits Limits) (Value, error) { return Value{}, nil }

// AppendJSON appends the value as JSON.
func (v Value) AppendJSON(dst []byte) []byte { return append(dst, "null"...) }

// Text appended: what templates and traces show (strings raw, JSON-like otherwise).
func (v Value) appendText(dst []byte) []byte { return dst }

// Text is the value as templates of several parts show it: strings as they are, others like JSON.
func (v Value) Text() string { return string(v.appendText(nil)) }

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (v *Value) UnmarshalJSON(data []byte) error {
	parsed, err := Parse(data)
	*v = parsed
	return err
}
