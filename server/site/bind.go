package site

import (
	"io"
)

// The generated code binds with encoding/json and with the runtime of
// oapi-codegen. Both are laxer or stricter than the document in a few places; what
// is handed to them is made to fit here, so that binding cannot fail or mislead
// after a request was judged right.

// validatedBody is a request body that has been judged. oapi-codegen's runtime
// binds its value instead of decoding the bytes again, and matches member names
// exactly, where encoding/json would take "NAME" for "name".
type validatedBody struct {
	bytesBody
	value any
}

// ValidatedValue gives the decoded body.
func (b *validatedBody) ValidatedValue() any { return b.value }

// bytesBody is a request or response body over bytes.
type bytesBody struct {
	rest []byte
}

func newBytesBody(b []byte) io.ReadCloser { return &bytesBody{rest: b} }

func (b *bytesBody) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *bytesBody) Close() error { return nil }
