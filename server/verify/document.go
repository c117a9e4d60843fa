package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/contract/lines"
	"github.com/understudy-api/understudy/server/contract/loading"
)

// Document is an OpenAPI document, ready to verify by.
type Document struct {
	Contract *contract.Document
	// Notes are what the document says and cannot be judged by.
	Notes []string

	exempt []Exemption
}

// FromSource takes a document that is served here, as the generator embeds it.
func FromSource(src contract.Source, exempt ...Exemption) (*Document, error) {
	judged, err := contract.Load(src)
	if err != nil {
		return nil, mistake("%v", err)
	}
	return &Document{Contract: judged, exempt: exempt}, nil
}

// DocumentOptions is how a document is read.
type DocumentOptions struct {
	// Strict makes a mistake of every rule that cannot be judged; otherwise each is a
	// note, and nothing follows from it.
	Strict bool
	// Fetch reads a URL that the document refers to; nil if there are none.
	Fetch func(ctx context.Context, url string) ([]byte, error)
	// Allow are folders and beginnings of URLs that the document may refer to, besides
	// its own folder or origin.
	Allow []string
}

// ParseDocument is [ReadDocument] without options.
func ParseDocument(name, file string, data []byte) (*Document, error) {
	return ReadDocument(context.Background(), name, file, data, DocumentOptions{})
}

// ReadDocument reads an OpenAPI document, 3.0 to 3.2, or one of Swagger 2, YAML or JSON.
// name is the API's short name in reports, file where the document is. What the document
// gets wrong is a [MistakeError] that names the lines.
func ReadDocument(ctx context.Context, name, file string, data []byte, o DocumentOptions) (*Document, error) {
	read, err := loading.Read(ctx, file, data, loading.Options{Fetch: o.Fetch, Allow: o.Allow})
	if err != nil {
		return nil, mistake("%v", err)
	}
	src := contract.Source{API: name, File: file, JSON: read.JSON, Lines: read.Lines, EncodedSlash: true, Foreign: true}
	judged, err := contract.Load(src)
	if err != nil {
		return nil, mistake("%s", located(err, file, lines.Read(read.Lines)))
	}
	d := &Document{Contract: judged, Notes: append(read.Notes, judged.Notes()...)}
	warnings := slices.Concat(read.Unjudged, unjudged(judged))
	if o.Strict && len(warnings) > 0 {
		return nil, mistake("%s", strings.Join(warnings, "; "))
	}
	d.Notes = append(d.Notes, warnings...)
	return d, nil
}

// located puts the line to every complaint that names a pointer.
func located(err error, file string, table lines.Table) string {
	var out []string
	for complaint := range strings.SplitSeq(strings.TrimPrefix(err.Error(), "load "+file+": "), "\n") {
		at, _, _ := strings.Cut(complaint, ": ")
		if place, ok := table.Nearest(strings.TrimPrefix(at, "#")); ok && strings.HasPrefix(at, "#/") {
			complaint = fmt.Sprintf("%s: line %d: %s", place.File, place.Line, complaint)
		}
		out = append(out, complaint)
	}
	return strings.Join(out, "; ")
}

func escapePointer(token string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
}

// unjudged says which rules are not judged, each kind once, with the first place.
func unjudged(d *contract.Document) []string {
	var told []string
	count := map[string]int{}
	first := map[string]contract.Location{}
	for _, w := range d.Warnings() {
		if count[w.Text]++; count[w.Text] == 1 {
			told = append(told, w.Text)
			first[w.Text] = d.Locate(w.Pointer)
		}
	}
	for i, text := range told {
		at := first[text]
		told[i] = fmt.Sprintf("%s line %d: %s", at.File, at.Line, text)
		if n := count[text]; n > 1 {
			told[i] += fmt.Sprintf(", and in %d more places", n-1)
		}
	}
	return told
}

// languageKey marks a value that is of a language of its own, such as a graph of
// decisions: the schema alone does not say which are accepted.
const languageKey = "x-understudy-language"

// hasLooseFormat reports whether a schema has a rule that is not judged, or asks for a
// value whose language it does not describe.
func hasLooseFormat(s *openapi3.Schema, seen map[*openapi3.Schema]bool) bool {
	if s == nil || seen[s] {
		return false
	}
	seen[s] = true
	if contract.Loose(s) || s.Extensions[languageKey] != nil {
		return true
	}
	refs := slices.Concat(s.AllOf, s.AnyOf, s.OneOf)
	for _, ref := range s.Properties {
		refs = append(refs, ref)
	}
	refs = append(refs, s.Items, s.Not, s.AdditionalProperties.Schema)
	return slices.ContainsFunc(refs, func(ref *openapi3.SchemaRef) bool {
		return ref != nil && hasLooseFormat(ref.Value, seen)
	})
}
