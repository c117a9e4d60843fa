package verify

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// guess finds what ids stand for whose names tell nothing, as borrower_id: where an
// operation that makes things refuses made-up ids, those of other things are tried whose
// ids look alike, and what it takes is kept for the run.
func (r *runner) guess(ctx context.Context) {
	for _, p := range r.resources {
		words := r.unknownWords(p.op)
		if len(words) == 0 || r.tries(ctx, p, nil) {
			continue
		}
		trials := []map[string]string{{}}
		for _, word := range sortedNames(words) {
			var longer []map[string]string
			for _, key := range words[word] {
				for _, trial := range trials {
					next := maps.Clone(trial)
					next[word] = key
					longer = append(longer, next)
				}
			}
			trials = longer[:min(len(longer), maxGuesses)]
		}
		for _, trial := range trials {
			if ctx.Err() != nil || r.tries(ctx, p, trial) {
				break
			}
		}
	}
}

// ownWord begins what is guessed of a member that no name says to hold an id.
const ownWord = "="

// maxGuesses bounds what is tried for one operation.
const maxGuesses = 8

// tries reports whether things can be made with ids that stand for what is guessed,
// which is remembered if they can.
func (r *runner) tries(ctx context.Context, p *producer, guesses map[string]string) bool {
	before := r.guesses
	suppose := func(guesses map[string]string) {
		r.guesses = guesses
		r.referring.Clear()
		for _, op := range r.ops {
			op.refs = r.referents(op)
		}
	}
	if len(guesses) > 0 {
		next := maps.Clone(before)
		if next == nil {
			next = map[string]string{}
		}
		maps.Copy(next, guesses)
		suppose(next)
	}
	l := r.lane(ctx, 0, fmt.Sprint("guess ", p.op.ID, guesses))
	l.quiet = map[string]hit{}
	t, err := l.create(ctx, p, false)
	made := err == nil && t != nil
	l.tidy(ctx)
	if !made && len(guesses) > 0 {
		suppose(before)
	}
	return made
}

// unknownWords are the words of the ids in an operation's body that name nothing which
// is known, each with what its values may name by their form.
func (r *runner) unknownWords(op *operation) map[string][]string {
	words := map[string][]string{}
	walkMembers(op.body, nil, func(s *openapi3.Schema, tokens []string) {
		name := tokens[len(tokens)-1]
		if index(name) >= 0 && len(tokens) > 1 {
			name = tokens[len(tokens)-2]
		}
		word := thingWord(tokens, s)
		_, isID := cutID(name)
		if !isID && s.Pattern != "" { // a text of the very form of an id
			word, isID = ownWord+folded(name), true
		}
		if !isID || word == "" || words[word] != nil || r.referent(tokens, s) != "" {
			return
		}
		for _, p := range r.resources {
			for _, n := range p.nodes {
				if ps := r.paramSchema(n); ps != nil && p.op != op && looksLike(ps, s) && !slices.Contains(words[word], n.key) {
					words[word] = append(words[word], n.key)
				}
			}
		}
	})
	return words
}

// looksLike reports whether the values of two schemas have the same form.
func looksLike(a, b *openapi3.Schema) bool {
	return a.Type != nil && b.Type != nil && slices.Equal(*a.Type, *b.Type) && a.Format == b.Format && a.Pattern == b.Pattern
}
