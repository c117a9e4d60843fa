package script

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"modernc.org/quickjs"
)

var (
	required   = regexp.MustCompile(`\brequire\(\s*["'](\.[^"']*)["']\s*\)`)
	identifier = regexp.MustCompile(`^[A-Za-z_$][\w$]*$`)
)

// maxBundled is how many files one CommonJS module may consist of.
const maxBundled = 500

// wrap makes an ES module of a CommonJS or UMD one and the files of its package that
// it requires. Its exports' names are those that it has when it is run.
func (s *modules) wrap(pkg, file, text string) (string, error) {
	files := map[string]string{file: text}
	targets := map[string]map[string]string{}
	for queue := []string{file}; len(queue) > 0; queue = queue[1:] {
		from := queue[0]
		targets[from] = map[string]string{}
		for _, match := range required.FindAllStringSubmatch(files[from], -1) {
			found, err := s.find(pkg, path.Join(path.Dir(from), match[1]))
			if err != nil {
				continue // it fails when it is required
			}
			targets[from][match[1]] = found
			if _, ok := files[found]; ok {
				continue
			}
			text, err := s.read(pkg, found)
			if err != nil || len(files) >= maxBundled {
				return "", errNotFound
			}
			files[found] = text
			queue = append(queue, found)
		}
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString("const $files = {\n")
	for _, name := range names {
		fmt.Fprintf(&b, "%s: function (exports, require, module) {%s\n},\n", quoted(name), files[name])
	}
	links, err := json.Marshal(targets)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&b, `};
const $links = %s, $modules = {};
const $load = (id) => {
  if ($modules[id] === undefined) {
    const module = ($modules[id] = { exports: {} });
    $files[id].call(module.exports, module.exports, (name) => {
      if ($links[id][name] === undefined) throw new Error("Cannot find module '" + name + "'");
      return $load($links[id][name]);
    }, module);
  }
  return $modules[id].exports;
};
const $m = $load(%s);
`, links, quoted(file))
	exports, err := exportedNames(b.String())
	if err != nil {
		return "", err
	}
	b.WriteString("export default $m && $m.__esModule && 'default' in $m ? $m.default : $m;\n")
	for i, name := range exports {
		if identifier.MatchString(name) && name != "default" {
			fmt.Fprintf(&b, "const $e%d = $m.%s; export { $e%d as %s };\n", i, name, i, name)
		}
	}
	return b.String(), nil
}

// exportedNames runs a wrapped module in an engine of its own.
func exportedNames(text string) ([]string, error) {
	vm, err := quickjs.NewVM()
	if err != nil {
		return nil, err
	}
	defer vm.Close()
	vm.SetMemoryLimit(DefaultMemoryLimit)
	vm.SetMaxStackSize(stackSlots)
	_ = vm.SetEvalTimeout(time.Second)
	r, err := vm.Eval("(() => {"+text+";return JSON.stringify(Object.keys(Object($m)))})()", quickjs.EvalGlobal)
	if err != nil {
		return nil, err
	}
	list, _ := r.(string)
	var names []string
	err = json.Unmarshal([]byte(list), &names)
	return names, err
}
