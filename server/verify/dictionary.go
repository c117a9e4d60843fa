package verify

import (
	"io"

	"go.yaml.in/yaml/v3"
)

// ReadDictionary reads values for [Options.Values]: names with a value or a list of
// values each, in YAML or JSON. The error is a [MistakeError].
func ReadDictionary(r io.Reader) (map[string][]string, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, mistake("the dictionary: %v", err)
	}
	var file map[string]yaml.Node
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, mistake("the dictionary: %v", err)
	}
	values := map[string][]string{}
	for _, name := range sortedNames(file) {
		node := file[name]
		items := []*yaml.Node{&node}
		if node.Kind == yaml.SequenceNode {
			items = node.Content
		}
		for _, item := range items {
			if item.Kind != yaml.ScalarNode {
				return nil, mistake("the dictionary, line %d: want a value or a list of values for %s", item.Line, name)
			}
			values[name] = append(values[name], item.Value)
		}
	}
	return values, nil
}
