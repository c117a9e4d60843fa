package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// errFound ends a scan.
var errFound = errors.New("found")

// Paths lists the path templates of a document, and of what it says the vendor has
// besides, without loading it, which takes a fiftieth of the time.
func (s Source) Paths() ([]string, error) {
	var paths, besides []string
	err := members(s.JSON, func(name string, value []byte) error {
		switch name {
		case unservedKey:
			list, err := unservedOf(value)
			for _, u := range list {
				besides = append(besides, u.template.text)
			}
			return err
		case "paths":
			if err := members(value, func(path string, _ []byte) error {
				paths = append(paths, path)
				return nil
			}); err != nil {
				return err
			}
		}
		if paths != nil && besides != nil {
			return errFound
		}
		return nil
	})
	if err != nil && !errors.Is(err, errFound) {
		return nil, fmt.Errorf("read %s: %w", s.File, err)
	}
	if paths == nil {
		return nil, errors.New(s.File + " has no paths")
	}
	return append(paths, besides...), nil
}

// unservedKey is the extension that lists what the vendor has, each as its method and
// its path. What a path of the document matches is served; the rest is not.
const unservedKey = "x-understudy-unserved"

// unserved is an operation that the vendor has.
type unserved struct {
	method   string
	template Template
}

// restOfPath is the parameter that takes the rest of a path.
var restOfPath = map[string]bool{"*": true}

func unservedOf(text []byte) ([]unserved, error) {
	var lines []string
	if err := json.Unmarshal(text, &lines); err != nil {
		return nil, fmt.Errorf("%s: %w", unservedKey, err)
	}
	list := make([]unserved, len(lines))
	for i, line := range lines {
		method, path, _ := strings.Cut(line, " ")
		template, err := newTemplate(path, restOfPath, false)
		if err != nil || !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("%s: %q is no method and path", unservedKey, line)
		}
		list[i] = unserved{method, template}
	}
	return list, nil
}

// Unserved is the path by which the vendor has an operation that is not served; empty
// if it has none for the method and the path.
func (d *Document) Unserved(method, path string) string {
	for _, u := range d.unserved {
		if u.method == method && u.template.Match(path) {
			return u.template.text
		}
	}
	return ""
}
