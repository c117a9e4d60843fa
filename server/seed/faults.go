package seed

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/workspace"
)

// faults reads the faults of a workspace.
func (r *reader) faults(w *content, n *node, pointer string) {
	if !r.is(n, pointer, isList) {
		return
	}
	if len(n.items) > workspace.MaxFaults {
		r.problem(n, pointer, "A workspace holds at most %d faults.", workspace.MaxFaults)
		return
	}
	lines := map[string]int{}
	for i, item := range n.items {
		if r.over() {
			return
		}
		at := below(pointer, strconv.Itoa(i))
		if !r.object(item, at, faultMembers, faultMembers[:1]) {
			continue
		}
		name := ""
		if given := item.get("name"); given != nil {
			name, _ = r.text(given, below(at, "name"))
			if line, again := lines[name]; again && name != "" {
				r.problem(given, below(at, "name"), "Line %d has a fault of this name already. Give each its own.", line)
			} else {
				lines[name] = given.line
			}
		}
		body := item.without("name")
		body.members = slices.DeleteFunc(body.members, func(m member) bool { return !slices.Contains(faultMembers, m.name) })
		judged, ok := r.judge(r.documents.fault, faultPath, map[string]string{"faultName": "fault"}, body, at)
		if !ok {
			continue
		}
		fault := workspace.Fault{}
		if err := json.Unmarshal(judged, &fault); err != nil {
			r.problem(item, at, "No fault can be made of this: a member is of another type than the document says.")
			continue
		}
		fault.Name = name
		problems, err := r.workspaces.Check(r.ctx, &fault)
		r.err = errors.Join(r.err, err)
		for _, p := range problems {
			if p.Pointer == "/name" && (name == "" || item.get("name") == nil) {
				continue // told above
			}
			r.problem(item.at(tokens(p.Pointer)...), at+p.Pointer, "%s", sentence(p.Message))
		}
		w.faults = append(w.faults, fault)
	}
}

// sentence makes a sentence of a message.
func sentence(message string) string {
	if message == "" {
		return message
	}
	return strings.ToUpper(message[:1]) + strings.TrimSuffix(message[1:], ".") + "."
}
