package openapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/gen/brms/brmsclient"
	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/gen/datafold/datafoldclient"
	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/contract/lines"
)

// The generated types carry every example of their schema to and fro without
// losing a member, a null or an empty list.
func TestTypesKeepExamples(t *testing.T) {
	types := map[string]map[string]any{"brms": brmsclient.Types(), "datafold": datafoldclient.Types()}
	for _, s := range served {
		schemas, order := load(t, s.folder).Components.Schemas, declared(t, s.folder)
		if got, want := slices.Sorted(maps.Keys(types[s.folder])), slices.Sorted(maps.Keys(schemas)); !slices.Equal(got, want) {
			t.Errorf("%s: types %v, schemas %v", s.folder, got, want)
			continue
		}
		for name, sc := range schemas {
			values := sc.Value.Examples
			if sc.Value.Example != nil {
				values = append(values, sc.Value.Example)
			}
			for _, v := range values {
				into := reflect.New(reflect.TypeOf(types[s.folder][name]).Elem()).Interface()
				data, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal(data, into); err != nil {
					t.Errorf("%s: %s: %v", s.folder, name, err)
					continue
				}
				if got, want := plain(t, into), plain(t, v); !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %s:\n got %v\nwant %v", s.folder, name, got, want)
				}
				if err := inOrder(order, "/components/schemas/"+name, into); err != nil {
					t.Errorf("%s: %s: %v", s.folder, name, err)
				}
			}
		}
	}
}

// declared lists the names of each schema's properties, in the order of the
// document, by the schema's pointer.
func declared(t *testing.T, folder string) map[string][]string {
	t.Helper()
	order := make(map[string][]string)
	merge(t, folder).Pointers(func(pointer string) {
		if at, name, _ := cutLast(pointer, "/properties/"); name != "" && !strings.Contains(name, "/") {
			order[at] = append(order[at], name)
		}
	})
	return order
}

func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}

// inOrder is an error if a value is not written as its schema orders its members.
func inOrder(order map[string][]string, schema string, v any) error {
	text, err := json.Marshal(v)
	if err != nil || text[0] != '{' {
		return err
	}
	dec := jsontext.NewDecoder(bytes.NewReader(text))
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	last := -1
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		place := slices.Index(order[schema], name.String())
		if place < last {
			return fmt.Errorf("%q is out of order in %s", name.String(), text)
		}
		last = place
		if err := dec.SkipValue(); err != nil {
			return err
		}
	}
	return nil
}

// Members that answers always have are there without a value too, as null.
func TestAbsentValuesAreNull(t *testing.T) {
	for _, c := range []struct {
		value any
		nulls []string
	}{
		{brms.Integration{}, []string{"description", "group", "deletedAt"}},
		{brms.Project{}, []string{"deletedAt", "decisionsApprovalMode"}},
		{datafold.BIIntegration{}, []string{"name", "indexing_cron", "sync"}},
		{datafold.BISync{}, []string{"started_at", "finished_at"}},
	} {
		data, err := json.Marshal(c.value)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range c.nulls {
			if !bytes.Contains(data, []byte(`"`+name+`":null`)) {
				t.Errorf("%T: %s is not null in %s", c.value, name, data)
			}
		}
	}
}

// Secrets have no member in any type that an answer is made of.
func TestAnswersHaveNoSecrets(t *testing.T) {
	secrets := make(map[string]bool)
	for name, sc := range load(t, "datafold").Components.Schemas {
		for p, ps := range sc.Value.Properties {
			for _, s := range append(openapi3.SchemaRefs{ps}, ps.Value.AnyOf...) {
				if s.Value.WriteOnly != (s.Value.Format == "password") {
					t.Errorf("%s.%s: writeOnly and password go together", name, p)
				}
				if s.Value.WriteOnly {
					secrets[p] = true
				}
			}
		}
	}
	want := []string{
		"aws_secret_access_key", "azure_client_secret", "client_secret", "customcert", "ewallet_password", "ewallet_pem_file", "ewallet_pkcs12_file",
		"http_password", "jsonKeyFile", "jsonOAuthKeyFile", "keyPairFile", "m2m_client_secret", "oauth_dwh_client_secret", "passwd", "password",
		"rootcert", "secret", "ssl_certificate", "token", "token_value",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(secrets))); diff != "" {
		t.Error(diff)
	}
	for field := range reflect.TypeFor[datafold.BIIntegration]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if secrets[name] {
			t.Errorf("an answer has %s", name)
		}
	}
}

// What is embedded is what openapi/ holds, and the table of lines leads back
// into it.
func TestEmbeddedDocuments(t *testing.T) {
	for _, g := range []struct {
		folder                string
		document, lines, yaml []byte
	}{
		{brms.File, brms.Document(), brms.Lines(), brms.YAML()},
		{datafold.File, datafold.Document(), datafold.Lines(), datafold.YAML()},
		{understudy.File, understudy.Document(), understudy.Lines(), understudy.YAML()},
	} {
		t.Run(g.folder, func(t *testing.T) {
			folder := strings.TrimPrefix(g.folder, "openapi/")
			doc := merge(t, folder)
			text, err := doc.YAML()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(doc.JSON(), g.document) || !bytes.Equal(doc.Lines(), g.lines) || !bytes.Equal(text, g.yaml) {
				t.Fatal("gen/ is stale: go generate ./openapi")
			}
			files := make(map[string][]string)
			for _, part := range parts(t, folder) {
				files[part.Name] = strings.Split(string(part.Data), "\n")
			}
			table, found := lines.Read(g.lines), 0
			doc.Pointers(func(pointer string) {
				at, ok := table.Find(pointer)
				if !ok {
					if !strings.Contains(pointer, "/responses/") { // written by the rule
						t.Errorf("%s has no line", pointer)
					}
					return
				}
				found++
				last := pointer[strings.LastIndex(pointer, "/")+1:]
				last = strings.NewReplacer("~1", "/", "~0", "~").Replace(last)
				var i int
				if _, err := fmt.Sscanf(last, "%d", &i); pointer == "" || err == nil {
					return // an item, or a status: whatever stands there
				}
				// Where a list or an object is written in one line, it is somewhere in it.
				if line := files[at.File][at.Line-1]; !strings.Contains(line, last) {
					t.Errorf("%s leads to %s:%d: %s", pointer, at.File, at.Line, line)
				}
			})
			if found < 1000 {
				t.Errorf("%d lines only", found)
			}
		})
	}
}

// What the generator says anew for every operation is said once: another version of it
// may use other words, which nothing would find else.
func TestGeneratedSaysOnce(t *testing.T) {
	for _, s := range served {
		for file, once := range map[string][]string{
			"api.gen.go": {"r.HandleFunc(", "json.NewEncoder(buf)", "unexpected response type"},
			s.folder + "client/client.gen.go": {
				"c.Client.Do(req)", "http.StatusText(0)", `HTTPResponse.Header.Get("Content-Type")`, "io.ReadAll(rsp.Body)", "base.Parse(",
			},
		} {
			code, err := os.ReadFile(filepath.Join("..", "gen", s.folder, file))
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range once {
				if n := bytes.Count(code, []byte(text)); n != 1 {
					t.Errorf("%s of %s says %q %d times", file, s.folder, text, n)
				}
			}
		}
	}
}
