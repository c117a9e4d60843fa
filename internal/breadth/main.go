// Command breadth measures what documents cost at the size that they are to have: it
// builds the program from a copy of the tree in which the integrations of BRMS stand
// so often that it has 107 operations, and in which Datafold is the whole interface
// that its vendor publishes (UNDERSTUDY_DATAFOLD_PUBLISHED names the file; without it,
// the operations that are served). What is added answers nothing, but is routed, judged
// and counted like all others.
//
//	go run ./internal/breadth [-starts 20] [-keep DIR]
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// breadth is how many operations BRMS is to have, at least.
const breadth = 107

func main() {
	starts := flag.Int("starts", 20, "how often to start the program")
	keep := flag.String("keep", "", "`folder` of the copy, kept; else a temporary one")
	binary := flag.String("binary", "", "measure this program, and build none")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *starts, *keep, *binary); err != nil {
		fmt.Fprintln(os.Stderr, "breadth:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, starts int, tree, binary string) error {
	if binary == "" {
		if tree == "" {
			dir, err := os.MkdirTemp("", "breadth-")
			if err != nil {
				return err
			}
			defer func() { _ = os.RemoveAll(dir) }()
			tree = dir
		}
		if err := grow(ctx, out, tree); err != nil {
			return err
		}
		binary = filepath.Join(tree, "bin", "understudy")
	}
	return measure(ctx, out, binary, starts)
}

// grow makes the copy, and builds the program from it.
func grow(ctx context.Context, out io.Writer, tree string) error {
	if err := copyTree(ctx, tree); err != nil {
		return err
	}
	if err := growBRMS(tree); err != nil {
		return err
	}
	if err := growDatafold(out, tree); err != nil {
		return err
	}
	if err := command(ctx, tree, "go", "generate", "./openapi"); err != nil {
		return err
	}
	for _, api := range []string{"brms", "datafold"} {
		if err := standIns(tree, api); err != nil {
			return err
		}
	}
	before := time.Now()
	usage, err := cpu(ctx, tree, "go", "build", "-o", "bin/understudy", "./server/understudy")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "build: %.1f CPU s, %s\n", usage.Seconds(), time.Since(before).Round(time.Second))
	return lines(out, tree)
}

func command(ctx context.Context, dir, name string, args ...string) error {
	_, err := cpu(ctx, dir, name, args...)
	return err
}

// cpu runs a command and says what processor time it took.
func cpu(ctx context.Context, dir, name string, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

func copyTree(ctx context.Context, tree string) error {
	names, err := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(names), "\x00"), "\x00") {
		text, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := write(filepath.Join(tree, name), text); err != nil {
			return err
		}
	}
	return nil
}

func write(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644) //nolint:gosec // below the folder that was asked for
}

// growBRMS copies the integrations under other names.
func growBRMS(tree string) error {
	text, err := os.ReadFile(filepath.Join(tree, "openapi", "brms", "integration.yaml"))
	if err != nil {
		return err
	}
	_, components, _ := strings.Cut(string(text), "\ncomponents:\n")
	have, err := operationsOf(tree, "brms")
	if err != nil {
		return err
	}
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^    (\w+):$`).FindAllStringSubmatch(components, -1) {
		names = append(names, m[1])
	}
	for i := 2; have < breadth; i++ {
		have += bytes.Count(text, []byte("operationId:"))
		suffix := strconv.Itoa(i)
		copied := string(text)
		for _, name := range names {
			copied = regexp.MustCompile(`(?m)(^    |/)`+name+`(:$|'$)`).ReplaceAllString(copied, "${1}"+name+suffix+"${2}")
		}
		copied = strings.ReplaceAll(copied, "/integrations", "/integrations"+suffix)
		copied = regexp.MustCompile(`(?m)operationId: (\w+)$`).ReplaceAllString(copied, "operationId: ${1}"+suffix)
		if err := write(filepath.Join(tree, "openapi", "brms", "integration"+suffix+".yaml"), []byte(copied)); err != nil {
			return err
		}
	}
	return nil
}

// operationsOf counts the operations of an API, as its document was generated.
func operationsOf(tree, api string) (int, error) {
	text, err := os.ReadFile(filepath.Join(tree, "gen", api, "document.json"))
	return bytes.Count(text, []byte(`"operationId":`)), err
}

// growDatafold adds what is published beyond what is served.
func growDatafold(out io.Writer, tree string) error {
	file := os.Getenv("UNDERSTUDY_DATAFOLD_PUBLISHED")
	if file == "" {
		fmt.Fprintln(out, "*** UNDERSTUDY_DATAFOLD_PUBLISHED names no file: Datafold stays as it is ***")
		return nil
	}
	text, err := os.ReadFile(file) //nolint:gosec // it was asked for
	if err != nil {
		return err
	}
	type document struct {
		Paths      map[string]map[string]any `json:"paths"`
		Components struct {
			Schemas map[string]any `json:"schemas"`
		} `json:"components"`
	}
	var published, served document
	if err := json.Unmarshal(text, &published); err != nil {
		return err
	}
	if text, err = os.ReadFile(filepath.Join(tree, "gen", "datafold", "document.json")); err != nil {
		return err
	}
	if err := json.Unmarshal(text, &served); err != nil {
		return err
	}
	maps.DeleteFunc(published.Paths, func(path string, _ map[string]any) bool { return served.Paths[path] != nil })
	maps.DeleteFunc(published.Components.Schemas, func(name string, _ any) bool { return served.Components.Schemas[name] != nil })
	for _, item := range published.Paths {
		for _, op := range item {
			answered(op)
		}
	}
	// Indented, so that the table of lines is as long as that of a written document.
	text, err = json.MarshalIndent(published, "", "  ")
	if err != nil {
		return err
	}
	return write(filepath.Join(tree, "openapi", "datafold", "published.yaml"), text)
}

// answered gives the answers of an operation a type where the vendor publishes none:
// no strict server is generated from an empty schema.
func answered(operation any) {
	op, _ := operation.(map[string]any)
	responses, _ := op["responses"].(map[string]any)
	for _, response := range responses {
		r, _ := response.(map[string]any)
		content, _ := r["content"].(map[string]any)
		for _, media := range content {
			m, _ := media.(map[string]any)
			schema, _ := m["schema"].(map[string]any)
			if schema["$ref"] == nil && schema["type"] == nil && schema["anyOf"] == nil && schema["oneOf"] == nil {
				m["schema"] = map[string]any{"type": "object"}
			}
		}
	}
}

var method = regexp.MustCompile(`(?m)^\t(\w+)\(ctx context\.Context, request (\w+)RequestObject\) \((\w+), error\)$`)

// standIns implements what is added: it answers 404.
func standIns(tree, api string) error {
	text, err := os.ReadFile(filepath.Join(tree, "gen", api, "api.gen.go"))
	if err != nil {
		return err
	}
	_, methods, _ := strings.Cut(string(text), "type StrictServerInterface interface {")
	methods, _, _ = strings.Cut(methods, "\n}\n")
	files, err := filepath.Glob(filepath.Join(tree, "server", api, "*.go"))
	if err != nil {
		return err
	}
	var written bytes.Buffer
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		written.Write(text)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "package %s\n\nimport (\n\t\"context\"\n\n\t\"github.com/understudy-api/understudy/gen/%s\"\n\t\"github.com/understudy-api/understudy/server/site\"\n)\n", api, api)
	missing := 0
	for _, m := range method.FindAllStringSubmatch(methods, -1) {
		if !bytes.Contains(written.Bytes(), []byte(") "+m[1]+"(")) {
			missing++
			fmt.Fprintf(&b, "\nfunc (a *API) %s(context.Context, %s.%sRequestObject) (%s.%s, error) {\n\treturn nil, site.NotFound(\"breadth\", \"Not served\")\n}\n", m[1], api, m[2], api, m[3])
		}
	}
	if missing == 0 {
		return nil
	}
	return write(filepath.Join(tree, "server", api, "breadth.go"), b.Bytes())
}

// lines says how much was generated for an operation.
func lines(out io.Writer, tree string) error {
	operations, all, outside := 0, 0, 0
	for _, api := range []string{"brms", "datafold", "understudy"} {
		n, err := operationsOf(tree, api)
		if err != nil {
			return err
		}
		counts := map[bool]int{}
		for _, pattern := range []string{"*.go", "*/*.go"} {
			files, err := filepath.Glob(filepath.Join(tree, "gen", api, pattern))
			if err != nil {
				return err
			}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				counts[strings.Contains(pattern, "/")] += bytes.Count(text, []byte("\n"))
			}
		}
		fmt.Fprintf(out, "%s: %d operations, %d lines an operation, %d outside the client\n", api, n, (counts[false]+counts[true])/n, counts[false]/n)
		operations, all, outside = operations+n, all+counts[false]+counts[true], outside+counts[false]
	}
	fmt.Fprintf(out, "all: %d operations, %d lines an operation, %d outside the client\n", operations, all/operations, outside/operations)
	return nil
}

// call is a request of the measurement.
type call struct{ method, path, authorization, body string }

// calls are one for each API, and one that is refused.
var calls = []call{
	{"GET", "/api/projects", "Bearer breadth", ""},
	{"GET", "/api/v1/lineage/bi/", "Key breadth", ""},
	{"GET", "/_understudy/version", "Bearer breadth", ""},
	{"POST", "/api/projects", "Bearer breadth", `{"name":7,"key":"ab"}`},
}

// measure starts the program and asks for each of the calls first, in turn.
func measure(ctx context.Context, out io.Writer, binary string, starts int) error {
	type figures struct {
		cpu, wall, call time.Duration
		resident        int
	}
	least := map[string]*figures{}
	for i := range starts * len(calls) {
		order := append(slices.Clone(calls[i%len(calls):]), calls[:i%len(calls)]...)
		f, err := once(ctx, binary, order)
		if err != nil {
			return err
		}
		name := order[0].method + " " + order[0].path
		if m := least[name]; m == nil {
			least[name] = &figures{f.cpu, f.wall, f.first, f.resident}
		} else {
			m.cpu, m.wall, m.call, m.resident = min(m.cpu, f.cpu), min(m.wall, f.wall), min(m.call, f.first), min(m.resident, f.resident)
		}
	}
	fmt.Fprintf(out, "least of %d starts; processor time and wall time until the first answer, wall time of that request, resident after four\n", starts)
	for _, name := range slices.Sorted(maps.Keys(least)) {
		m := least[name]
		fmt.Fprintf(out, "%-28s %6.1f ms CPU  %6.1f ms  %6.1f ms  %5.1f MiB\n", name, milliseconds(m.cpu), milliseconds(m.wall), milliseconds(m.call), float64(m.resident)/1024)
	}
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

type sample struct {
	cpu, wall, first time.Duration
	resident         int // KiB
}

func once(ctx context.Context, binary string, order []call) (s sample, err error) {
	dir, err := os.MkdirTemp("", "breadth-")
	if err != nil {
		return s, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	urlFile := filepath.Join(dir, "url")
	cmd := exec.CommandContext(ctx, binary, "serve", "--addr", "127.0.0.1:0", "--store", "memory", "--url-file", urlFile)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return s, err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	url, err := written(ctx, urlFile)
	if err != nil {
		return s, err
	}
	for i, c := range order {
		asked := time.Now()
		req, err := http.NewRequestWithContext(ctx, c.method, url+c.path, strings.NewReader(c.body))
		if err != nil {
			return s, err
		}
		req.Header.Set("Authorization", c.authorization)
		if c.body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return s, err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode >= http.StatusInternalServerError {
			return s, fmt.Errorf("%s %s: %d %w", c.method, c.path, resp.StatusCode, err)
		}
		if i == 0 {
			s.wall, s.first = time.Since(began), time.Since(asked)
			if s.cpu, err = spent(cmd.Process.Pid); err != nil {
				return s, err
			}
		}
	}
	s.resident, err = resident(cmd.Process.Pid)
	return s, err
}

// written is the text of a file that another process is about to write.
func written(ctx context.Context, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if text, err := os.ReadFile(name); err == nil && len(text) > 0 {
			return strings.TrimSpace(string(text)), nil
		}
		select {
		case <-ctx.Done():
			return "", errors.New("it does not listen")
		case <-tick.C:
		}
	}
}

// spent is the time that the threads of a process were on a processor (Linux).
func spent(pid int) (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			return 0, err
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

func resident(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			return strconv.Atoi(strings.Fields(rest)[0])
		}
	}
	return 0, errors.New("no VmRSS")
}
