package verify_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/understudy-api/understudy/server/verify"
)

// FuzzParseDocument reads any document: what cannot be verified by is told as a
// mistake, and what can be has no request that panics.
func FuzzParseDocument(f *testing.F) {
	for _, seed := range [][]byte{
		nil, []byte("openapi: 3.0.3"), []byte(`{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{}}`),
		[]byte("openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths: {/a: {get: {responses: {'200': {description: d}}}}}\n"), []byte("a: &a [*a]"), []byte("\x00"),
		[]byte("openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths: {/a: {get: {responses: {'200': {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}}}}}\ncomponents: {schemas: {A: {type: object, properties: {a: {$ref: '#/components/schemas/A'}}}}}\n"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := verify.ParseDocument("fuzz", "fuzz.yaml", data)
		if _, mistake := errors.AsType[*verify.MistakeError](err); err != nil && !mistake {
			t.Fatalf("%T", err)
		}
		if (err == nil) != (d != nil) {
			t.Fatalf("%v and %v", d, err)
		}
	})
}

// FuzzReadReplay reads any replay.
func FuzzReadReplay(f *testing.F) {
	for _, seed := range []string{``, `{}`, `{"$schema":"urn:understudy:replay:1","findings":[{"check":"unique_ids","steps":[{}]}]}`, `[`, `{"$schema":7}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := verify.ReadReplay(bytes.NewReader(data))
		if _, mistake := errors.AsType[*verify.MistakeError](err); err != nil && !mistake || (err == nil) != (file != nil) {
			t.Fatalf("%v and %T", file, err)
		}
	})
}
