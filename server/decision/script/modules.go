package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"modernc.org/quickjs"
)

// What the engine puts before the errors of resolve and source.
const (
	resolvePrefix = "module normalization failed: "
	loadPrefix    = "module load failed: "
)

// packageScheme begins the names of modules that are files of packages.
const packageScheme = "npm:"

// maxFile is the size of a file of a package, in bytes.
const maxFile = 4 << 20

// vendorModules are the npm packages that the vendor's engine has.
var vendorModules = []string{"dayjs", "big.js", "zod"}

// own are the modules that are made of the internals.
var own = map[string]string{
	"zen":  "const m = globalThis[Symbol.for('understudy.modules')].zen; export const { evaluateExpression, evaluateUnaryExpression, evaluate } = m; export default m;",
	"http": "const m = globalThis[Symbol.for('understudy.modules')].http; export const { get, head, post, patch, put } = m; const d = m.delete; export { d as delete }; export default m;",
}

// resolve gives the module that another one (base) imports by name.
func (m *machine) resolve(_ *quickjs.VM, base, name string) (string, error) {
	if _, ok := own[name]; ok || name == m.name {
		return name, nil
	}
	resolved, err := m.runner.modules.resolve(base, name)
	if err != nil {
		if base == evalName {
			base = scriptName
		}
		return "", fmt.Errorf("Error resolving module '%s' from '%s'", name, base)
	}
	return resolved, nil
}

// source gives the text of a module.
func (m *machine) source(_ *quickjs.VM, name string) (string, error) {
	if text, ok := own[name]; ok {
		return text, nil
	}
	if name == m.name {
		return m.call.Source, nil
	}
	return m.runner.modules.source(name)
}

// modules are the npm packages of a node_modules folder that scripts may import.
type modules struct {
	folder string
	names  []string

	mu       sync.Mutex
	packages map[string]manifest
	sources  map[string]string
}

func newModules(folder string, names []string) *modules {
	if len(names) == 0 {
		names = vendorModules
	}
	return &modules{folder: folder, names: names, packages: map[string]manifest{}, sources: map[string]string{}}
}

var missing = regexp.MustCompile(`^Error resolving module '([^']*)'`)

// hint says how a module that could not be resolved is supplied.
func (s *modules) hint(message string) string {
	name := missing.FindStringSubmatch(message)
	switch {
	case name == nil:
		return ""
	case !slices.Contains(s.names, name[1]):
		return "A function may import zen, http, " + strings.Join(s.names, ", ") + ".\n"
	case s.folder == "":
		return "To supply it, install the npm package " + name[1] + " and name its node_modules folder (script.WithModules).\n"
	default:
		return "To supply it, install the npm package " + name[1] + " into the folder of modules that was named.\n"
	}
}

// explain is what a version 1 script is told when it uses a library that is absent.
func (s *modules) explain(name, message string) string {
	return strings.TrimSpace(message + ". " + s.hint("Error resolving module '"+name+"'"))
}

var errNotFound = errors.New("no such module")

// resolve finds the file of a package for what base imports by name.
func (s *modules) resolve(base, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if file, ok := strings.CutPrefix(base, packageScheme); ok && strings.HasPrefix(name, ".") {
		pkg, within := splitPackage(file)
		found, err := s.find(pkg, path.Join(path.Dir(within), name))
		return packageScheme + pkg + "/" + found, err
	}
	if s.folder == "" || !slices.Contains(s.names, name) {
		return "", errNotFound
	}
	p, err := s.manifest(name)
	if err != nil {
		return "", err
	}
	found, err := s.find(name, p.entry())
	return packageScheme + name + "/" + found, err
}

// splitPackage splits "dayjs/esm/index.js" after the package's name, which may have
// a scope.
func splitPackage(file string) (pkg, within string) {
	n := 1
	if strings.HasPrefix(file, "@") {
		n = 2
	}
	parts := strings.SplitN(file, "/", n+1)
	return strings.Join(parts[:len(parts)-1], "/"), parts[len(parts)-1]
}

// find completes the name of a file of a package as Node does.
func (s *modules) find(pkg, file string) (string, error) {
	file = path.Clean(file)
	if !within(file) {
		return "", errNotFound
	}
	root, err := s.open(pkg)
	if err != nil {
		return "", err
	}
	defer root.Close()
	for _, ending := range []string{"", ".js", ".mjs", ".cjs", "/index.js", "/index.mjs"} {
		if info, err := root.Stat(file + ending); err == nil && info.Mode().IsRegular() {
			return path.Clean(file + ending), nil
		}
	}
	return "", errNotFound
}

func within(file string) bool {
	return file != ".." && !strings.HasPrefix(file, "../") && !strings.HasPrefix(file, "/")
}

// open gives a package's folder, out of which no path and no link leads.
func (s *modules) open(pkg string) (*os.Root, error) {
	root, err := os.OpenRoot(s.folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.OpenRoot(pkg)
}

func (s *modules) read(pkg, file string) (string, error) {
	root, err := s.open(pkg)
	if err != nil {
		return "", err
	}
	defer root.Close()
	// What is no regular file might never answer.
	if info, err := root.Stat(file); err != nil {
		return "", err
	} else if !info.Mode().IsRegular() || info.Size() > maxFile {
		return "", errNotFound
	}
	f, err := root.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	return string(data), err
}

// A manifest is what a package.json says about the files to import.
type manifest struct {
	Main    string          `json:"main"`
	Module  string          `json:"module"`
	Type    string          `json:"type"`
	Exports json.RawMessage `json:"exports"`
}

func (s *modules) manifest(pkg string) (manifest, error) {
	if p, ok := s.packages[pkg]; ok {
		return p, nil
	}
	text, err := s.read(pkg, "package.json")
	if err != nil {
		return manifest{}, err
	}
	var p manifest
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return manifest{}, err
	}
	s.packages[pkg] = p
	return p, nil
}

// entry is the file that the package's name stands for: an ES module if there is one.
func (p manifest) entry() string {
	for _, file := range []string{exported(p.Exports, 0), p.Module, p.Main} {
		if file != "" {
			return file
		}
	}
	return "index"
}

// exported reads "exports" for the package itself: a path, conditions, subpaths, or
// a list of those.
func exported(data json.RawMessage, depth int) string {
	var file string
	if depth > 8 || len(data) == 0 || json.Unmarshal(data, &file) == nil {
		return file
	}
	var list []json.RawMessage
	if json.Unmarshal(data, &list) == nil {
		for _, item := range list {
			if file := exported(item, depth+1); file != "" {
				return file
			}
		}
		return ""
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) != nil {
		return ""
	}
	for _, condition := range []string{".", "import", "module", "default", "require"} {
		if file := exported(members[condition], depth+1); file != "" {
			return file
		}
	}
	return ""
}

// source gives the text of a file of a package as an ES module.
func (s *modules) source(name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text, ok := s.sources[name]; ok {
		return text, nil
	}
	file, ok := strings.CutPrefix(name, packageScheme)
	if !ok {
		return "", errNotFound
	}
	pkg, within := splitPackage(file)
	text, err := s.read(pkg, within)
	if err != nil {
		return "", errNotFound
	}
	p, err := s.manifest(pkg)
	if err != nil {
		return "", err
	}
	if !isModule(within, text, p) {
		if text, err = s.wrap(pkg, within, text); err != nil {
			return "", err
		}
	}
	s.sources[name] = text
	return text, nil
}

var moduleSyntax = regexp.MustCompile(`(?:^|[;}\s])(?:export\s*[{*]|export\s+(?:default|const|let|var|function|class|async)\b|import\s*["'{*]|import\s+\w)`)

// isModule says whether a file is an ES module, by its ending, its package or what it
// looks like.
func isModule(file, text string, p manifest) bool {
	switch {
	case strings.HasSuffix(file, ".mjs"):
		return true
	case strings.HasSuffix(file, ".cjs"), p.Type == "commonjs":
		return false
	}
	return p.Type == "module" || moduleSyntax.MatchString(text)
}
