package value

import (
	"math"
	"strings"
)

// Merge lays patch over doc, as graphs join the outputs of nodes. An array takes
// doc's place, what is no object changes nothing. Of an object each member that
// is null removes doc's, one that doc has too is merged when both are objects
// and else takes its place, and one that doc lacks is added as it is; an object
// laid over itself keeps its nulls. Neither value is changed; what is unchanged
// is shared.
func Merge(doc, patch Value) Value {
	left := math.MaxInt
	return MergeWithin(doc, patch, &left)
}

// MergeWithin is [Merge] that looks at no more members than are left, and takes
// those away that it looked at: objects that share parts in memory may have more
// members than there is time for. Once left is negative the result means nothing.
func MergeWithin(doc, patch Value, left *int) Value {
	switch {
	case patch.kind == KindArray:
		return patch
	case patch.kind != KindObject:
		return doc
	case doc.kind != KindObject:
		return patch
	default:
		return mergeObjects(doc, patch, left)
	}
}

func mergeObjects(doc, patch Value, left *int) Value {
	from, over := doc.AsObject(), patch.AsObject()
	if over.Len() == 0 || from == over {
		return doc
	}
	if *left -= over.Len(); *left < 0 {
		return doc
	}
	var merged *Map
	removed := 0
	for i := range over.members {
		key, v := over.members[i].key, over.members[i].value
		old, ok := from.Get(key)
		switch {
		case v.kind == KindNull:
			if ok {
				removed++
			}
			continue
		case ok && old.kind == KindObject && v.kind == KindObject:
			v = mergeObjects(old, v, left)
		}
		if merged == nil {
			merged = from.cloneFor(over.Len())
		}
		merged.Set(key, v)
	}
	if merged == nil {
		if removed == 0 {
			return doc
		}
		merged = from.Clone()
	}
	if removed > 0 {
		merged.deleteFunc(func(key string) bool {
			v, ok := over.Get(key)
			return ok && v.kind == KindNull
		})
	}
	return Object(merged)
}

// maxPathDepth bounds how deep objects are made by one path.
const maxPathDepth = 512

// SetPath writes a value at a path of keys with dots between them. Missing
// members on the way become objects; where something else than an object is in
// the way, or the path has more than 512 keys, nothing is written. Objects on
// the way may be shared: they are copied, m alone is changed.
func SetPath(m *Map, path string, v Value) {
	if strings.Count(path, ".") >= maxPathDepth {
		return
	}
	setPath(m, path, v)
}

func setPath(m *Map, path string, v Value) bool {
	key, rest, found := strings.Cut(path, ".")
	if !found {
		m.Set(key, v)
		return true
	}
	var inner *Map
	if old, ok := m.Get(key); !ok {
		inner = NewMap(1)
	} else if old.kind == KindObject {
		inner = old.AsObject().cloneFor(1)
	} else {
		return false
	}
	if !setPath(inner, rest, v) {
		return false
	}
	m.Set(key, Object(inner))
	return true
}

// PathValue returns v within new objects along a path of keys with dots between
// them, as [SetPath] would make them; an empty path gives v itself.
func PathValue(path string, v Value) Value {
	if path == "" {
		return v
	}
	m := NewMap(1)
	SetPath(m, path, v)
	return Object(m)
}
