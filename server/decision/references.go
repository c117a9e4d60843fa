package decision

import (
	"crypto/sha256"
	"slices"
)

// References are the keys of the decisions that a decision's nodes refer to, each once,
// in the order of the nodes. Functions may ask for any other: scripted reports whether
// there are any.
func (d *Decision) References() (keys []string, scripted bool) {
	for i := range d.nodes {
		switch n := &d.nodes[i]; n.kind {
		case decisionNode:
			if !slices.Contains(keys, n.key) {
				keys = append(keys, n.key)
			}
		case functionNode:
			scripted = true
		default:
		}
	}
	return keys, scripted
}

// CustomKinds are the kinds of a decision's custom nodes, each once, in the order of
// the nodes.
func (d *Decision) CustomKinds() []string {
	var kinds []string
	for i := range d.nodes {
		if n := &d.nodes[i]; n.kind == customNode && !slices.Contains(kinds, n.custom.kind) {
			kinds = append(kinds, n.custom.kind)
		}
	}
	return kinds
}

// Load is Parse of a document whose SHA-256 is known: read is called for its text if
// the decision is not kept. An error of read is returned as it is, and not kept.
func (c *Cache) Load(hash [sha256.Size]byte, read func() ([]byte, error)) (*Decision, error) {
	c.mu.Lock()
	entry, ok := c.entries[hash]
	if ok {
		entry.unlink()
		entry.prev, entry.next = c.sentinel.prev, &c.sentinel
		entry.prev.next, entry.next.prev = entry, entry
	}
	c.mu.Unlock()
	if !ok {
		data, err := read()
		if err != nil {
			return nil, err
		}
		return c.parse(hash, data)
	}
	return c.compiled(entry)
}
