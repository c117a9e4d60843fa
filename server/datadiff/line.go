package datadiff

import (
	"bytes"
)

// A line is a row as text: its fields stand between tabs; a null field is \N; tabs,
// ends of lines and backslashes within a field are escaped by a backslash. It is the
// text format of PostgreSQL's COPY, so that its rows need no copying. Two rows are
// equal if their lines are, given the same columns.

// AppendField appends a field to a line, after a tab unless it is the first. A nil
// field is null.
func AppendField(line, field []byte, first bool) []byte {
	if !first {
		line = append(line, '\t')
	}
	if field == nil {
		return append(line, `\N`...)
	}
	for {
		i := bytes.IndexAny(field, "\\\t\n\r")
		if i < 0 {
			return append(line, field...)
		}
		line = append(append(line, field[:i]...), '\\', escapes[field[i]])
		field = field[i+1:]
	}
}

var (
	escapes   = map[byte]byte{'\\': '\\', '\t': 't', '\n': 'n', '\r': 'r'}
	unescapes = map[byte]byte{'t': '\t', 'n': '\n', 'r': '\r', 'b': '\b', 'f': '\f', 'v': '\v'}
)

// Fields are the fields of a line, in the slice that is handed in if they fit. A
// null one is nil. They are valid as long as the line is.
func Fields(into [][]byte, line []byte) [][]byte {
	into = into[:0]
	for {
		field, rest, more := bytes.Cut(line, []byte{'\t'})
		into = append(into, unescape(field))
		if !more {
			return into
		}
		line = rest
	}
}

// unescape is a field's value; it copies only what was escaped.
func unescape(field []byte) []byte {
	i := bytes.IndexByte(field, '\\')
	if i < 0 {
		if field == nil {
			return []byte{}
		}
		return field
	}
	if len(field) == 2 && field[1] == 'N' {
		return nil
	}
	value := append(make([]byte, 0, len(field)), field[:i]...)
	for ; i < len(field); i++ {
		c := field[i]
		if c == '\\' && i+1 < len(field) {
			i++
			c = field[i]
			if plain, ok := unescapes[c]; ok {
				c = plain
			}
		}
		value = append(value, c)
	}
	return value
}

// cut is where the first n fields of a line end, without the tab behind them.
func cut(line []byte, n int) int {
	at := 0
	for ; n > 0; n-- {
		i := bytes.IndexByte(line[at:], '\t')
		if i < 0 {
			return len(line)
		}
		at += i + 1
	}
	return at - 1
}
