package seed

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// What is written is read again as it was, as YAML and as JSON.
func TestWriteRead(t *testing.T) {
	t.Parallel()
	text := rapid.Custom(func(t *rapid.T) *node { return &node{kind: isText, text: rapid.String().Draw(t, "text")} })
	plain := rapid.OneOf(text, rapid.SampledFrom([]*node{
		{},
		{kind: isTruth, text: "true"},
		{kind: isTruth, text: "false"},
		{kind: isList},
		{kind: isObject},
		{kind: isNumber, text: "0"},
		{kind: isNumber, text: "-1.50"},
		{kind: isNumber, text: "1e+21"},
		{kind: isNumber, text: "1E400"},
		{kind: isNumber, text: "123456789012345678901234567890"},
		{kind: isNumber, text: "-0"},
		{kind: isNumber, text: "0.10"},
	}))
	rapid.Check(t, func(t *rapid.T) {
		root := &node{kind: isObject}
		for _, name := range rapid.SliceOfNDistinct(rapid.String(), 1, 4, rapid.ID[string]).Draw(t, "names") {
			list := &node{kind: isList, items: rapid.SliceOfN(plain, 1, 4).Draw(t, "items")}
			within := &node{kind: isObject, members: []member{{name: name, value: list}, {name: "w" + name, value: &node{kind: isList, items: []*node{list, list}}}}}
			root.members = append(root.members, member{name: "l" + name, value: list}, member{name: "v" + name, value: plain.Draw(t, "value")},
				member{name: "m" + name, value: &node{kind: isList, items: []*node{within, list, within}}})
		}
		want := root.json()
		yaml, err := write(root)
		if err != nil {
			t.Fatal(err)
		}
		for piece := range 5 {
			w := &writer{piece: piece + 1}
			w.text.WriteString(preamble)
			if err := w.value(root, "", false); err != nil {
				t.Fatal(err)
			}
			if w.text.String() != string(yaml) {
				t.Fatalf("in pieces of %d:\n%s\nat once:\n%s", piece+1, &w.text, yaml)
			}
		}
		for _, form := range [][]byte{yaml, want} {
			again, problems := read(form)
			if problems.total > 0 {
				t.Fatalf("%s\n%v", form, problems)
			}
			if got := again.json(); !bytes.Equal(got, want) {
				t.Fatalf("%s\nbecame\n%s", want, got)
			}
		}
	})
}
