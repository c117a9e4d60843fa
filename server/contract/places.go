package contract

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// Places are where the values that violations are about stand in a JSON text. They are
// found for all of them in one pass, however many there are and wherever they stand.
type Places struct {
	text  []byte
	root  spot
	count int
}

// spot is a place in the text.
type spot struct {
	inside  map[Step]*spot
	found   bool
	offset  int
	arrival int
}

// FindPlaces reads a text for the places of violations, those in the branches of unions
// included.
func FindPlaces(text []byte, violations []Violation) *Places {
	p := &Places{text: text}
	p.want(violations)
	dec := jsontext.NewDecoder(bytes.NewBuffer(text))
	_ = p.read(dec, &p.root) // of a broken text what was found
	return p
}

func (p *Places) want(violations []Violation) {
	for i := range violations {
		at := &p.root
		for _, step := range violations[i].Path {
			next := at.inside[step]
			if next == nil {
				next = &spot{}
				if at.inside == nil {
					at.inside = map[Step]*spot{}
				}
				at.inside[step] = next
			}
			at = next
		}
		for _, branch := range violations[i].Branches {
			p.want(branch)
		}
	}
}

// read reads the value that comes next.
func (p *Places) read(dec *jsontext.Decoder, at *spot) error {
	kind := dec.PeekKind()
	rest := p.text[dec.InputOffset():]
	at.found, at.offset = true, len(p.text)-len(bytes.TrimLeft(rest, " \t\r\n:,"))
	p.count++
	at.arrival = p.count
	if len(at.inside) == 0 || kind != '{' && kind != '[' {
		return dec.SkipValue()
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for i := 0; ; i++ {
		step := Step{Array: true, Index: i}
		switch dec.PeekKind() {
		case ']', '}':
			_, err := dec.ReadToken()
			return err
		}
		if kind == '{' {
			name, err := dec.ReadToken()
			if err != nil {
				return err
			}
			step = Step{Name: name.String()}
		}
		var err error
		if next := at.inside[step]; next != nil {
			err = p.read(dec, next)
		} else {
			err = dec.SkipValue()
		}
		if err != nil {
			return err
		}
	}
}

func (p *Places) spot(path []Step) *spot {
	at := &p.root
	for _, step := range path {
		if at = at.inside[step]; at == nil {
			return &spot{}
		}
	}
	return at
}

// From is the text from the value at the end of a path on; nil if it is not there, or
// if no violation is about it or about what is in it.
func (p *Places) From(path []Step) []byte {
	if at := p.spot(path); at.found {
		return p.text[at.offset:]
	}
	return nil
}

// Arrival orders values by when they came.
func (p *Places) Arrival(path []Step) int { return p.spot(path).arrival }
