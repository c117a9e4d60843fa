package decision

import (
	"math/bits"
	"strings"

	"github.com/understudy-api/understudy/server/decision/value"
)

// A table is a decision table, ready to be scanned.
type table struct {
	collect bool
	// columns is set where the first hit decides but some outputs collect.
	columns bool
	fields  []cell // the texts of input columns, each once
	inputs  []inputColumn
	outputs []outputColumn
	rules   []rule
	index   *tableIndex
}

type inputColumn struct {
	id    string
	field int // in fields; -1 for none
}

type outputColumn struct {
	path string
	list bool
}

type rule struct {
	// cells are those of the inputs, then those of the outputs; nil where the document
	// has none.
	cells          []*cell
	id             string
	description    string
	hasDescription bool
}

func (c *compiler) table(from *tableContent) *table {
	t := &table{collect: from.collect}
	fields := map[string]int{}
	for _, column := range from.inputs {
		in := inputColumn{column.id, -1}
		if column.field != "" {
			n, known := fields[column.field]
			if !known {
				n = len(t.fields)
				fields[column.field] = n
				t.fields = append(t.fields, *c.cell(column.field, false))
			}
			in.field = n
		}
		t.inputs = append(t.inputs, in)
	}
	for _, column := range from.outputs {
		path, list := strings.CutSuffix(strings.TrimSpace(column.field), "[]")
		t.outputs = append(t.outputs, outputColumn{strings.TrimSpace(path), list && !t.collect})
		t.columns = t.columns || list && !t.collect
	}
	width := len(t.inputs) + len(t.outputs)
	cells := make([]*cell, width*len(from.rules))
	c.size += len(from.rules) * (ruleSize + 16*width)
	t.rules = make([]rule, 0, len(from.rules))
	for i, texts := range from.rules {
		r := rule{cells: cells[i*width : (i+1)*width : (i+1)*width], id: texts["_id"]}
		r.description, r.hasDescription = texts["_description"]
		for j, column := range t.inputs {
			if text, ok := texts[column.id]; ok {
				r.cells[j] = c.cell(text, column.field >= 0)
			}
		}
		for j := range t.outputs {
			if text, ok := texts[from.outputs[j].id]; ok {
				r.cells[len(t.inputs)+j] = c.cell(text, false)
			}
		}
		t.rules = append(t.rules, r)
	}
	t.index = newTableIndex(t)
	return t
}

// A scan is one evaluation of a decision table.
type scan struct {
	e    *evaluation
	t    *table
	root value.Value
	// nodes says whether $nodes can be seen: from an object.
	nodes bool
	// values of fields and what became of them.
	values []value.Value
	states []fieldState
	// reference is $, once a column has set it; inRow says that it was in this row.
	reference    value.Value
	hasReference bool
	inRow        bool
	stop         *Error
	candidates   []uint64
	hits         []uint64
}

type fieldState uint8

const (
	fieldUnknown fieldState = iota
	fieldKnown
	fieldFailed
)

func (s *scan) begin(e *evaluation, t *table, input value.Value) {
	s.e, s.t, s.root, s.nodes = e, t, input, !e.bare && input.Kind() == value.KindObject
	if n := len(t.fields); cap(s.values) < n {
		s.values, s.states = make([]value.Value, n), make([]fieldState, n)
	} else {
		s.values, s.states = s.values[:n], s.states[:n]
		clear(s.values)
		clear(s.states)
	}
	s.reference, s.hasReference, s.inRow, s.stop = value.Value{}, false, false, nil
}

// release lets go of data.
func (s *scan) release() {
	clear(s.values[:cap(s.values)])
	*s = scan{values: s.values[:0], states: s.states[:0], candidates: s.candidates[:0], hits: s.hits[:0]}
}

func (s *scan) see(c *cell) {
	env := &s.e.env
	env.Root = s.root
	env.HasNodes = c.nodes && s.nodes
	if env.HasNodes {
		env.Nodes = s.e.nodes()
	}
	env.Reference, env.HasReference = s.reference, s.hasReference
}

// failed notes an error that ends more than its row.
func (s *scan) failed(err error) { s.stop = s.e.stop(err) }

// eval evaluates a standard cell; false for an error, which is a row without a match.
func (s *scan) eval(c *cell) (value.Value, bool) {
	if c.err != nil {
		return value.Value{}, false
	}
	s.see(c)
	v, err := c.program.Eval(&s.e.env)
	if err != nil {
		s.failed(err)
		return value.Value{}, false
	}
	return v, true
}

// field evaluates a field, once unless it fails and might not the next time.
func (s *scan) field(f int) bool {
	switch s.states[f] {
	case fieldKnown:
		return true
	case fieldFailed:
		return false
	}
	c := &s.t.fields[f]
	v, ok := s.eval(c)
	switch {
	case ok:
		s.values[f], s.states[f] = v, fieldKnown
	case !c.reference && s.root.Kind() == value.KindObject:
		s.states[f] = fieldFailed
	}
	return ok
}

// refer makes a field's value what $ stands for.
func (s *scan) refer(f int) bool {
	if !s.field(f) {
		return false
	}
	s.reference, s.hasReference, s.inRow = s.values[f], true, true
	if s.root.Kind() != value.KindObject {
		s.root, s.nodes = value.Object(nil), false // as in the reference
	}
	return true
}

// passes reports whether the input cells of a row hold; decided is the index where it
// has looked at some of them already.
func (s *scan) passes(row int, decided *tableIndex) bool {
	r := &s.t.rules[row]
	s.inRow = false
	for i := range s.t.inputs {
		c := r.cells[i]
		if c == nil || c.empty() {
			continue
		}
		f := s.t.inputs[i].field
		if f < 0 {
			if v, ok := s.eval(c); !ok || !v.AsBool() {
				return false
			}
			continue
		}
		if !s.refer(f) {
			return false
		}
		if decided != nil && decided.decides(i, row) {
			continue
		}
		if c.err != nil {
			return false
		}
		s.see(c)
		holds, err := c.program.Test(&s.e.env)
		if err != nil {
			s.failed(err)
			return false
		}
		if !holds {
			return false
		}
	}
	return true
}

// output returns the value of a row's output cell: none where it is empty, false for
// an error.
func (s *scan) output(row, column int) (v value.Value, some, ok bool) {
	c := s.t.rules[row].cells[len(s.t.inputs)+column]
	if c == nil || c.empty() || s.t.outputs[column].path == "" {
		return v, false, true
	}
	if c.reference && !s.inRow {
		s.lookBack(row)
	}
	v, ok = s.eval(c)
	return v, ok, ok
}

// lookBack makes $ what the rows before have left, where the index has skipped them.
func (s *scan) lookBack(row int) {
	if s.t.index == nil {
		return
	}
	s.reference, s.hasReference = value.Value{}, false
	for row--; row >= 0 && s.stop == nil; row-- {
		if s.passes(row, nil); s.inRow {
			break
		}
	}
	s.inRow = true
}

// outputs returns what a row that passed gives; false if one of its cells fails.
func (s *scan) outputs(row int) (*value.Map, bool) {
	m := value.NewMap(len(s.t.outputs))
	for i := range s.t.outputs {
		v, some, ok := s.output(row, i)
		if !ok {
			return nil, false
		}
		if some {
			value.SetPath(m, s.t.outputs[i].path, v)
		}
	}
	return m, true
}

// rows calls hit for the rows that pass, until it returns false.
func (s *scan) rows(hit func(row int) bool) *Error {
	index := s.t.index
	if index != nil && !index.candidates(s) {
		index = nil
	}
	if s.stop != nil {
		return s.stop
	}
	looked := 0
	look := func(row int) (more bool) {
		if looked++; looked&255 == 0 {
			if s.stop = s.e.stopped(); s.stop != nil {
				return false
			}
		}
		return (!s.passes(row, index) || hit(row)) && s.stop == nil
	}
	if index == nil {
		for row := range s.t.rules {
			if !look(row) {
				break
			}
		}
		return s.stop
	}
	for i, word := range s.candidates {
		for ; word != 0; word &= word - 1 {
			if !look(i*64 + bits.TrailingZeros64(word)) {
				return s.stop
			}
		}
	}
	return s.stop
}

func (e *evaluation) table(n *node, input value.Value) (out, data value.Value, err *Error) {
	s := &e.scan
	s.begin(e, n.table, input)
	switch {
	case n.table.collect:
		return s.collect()
	case n.table.columns:
		return s.collectColumns()
	default:
		return s.first()
	}
}

func (s *scan) first() (out, data value.Value, err *Error) {
	err = s.rows(func(row int) bool {
		m, ok := s.outputs(row)
		if !ok {
			return true
		}
		out = value.Object(m)
		if s.e.trace != nil {
			data = s.told(row)
		}
		return false
	})
	return out, data, err
}

func (s *scan) collect() (out, data value.Value, err *Error) {
	hits, told := []value.Value{}, []value.Value{}
	err = s.rows(func(row int) bool {
		if m, ok := s.outputs(row); ok {
			hits = append(hits, value.Object(m))
			if s.e.trace != nil {
				told = append(told, s.told(row))
			}
		}
		return true
	})
	if s.e.trace != nil {
		data = value.Array(told)
	}
	return value.Array(hits), data, err
}

// collectColumns takes of the first row that passes all columns, of the others those
// that collect.
func (s *scan) collectColumns() (out, data value.Value, err *Error) {
	width := len(s.t.outputs)
	first := make([]value.Value, width)
	has := make([]bool, width)
	lists := make([][]value.Value, width)
	row := make([]value.Value, width)
	some := make([]bool, width)
	hits := 0
	var told []value.Value
	err = s.rows(func(i int) bool {
		for j := range s.t.outputs {
			var ok bool
			if row[j], some[j], ok = s.output(i, j); !ok {
				return true
			}
		}
		for j := range s.t.outputs {
			switch {
			case !some[j]:
			case s.t.outputs[j].list:
				lists[j] = append(lists[j], row[j])
			case hits == 0:
				first[j], has[j] = row[j], true
			}
		}
		hits++
		if s.e.trace != nil {
			told = append(told, s.told(i))
		}
		return true
	})
	if err != nil || hits == 0 {
		return out, data, err
	}
	m := value.NewMap(width)
	for j := range s.t.outputs {
		switch column := &s.t.outputs[j]; {
		case column.path == "":
		case column.list:
			value.SetPath(m, column.path, value.Array(lists[j]))
		case has[j]:
			value.SetPath(m, column.path, first[j])
		}
	}
	if s.e.trace != nil {
		data = value.Array(told)
	}
	return value.Object(m), data, nil
}

// told is what the trace says of a row that matched.
func (s *scan) told(row int) value.Value {
	r := &s.t.rules[row]
	references, texts := value.NewMap(len(s.t.inputs)), value.NewMap(len(s.t.inputs)+2)
	texts.Set("_id", value.String(r.id))
	if r.hasDescription {
		texts.Set("_description", value.String(r.description))
	}
	for i := range s.t.inputs {
		c, f := r.cells[i], s.t.inputs[i].field
		if c == nil || f < 0 {
			continue
		}
		field := s.t.fields[f].text
		if s.field(f) {
			references.Set(field, s.values[f])
		}
		texts.Set(field+"["+s.t.inputs[i].id+"]", value.String(c.text))
	}
	m := value.NewMap(3)
	m.Set("index", value.Int(int64(row)))
	m.Set("reference_map", value.Object(references))
	m.Set("rule", value.Object(texts))
	return value.Object(m)
}
