package storagetest

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/storage"
)

// Stored holds the type of a collection to bodies that an earlier release stored:
// those of the file that is named after its kind, one to a line, in testdata/stored.
// Each decodes, and nothing of it is lost when it is stored again; together they have
// every member that the type has, so that none can get another name. No part of the type
// is generated from a document: a change of that would change what stores hold.
//
// The test must hold all collections that its package declares.
func Stored[T any](t *testing.T, c storage.Collection[T]) {
	t.Helper()
	hold(t, c.Kind)
	if generated := generatedIn(reflect.TypeFor[T](), map[reflect.Type]bool{}); generated != "" {
		t.Errorf("%s: records hold the generated type %s", c.Kind, generated)
	}
	text, err := os.ReadFile(filepath.Join("testdata", "stored", strings.ReplaceAll(c.Kind, " ", "-")+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, len(text)+1)
	n, members := 0, map[string]bool{}
	for ; lines.Scan(); n++ {
		var value T
		var was, is any
		if err := json.Unmarshal(lines.Bytes(), &value); err != nil {
			t.Errorf("%s, line %d: %v", c.Kind, n+1, err)
			continue
		}
		again, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(lines.Bytes(), &was); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(again, &is); err != nil {
			t.Fatal(err)
		}
		if lost := lostOf(was, is, ""); lost != "" {
			t.Errorf("%s, line %d: %s is lost: %s", c.Kind, n+1, lost, again)
		}
		membersIn(was, "", func(pointer string) { members[pointer] = true })
	}
	membersOf(reflect.TypeFor[T](), "", map[reflect.Type]bool{}, func(pointer string) {
		if !members[pointer] {
			t.Errorf("%s: no body has %s", c.Kind, pointer)
		}
	})
	if err := lines.Err(); err != nil || n == 0 {
		t.Errorf("%s: %d bodies, %v", c.Kind, n, err)
	}
}

// lostOf is the pointer of something in was that is not in is, "" if all is there.
func lostOf(was, is any, pointer string) string {
	switch was := was.(type) {
	case map[string]any:
		now, _ := is.(map[string]any)
		for name, value := range was {
			if _, there := now[name]; !there {
				return pointer + "/" + name
			}
			if lost := lostOf(value, now[name], pointer+"/"+name); lost != "" {
				return lost
			}
		}
		return ""
	case []any:
		now, _ := is.([]any)
		if len(now) != len(was) {
			return pointer
		}
		for i := range was {
			if lost := lostOf(was[i], now[i], fmt.Sprintf("%s/%d", pointer, i)); lost != "" {
				return lost
			}
		}
		return ""
	}
	if !reflect.DeepEqual(was, is) {
		return pointer
	}
	return ""
}

// generatedIn names a generated type that values of a type hold, "" if there is none.
func generatedIn(of reflect.Type, seen map[reflect.Type]bool) string {
	if seen[of] {
		return ""
	}
	seen[of] = true
	if strings.Contains(of.PkgPath()+"/", "/understudy/gen/") {
		return of.String()
	}
	var parts []reflect.Type
	switch of.Kind() { //nolint:exhaustive // the others have no parts
	case reflect.Map:
		parts = []reflect.Type{of.Key(), of.Elem()}
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Chan:
		parts = []reflect.Type{of.Elem()}
	case reflect.Struct:
		for field := range of.Fields() {
			parts = append(parts, field.Type)
		}
	}
	for _, part := range parts {
		if found := generatedIn(part, seen); found != "" {
			return found
		}
	}
	return ""
}

// membersIn tells the pointers of the members in a value: those of lists and of maps have
// no names.
func membersIn(value any, pointer string, tell func(pointer string)) {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			for _, at := range []string{pointer + "/" + name, pointer + "/*"} {
				tell(at)
				membersIn(member, at, tell)
			}
		}
	case []any:
		for _, one := range value {
			membersIn(one, pointer+"/*", tell)
		}
	}
}

// membersOf tells the pointers of the members that values of a type have as JSON.
func membersOf(of reflect.Type, pointer string, within map[reflect.Type]bool, tell func(pointer string)) {
	if within[of] || reflect.PointerTo(of).Implements(reflect.TypeFor[json.Marshaler]()) {
		return
	}
	within[of] = true
	defer delete(within, of)
	switch of.Kind() { //nolint:exhaustive // the others have no members
	case reflect.Pointer:
		membersOf(of.Elem(), pointer, within, tell)
	case reflect.Slice, reflect.Array, reflect.Map:
		membersOf(of.Elem(), pointer+"/*", within, tell)
	case reflect.Struct:
		for field := range of.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			switch {
			case name == "" && field.Anonymous:
				membersOf(field.Type, pointer, within, tell)
			case name != "-" && field.IsExported():
				at := pointer + "/" + cmp.Or(name, field.Name)
				tell(at)
				membersOf(field.Type, at, within, tell)
			}
		}
	}
}

// held are the kinds that running tests hold.
var held = map[*testing.T][]string{}

// hold notes that a test holds a kind; when the test ends it must have held all.
func hold(t *testing.T, kind string) {
	t.Helper()
	if held[t] == nil {
		t.Cleanup(func() {
			kinds, err := Kinds(".")
			if err != nil {
				t.Error(err)
			}
			for _, kind := range kinds {
				if !slices.Contains(held[t], kind) {
					t.Errorf("%s: nothing holds what stores have of it: call Stored", kind)
				}
			}
			delete(held, t)
		})
	}
	held[t] = append(held[t], kind)
}

// Kinds are the kinds of the collections that the package in a folder declares.
func Kinds(folder string) (kinds []string, err error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	constants, values := map[string]string{}, []ast.Expr(nil)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, v := range n.Values {
					if text, is := v.(*ast.BasicLit); is {
						constants[n.Names[i].Name], _ = strconv.Unquote(text.Value)
					}
				}
			case *ast.CompositeLit:
				if of, is := n.Type.(*ast.IndexExpr); is && isCollection(of.X) {
					values = append(values, kindIn(n))
				}
			}
			return true
		})
	}
	for _, v := range values {
		switch v := v.(type) {
		case *ast.BasicLit:
			kind, _ := strconv.Unquote(v.Value)
			kinds = append(kinds, kind)
		case *ast.Ident:
			kinds = append(kinds, constants[v.Name])
		default:
			return nil, fmt.Errorf("%s: a collection whose kind is neither a text nor a constant", folder)
		}
	}
	return kinds, nil
}

func isCollection(of ast.Expr) bool {
	selector, is := of.(*ast.SelectorExpr)
	return is && selector.Sel.Name == "Collection"
}

// kindIn is what a collection has as its kind.
func kindIn(collection *ast.CompositeLit) ast.Expr {
	for _, e := range collection.Elts {
		if pair, is := e.(*ast.KeyValueExpr); is {
			if name, is := pair.Key.(*ast.Ident); is && name.Name == "Kind" {
				return pair.Value
			}
		}
	}
	return nil
}
