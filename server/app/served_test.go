package app

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/evidence"
)

// Wherever the control API's document lists APIs, it lists those that are served.
func TestServedAreListed(t *testing.T) {
	var names []string
	for _, api := range apis(means{}) {
		names = append(names, api.Source().API)
	}
	var document any
	if err := json.Unmarshal(understudy.Document(), &document); err != nil {
		t.Fatal(err)
	}
	lists := 0
	var visit func(node any)
	visit = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			if enum, ok := node["enum"].([]any); ok && slices.ContainsFunc(enum, func(v any) bool { text, _ := v.(string); return slices.Contains(names, text) }) {
				lists++
				var listed []string
				for _, v := range enum {
					if text, _ := v.(string); text != "all" && text != evidence.ControlAPI {
						listed = append(listed, text)
					}
				}
				if diff := cmp.Diff(names, listed); diff != "" {
					t.Errorf("served and listed: %s", diff)
				}
			}
			for _, member := range node {
				visit(member)
			}
		case []any:
			for _, item := range node {
				visit(item)
			}
		}
	}
	visit(document)
	if lists < 3 {
		t.Errorf("%d lists of APIs found", lists)
	}
}
