package parquet

import (
	"encoding/binary"
	"errors"
)

// walker walks through a structure in Thrift's compact protocol, and finds lengths that
// are longer than what is left of the text.
type walker struct {
	text   []byte
	at     int
	most   int                       // elements of all lists
	number func(path []int16) *int64 // takes a number, nil for none
}

// The types of the protocol.
const (
	stop = iota
	yes
	no
	int8Type
	int16Type
	int32Type
	int64Type
	doubleType
	binaryType
	listType
	setType
	mapType
	structType
)

// element is the path of an element of a list, whose numbers are nobody's.
var element = []int16{-1, -1, -1}

// deepest is how deep structures may lie within each other.
const deepest = 16

var (
	errShort = errors.New("it ends too early")
	errLong  = errors.New("it has more parts than bytes")
	errKind  = errors.New("a part of no known type")
	errDeep  = errors.New("its parts lie too deep within each other")
)

func (w *walker) structure(depth int, path []int16) error {
	id := int16(0)
	for {
		head, err := w.byte()
		if err != nil || head == stop {
			return err
		}
		if delta := head >> 4; delta != 0 {
			id += int16(delta)
		} else {
			n, err := w.varint()
			if err != nil {
				return err
			}
			id = int16(n)
		}
		kind := head & 0xf
		if kind == yes || kind == no {
			w.take(append(path, id), int64(kind))
			continue
		}
		if err := w.value(kind, depth, append(path, id)); err != nil {
			return err
		}
	}
}

func (w *walker) take(path []int16, n int64) {
	if w.number == nil {
		return
	}
	if into := w.number(path); into != nil {
		*into = n
	}
}

func (w *walker) value(kind byte, depth int, path []int16) error {
	if depth > deepest {
		return errDeep
	}
	switch kind {
	case yes, no, int8Type:
		return w.skip(1)
	case int16Type, int32Type, int64Type:
		n, err := w.varint()
		w.take(path, n)
		return err
	case doubleType:
		return w.skip(8)
	case binaryType:
		n, err := w.length()
		if err != nil {
			return err
		}
		return w.skip(n)
	case listType, setType:
		head, err := w.byte()
		if err != nil {
			return err
		}
		n := int(head >> 4)
		if n == 0xf {
			if n, err = w.length(); err != nil {
				return err
			}
		}
		return w.elements(n, depth, head&0xf)
	case mapType:
		n, err := w.length()
		if err != nil || n == 0 {
			return err
		}
		kinds, err := w.byte()
		if err != nil {
			return err
		}
		return w.elements(n, depth, kinds>>4, kinds&0xf)
	case structType:
		return w.structure(depth+1, path)
	}
	return errKind
}

func (w *walker) elements(n, depth int, kinds ...byte) error {
	if n > len(w.text)-w.at {
		return errLong
	}
	if w.most -= n; w.most < 0 {
		return errLong
	}
	for range n {
		for _, kind := range kinds {
			if err := w.value(kind, depth+1, element); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *walker) byte() (byte, error) {
	if w.at >= len(w.text) {
		return 0, errShort
	}
	w.at++
	return w.text[w.at-1], nil
}

func (w *walker) skip(n int) error {
	if n > len(w.text)-w.at {
		return errShort
	}
	w.at += n
	return nil
}

func (w *walker) varint() (int64, error) {
	n, size := binary.Varint(w.text[w.at:])
	if size <= 0 {
		return 0, errShort
	}
	w.at += size
	return n, nil
}

// length is one that fits into the text.
func (w *walker) length() (int, error) {
	n, size := binary.Uvarint(w.text[w.at:])
	if size <= 0 {
		return 0, errShort
	}
	if w.at += size; n > uint64(len(w.text)-w.at) {
		return 0, errLong
	}
	return int(n), nil
}
