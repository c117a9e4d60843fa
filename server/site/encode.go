package site

import (
	"bytes"
	"unicode/utf8"
)

// plainJSON gives a JSON text as the real services write it: without the final
// newline of the generated code's encoder, and without its escapes for HTML.
// Neither Fastify nor FastAPI writes "\u003c" for "<".
func plainJSON(text []byte) []byte {
	text = bytes.TrimSuffix(text, []byte{'\n'})
	if !bytes.Contains(text, []byte(`\u`)) {
		return text
	}
	plain := text[:0] // an escape is longer than what it stands for
	for i := 0; i < len(text); {
		if text[i] != '\\' || i+1 >= len(text) {
			plain = append(plain, text[i])
			i++
			continue
		}
		if i+6 <= len(text) {
			if r, ok := htmlEscapes[string(text[i:i+6])]; ok {
				plain = utf8.AppendRune(plain, r)
				i += 6
				continue
			}
		}
		plain = append(plain, text[i], text[i+1])
		i += 2
	}
	return plain
}

// htmlEscapes are what encoding/json escapes though JSON does not ask for it.
var htmlEscapes = map[string]rune{
	`\u003c`: '<', `\u003e`: '>', `\u0026`: '&', `\u2028`: '\u2028', `\u2029`: '\u2029',
}
