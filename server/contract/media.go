package contract

import (
	"mime"
	"slices"
	"strings"
)

// mediaRange is a media type as a document declares it, or as a message says it
// (RFC 9110, section 8.3.1): names compare without regard to case, and the order and
// quoting of parameters say nothing.
type mediaRange struct {
	kind, subtype string
	parameters    map[string]string
}

func parseMedia(text string) mediaRange {
	kind, subtype, _ := strings.Cut(mediaTypeOf(text), "/")
	m := mediaRange{kind: kind, subtype: subtype}
	if strings.IndexByte(text, ';') >= 0 {
		if _, parameters, err := mime.ParseMediaType(text); err == nil {
			m.parameters = parameters
		}
	}
	return m
}

// essence is the type without its parameters.
func (m mediaRange) essence() string {
	if m.kind == "" {
		return ""
	}
	return m.kind + "/" + m.subtype
}

// TypeFits reports whether a media type is one that is declared, as a type or a range.
func TypeFits(declared, came string) bool { return parseMedia(declared).fits(parseMedia(came)) > 0 }

// suggested are parameters that tell how the body is written, not which type it is of.
var suggested = []string{"boundary", "q"}

// fits tells how well a type that came is one that is declared: not at all at 0, as
// any type at 1, by its kind at 2, by its suffix at 3, as itself from 4 on, one more for
// each parameter that is asked for and came. A parameter that did not come is not
// asked for; one that came otherwise makes another type of it. JSON has no charset
// (RFC 8259, section 11).
func (m mediaRange) fits(came mediaRange) int {
	fit := 4
	switch {
	case came.kind == "":
		return 0
	case m.kind == "*" && m.subtype == "*":
		fit = 1
	case m.kind != came.kind:
		return 0
	case m.subtype == "*":
		fit = 2
	case m.subtype != came.subtype:
		suffix, ok := strings.CutPrefix(m.subtype, "*+")
		if !ok || !strings.HasSuffix(came.subtype, "+"+suffix) {
			return 0
		}
		fit = 3
	}
	for name, asked := range m.parameters {
		got, sent := came.parameters[name]
		switch {
		case sent && strings.EqualFold(got, asked):
			fit++
		case sent && !slices.Contains(suggested, name) && (name != "charset" || !isJSONType(came.essence())):
			return 0
		}
	}
	return fit
}

// bestOf finds the declaration that a type fits best; nil if it fits none.
func bestOf(declared []*content, came mediaRange) *content {
	var found *content
	best := 0
	for _, c := range declared {
		if fit := c.media.fits(came); fit > best {
			found, best = c, fit
		}
	}
	return found
}

// common are the types that a body of a kind is sent as.
var common = map[string]string{"image": "image/png", "audio": "audio/mpeg", "video": "video/mp4", "font": "font/woff2"}

// SendType is a media type that is of a declared one: of a range the commonest in it.
func SendType(declared string) string { return sent(declared, nil) }

// sent is how a body of a declared media type names its type: of a range the commonest
// type in it that the schema describes.
func sent(declared string, schema *Schema) string {
	m := parseMedia(declared)
	switch {
	case !strings.Contains(declared, "*"):
		return declared
	case strings.HasPrefix(m.subtype, "*+"):
		return m.kind + "/x" + strings.TrimPrefix(m.subtype, "*")
	case m.kind == "text":
		return "text/plain"
	case m.kind == "multipart":
		return multipartType
	case common[m.kind] != "":
		return common[m.kind]
	case schema == nil || isBinary(schema):
		return "application/octet-stream"
	}
	return jsonType
}
