package dbt

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// manifest is a manifest as text, of a schema's version, by nodes and macros.
func manifest(version int, nodes, macros string) string {
	return fmt.Sprintf(`{"metadata":{"dbt_schema_version":"https://schemas.getdbt.com/dbt/manifest/v%d.json","dbt_version":"1.9.4","adapter_type":"postgres","project_name":"shop"},`+
		`"nodes":{%s},"sources":{},"macros":{%s},"parent_map":{"a":["b"]},"docs":{"d":{"block_contents":"x"}}}`, version, nodes, macros)
}

// aModel is a node of a manifest, with further members.
func aModel(name, code, more string) string {
	if more != "" {
		more = "," + more
	}
	return fmt.Sprintf(`"model.shop.%[1]s":{"resource_type":"model","name":%[1]q,"fqn":["shop",%[1]q],"database":"db","schema":"main","alias":%[1]q,`+
		`"original_file_path":"models/%[1]s.sql","checksum":{"name":"sha256","checksum":%[2]q}%[3]s}`, name, code, more)
}

func read(t testing.TB, text string) *Manifest {
	t.Helper()
	m, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// What is no manifest is refused in a sentence that says why.
func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, says string }{
		"nothing":        {"", "not JSON"},
		"no JSON":        {"metadata: {}", "not JSON"},
		"cut off":        {manifest(12, aModel("a", "1", ""), "")[:300], "not JSON"},
		"a list":         {"[]", "an object is expected"},
		"an object":      {"{}", "no metadata"},
		"a catalog":      {`{"metadata":{"dbt_schema_version":"https://schemas.getdbt.com/dbt/catalog/v1.json"},"nodes":{}}`, "names no schema"},
		"no version":     {`{"metadata":{},"nodes":{}}`, "names no schema"},
		"no nodes":       {`{"metadata":{"dbt_schema_version":"https://schemas.getdbt.com/dbt/manifest/v12.json"}}`, "no nodes"},
		"nodes listed":   {`{"metadata":{"dbt_schema_version":"https://schemas.getdbt.com/dbt/manifest/v12.json"},"nodes":[]}`, "an object is expected"},
		"too old":        {manifest(6, "", ""), "version v6"},
		"too new":        {manifest(13, "", ""), "version v13"},
		"something else": {manifest(12, "", "") + "{}", "behind the manifest"},
		"a huge value":   {manifest(12, `"model.shop.a":{"raw_code":"`+strings.Repeat("x", 2*maxNode)+`"}`, ""), "larger than"},
	} {
		_, err := Read(strings.NewReader(c.text))
		if told, ok := errors.AsType[*Error](err); !ok || !strings.Contains(told.Message, c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	broken := errors.New("broken")
	if _, err := Read(io.MultiReader(strings.NewReader(`{"metadata":`), errorReader{broken})); !errors.Is(err, broken) {
		t.Errorf("an error of the reader: %v", err)
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

// All versions are read, whatever else they have; members of other types than are known
// are passed over.
func TestReadVersions(t *testing.T) {
	t.Parallel()
	for v := range schemas {
		m := read(t, manifest(v, aModel("a", "1", `"unknown":{"x":[1]},"tags":7,"config":{"materialized":"table","meta":5},"meta":{"primary-key":"id"}`)+
			`,"model.shop.b":{"resource_type":"model","fqn":"no list","columns":[]},"analysis.shop.c":{"resource_type":"analysis"},"test.shop.d":null`, ""))
		if len(m.Models) != 2 || m.Schema != v || m.Adapter != "postgres" || !cmp.Equal(m.Models[0].Table, []string{"db", "main", "a"}) || m.Models[1].Name != "b" {
			t.Errorf("v%d: %+v", v, m)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	test := func(name, kwargs, more string) string {
		return fmt.Sprintf(`,"test.shop.%[1]s.%[4]d":{"resource_type":"test","test_metadata":{"name":%[1]q,"kwargs":{%[2]s}},"depends_on":{"nodes":["model.shop.m"]}%[3]s}`, name, kwargs, more, len(kwargs))
	}
	for name, c := range map[string]struct {
		tag, model, tests string
		want              string
	}{
		"none":                     {model: `"columns":{"id":{"name":"id"}}`, want: "[] none [No primary key was found.]"},
		"of the model":             {model: `"meta":{"primary-key":["a","b"]},"columns":{"id":{"name":"id","meta":{"primary-key":true}}}`, want: "[a b] meta_table [The column a of the key is not declared. The column b of the key is not declared.]"},
		"in the config":            {model: `"config":{"meta":{"primary-key":"a"}}`, want: "[a] meta_table []"},
		"of columns":               {model: `"columns":{"b":{"name":"b","meta":{"primary-key":true}},"a":{"name":"a","meta":{"primary-key":"true"}},"c":{"name":"c","meta":{"primary-key":false}}}`, want: "[a b] meta []"},
		"of columns since 1.10":    {model: `"columns":{"a":{"name":"a","config":{"meta":{"primary-key":true}}}}`, want: "[a] meta []"},
		"with an underscore":       {model: `"columns":{"a":{"name":"a","meta":{"primary_key":true}}}`, want: "[a] meta []"},
		"tags":                     {model: `"columns":{"a":{"name":"a","tags":["x","primary-key"]},"b":{"name":"b","config":{"tags":["primary-key"]}}}`, want: "[a b] tags []"},
		"of another tag":           {tag: "pk", model: `"columns":{"a":{"name":"a","tags":["primary-key"]},"b":{"name":"b","tags":["pk"]}}`, want: "[b] tags []"},
		"a test":                   {tests: test("unique", `"column_name":"id"`, ""), want: "[id] uniqueness []"},
		"a test with a filter":     {tests: test("unique", `"column_name":"id"`, `,"config":{"where":"x"}`), want: "[] none [No primary key was found.]"},
		"of one it is attached to": {tests: strings.Replace(test("unique", `"column_name":"id"`, `,"attached_node":"model.shop.m"`), `["model.shop.m"]`, `["model.shop.m","model.shop.n"]`, 1), want: "[id] uniqueness []"},
		"joined":                   {tests: test("unique", `"column_name":"a || '-' || b"`, ""), want: "[a b] uniqueness []"},
		"concatenated":             {tests: test("unique", `"column_name":"CONCAT(a, \"b\", cast(c as varchar))"`, ""), want: "[a b c] uniqueness []"},
		"another expression":       {tests: test("unique", `"column_name":"lower(a)"`, ""), want: "[] none [No primary key was found.]"},
		"a combination":            {tests: test("unique_combination_of_columns", `"combination_of_columns":["a","b"]`, ""), want: "[a b] uniqueness []"},
		"several":                  {tests: test("unique_combination_of_columns", `"combination_of_columns":["a","b"]`, "") + test("unique", `"column_name":"id"`, ""), want: "[id] uniqueness [There are 2 uniqueness tests; that of id was taken.]"},
		"unique_key":               {model: `"config":{"unique_key":["a","b"]}`, want: "[a b] unique_key []"},
		"a constraint":             {model: `"constraints":[{"type":"primary_key","columns":["a"]}]`, want: "[a] constraints []"},
		"of a column":              {model: `"columns":{"a":{"name":"a","constraints":[{"type":"primary_key"}]}}`, want: "[a] constraints []"},
	} {
		m := read(t, manifest(12, aModel("m", "1", c.model)+c.tests, ""))
		key, source, warnings := m.Models[0].Key(c.tag)
		if got := fmt.Sprintf("%v %v %v", key, source, warnings); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	on := func(parents string) string {
		return `"depends_on":{"nodes":[` + parents + `],"macros":["macro.shop.m"]}`
	}
	const (
		never      = `"meta":{"datafold":{"datadiff":{"never_diff":true}}}`
		downstream = `"meta":{"datafold":{"datadiff":{"slim_diff":"diff_when_downstream","filter":"x > 1","exclude_columns":["y"],"time_column":"t","prod_time_travel":["2026-01-01"]}}}`
	)
	nodes := func(code, alias, config string) string {
		return strings.Join([]string{
			aModel("first", code, `"config":{"materialized":"table"`+config+`}`),
			aModel("below", "1", `"depends_on":{"nodes":["model.shop.first"]}`),
			aModel("marked", "1", `"depends_on":{"nodes":["model.shop.below"]},`+downstream),
			aModel("never", code, never),
			aModel("apart", "1", `"alias":"`+alias+`"`),
			`"model.shop.inline":{"resource_type":"model","name":"inline","config":{"materialized":"ephemeral"},"checksum":{"name":"sha256","checksum":"` + code + `"}}`,
			aModel("around", "1", `"depends_on":{"nodes":["model.shop.inline"]}`),
			aModel("macros", "1", on("")),
			`"seed.shop.s":{"resource_type":"seed","name":"s","schema":"main","alias":"s","checksum":{"name":"sha256","checksum":"` + code + `"}}`,
			aModel("seeded", "1", `"depends_on":{"nodes":["seed.shop.s"]}`),
		}, ",")
	}
	macros := func(code string) string {
		return `"macro.shop.m":{"macro_sql":"{{ inner() }}","depends_on":{"macros":["macro.shop.inner"]}},"macro.shop.inner":{"macro_sql":"` + code + `","depends_on":{"macros":["macro.shop.m"]}}`
	}
	for name, c := range map[string]struct {
		base, pr string
		o        PlanOptions
		want     []string
	}{
		"nothing":   {manifest(12, nodes("1", "apart", ""), macros("1")), manifest(9, nodes("1", "renamed", ""), macros("1")), PlanOptions{}, nil},
		"full":      {manifest(12, nodes("1", "apart", ""), macros("1")), manifest(12, nodes("2", "apart", ""), macros("1")), PlanOptions{}, []string{"around", "below-", "first", "marked-", "seeded-"}},
		"slim":      {manifest(12, nodes("1", "apart", ""), macros("1")), manifest(12, nodes("2", "apart", ""), macros("1")), PlanOptions{Slim: true}, []string{"around", "first", "marked-"}},
		"a macro":   {manifest(12, nodes("1", "apart", ""), macros("1")), manifest(12, nodes("1", "apart", ""), macros("2")), PlanOptions{}, []string{"macros"}},
		"a setting": {manifest(12, nodes("1", "apart", ""), macros("1")), manifest(12, nodes("1", "apart", `,"on_schema_change":"fail"`), macros("1")), PlanOptions{Slim: true}, []string{"first", "marked-"}},
	} {
		p := NewPlan(read(t, c.base), read(t, c.pr), c.o)
		var got []string
		for _, d := range p.Comparisons {
			got = append(got, d.Model+map[bool]string{true: "", false: "-"}[d.Modified])
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if left := len(p.Left); (left == 1) != (name == "full" || name == "slim") {
			t.Errorf("%s: %+v", name, p.Left)
		}
	}
	p := NewPlan(read(t, manifest(12, nodes("1", "apart", ""), "")), read(t, manifest(12, nodes("2", "apart", ""), "")), PlanOptions{Slim: true})
	want := Options{Where: "x > 1", Exclude: []string{"y"}, TimeColumn: "t", ProdTime: "2026-01-01", Downstream: true}
	if diff := cmp.Diff(want, p.Comparisons[2].Options); diff != "" {
		t.Error(diff)
	}
	p = NewPlan(read(t, manifest(12, aModel("old", "1", "")+","+aModel("both", "1", ""), "")), read(t, manifest(12, aModel("new", "1", "")+","+aModel("both", "1", ""), "")), PlanOptions{})
	if !cmp.Equal(p.Added, []string{"new"}) || !cmp.Equal(p.Removed, []string{"old"}) || len(p.Comparisons) > 0 {
		t.Errorf("%+v", p)
	}
}

func TestRenames(t *testing.T) {
	t.Parallel()
	got := RenamesIn([]string{
		"datafold remap name first\r\nX-Datafold: rename a b TaBLE", "No\n/datafold renamed first first_name\n datafold: remapped c d v_*\ndatafold remap too many words here now",
		"datafold remap x y\n", "datafold rename y x",
	})
	if diff := cmp.Diff([]Rename{{"name", "first_name", ""}, {"a", "b", "TaBLE"}, {"c", "d", "v_*"}}, got); diff != "" {
		t.Error(diff)
	}
	columns := func(names ...string) string {
		var list []string
		for _, n := range names {
			list = append(list, fmt.Sprintf(`%[1]q:{"name":%[1]q,"tags":["primary-key"]}`, n))
		}
		return `"columns":{` + strings.Join(list, ",") + `}`
	}
	p := NewPlan(read(t, manifest(12, aModel("t", "1", columns("id", "old", "kept")), "")), read(t, manifest(12, aModel("t", "2", columns("id", "New", "kept")), "")),
		PlanOptions{Renames: []Rename{{"old", "new", "T*"}, {"kept", "other", ""}, {"old", "new", "u"}}, Ignore: []string{"*", "!kept"}})
	c := p.Comparisons[0]
	if !cmp.Equal(c.Renames, [][2]string{{"old", "new"}}) || !cmp.Equal(c.Key, []string{"old", "id", "kept"}) || len(c.Exclude) > 0 {
		t.Errorf("%+v", c)
	}
}

func TestIgnored(t *testing.T) {
	t.Parallel()
	patterns := []string{"# no", "", "*_at", "!Updated_AT", "/loaded/", `\!odd`, "[ab]x", "["}
	for column, want := range map[string]bool{"created_at": true, "updated_at": false, "LOADED": true, "!odd": true, "ax": true, "cx": false, "no": false} {
		if got := Ignored(patterns, column); got != want {
			t.Errorf("%s: %v", column, got)
		}
	}
}

func archive(t testing.TB, entries ...func(*zip.Writer) error) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, add := range entries {
		if err := add(w); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func entry(name, text string) func(*zip.Writer) error {
	return func(w *zip.Writer) error {
		f, err := w.Create(name)
		if err == nil {
			_, err = io.WriteString(f, text)
		}
		return err
	}
}

func TestReadArchive(t *testing.T) {
	t.Parallel()
	good := entry("./manifest.json", manifest(12, aModel("a", "1", ""), ""))
	header := func(h zip.FileHeader, raw string) func(*zip.Writer) error {
		return func(w *zip.Writer) error {
			f, err := w.CreateRaw(&h)
			if err == nil {
				_, err = io.WriteString(f, raw)
			}
			return err
		}
	}
	link := zip.FileHeader{Name: "manifest.json", CompressedSize64: 5, UncompressedSize64: 5}
	link.SetMode(0o777 | fs.ModeSymlink)
	for name, c := range map[string]struct {
		text []byte
		says string // "" if it is read
	}{
		"as the SDK packs it": {archive(t, entry("compiled/a/manifest.json", "{}"), good, entry("run/", ""), entry("graph.gpickle", "\x80")), ""},
		"nothing":             {nil, "no ZIP archive"},
		"no archive":          {[]byte(manifest(12, "", "")), "no ZIP archive"},
		"cut off":             {archive(t, good)[:100], "no ZIP archive"},
		"empty":               {archive(t), "no manifest.json"},
		"another file":        {archive(t, entry("catalog.json", "{}")), "no manifest.json"},
		"no manifest in it":   {archive(t, entry("manifest.json", "{}")), "no metadata"},
		"up and out":          {archive(t, good, entry("../../etc/passwd", "x")), "leads out of it"},
		"from the root":       {archive(t, good, entry("/etc/passwd", "x")), "leads out of it"},
		"of Windows":          {archive(t, good, entry(`..\x`, "x")), "leads out of it"},
		"a drive":             {archive(t, good, entry("C:x", "x")), "leads out of it"},
		"a link":              {archive(t, header(link, "/etc/")), "is no file"},
		"encrypted":           {archive(t, header(zip.FileHeader{Name: "manifest.json", Flags: 1}, "")), "encrypted"},
		"a bomb":              {archive(t, header(zip.FileHeader{Name: "manifest.json", UncompressedSize64: MaxManifest + 1}, "")), "larger than"},
		"bombs":               {archive(t, good, header(zip.FileHeader{Name: "a", UncompressedSize64: maxUnpacked}, "")), "Unpacked"},
		"overflowing":         {archive(t, good, header(zip.FileHeader{Name: "a", UncompressedSize64: 1<<64 - 1}, "")), "Unpacked"},
		"a bomb of spaces":    {archive(t, entry("manifest.json", `{"metadata":`+strings.Repeat(" ", 2*maxNode)+"{}}")), "larger than"},
	} {
		m, err := ReadArchive(bytes.NewReader(c.text), int64(len(c.text)))
		told, ok := errors.AsType[*Error](err)
		switch {
		case c.says == "" && (err != nil || len(m.Models) != 1):
			t.Errorf("%s: %v", name, err)
		case c.says != "" && (!ok || !strings.Contains(told.Message, c.says)):
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// large is a manifest of so many models, each of so many bytes.
func large(models, size int, code string) string {
	nodes := make([]string, 0, models)
	text := strings.Repeat("select 1 from x\\n", size/17)
	for i := range models {
		parents := ""
		if i > 0 {
			parents = fmt.Sprintf(`"model.shop.m%d"`, i-1)
		}
		nodes = append(nodes, aModel(fmt.Sprintf("m%d", i), code, fmt.Sprintf(`"raw_code":%q,"depends_on":{"nodes":[%s]},"columns":{"id":{"name":"id","tags":["primary-key"]}}`, text, parents)))
	}
	return manifest(12, strings.Join(nodes, ","), "")
}

// A manifest of 50 MB takes little of the memory that it would as a whole.
func TestReadIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a second")
	}
	size := 0
	packed := archive(t, func(w *zip.Writer) error {
		text := large(2_000, 25_000, "1")
		size = len(text)
		return entry("manifest.json", text)(w)
	})
	var most uint64
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	runtime.GC()
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	reads := 0
	r := &watched{ReaderAt: bytes.NewReader(packed), look: func() {
		if reads++; reads%4 != 0 {
			return
		}
		runtime.GC() // what is not held any more is not told
		metrics.Read(sample)
		most = max(most, sample[0].Value.Uint64())
	}}
	m, err := ReadArchive(r, int64(len(packed)))
	if err != nil || len(m.Models) != 2_000 {
		t.Fatal(err)
	}
	t.Logf("a manifest of %d MB: %d KB of heap beside it, in %d reads", size>>20, (most-before)>>10, reads)
	if size < 50_000_000 || reads < 40 || most-before > 8<<20 {
		t.Errorf("%d bytes took %d bytes of heap", size, most-before)
	}
}

// watched looks on at each read.
type watched struct {
	io.ReaderAt
	look func()
}

func (w *watched) ReadAt(p []byte, at int64) (int, error) {
	w.look()
	return w.ReaderAt.ReadAt(p, at)
}

func BenchmarkRead(b *testing.B) {
	text := large(2_000, 25_000, "1")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		read(b, text)
	}
}

func BenchmarkPlan(b *testing.B) {
	base, pr := read(b, large(1_000, 1_000, "1")), read(b, large(1_000, 1_000, "2"))
	for b.Loop() {
		if n := len(NewPlan(base, pr, PlanOptions{}).Comparisons); n != 1_000 {
			b.Fatal(n)
		}
	}
}

// Whatever comes is read or refused, and what was read can be kept and planned with.
func FuzzRead(f *testing.F) {
	f.Add([]byte(manifest(12, aModel("a", "1", `"columns":{"id":{"name":"id","tags":["primary-key"]}}`)+`,"test.t":{"resource_type":"test","attached_node":"model.shop.a","test_metadata":{"name":"unique","kwargs":{"column_name":"a || b"}}}`, `"m":{"macro_sql":"x"}`)))
	f.Add([]byte(manifest(7, `"snapshot.s":{"resource_type":"snapshot","relation_name":"\"db\".\"s\".[t]"}`, "")))
	f.Add([]byte(`{"metadata":null,"nodes":{"":{"resource_type":"model","columns":{"":{}}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Read(bytes.NewReader(text))
		if err != nil {
			if _, told := errors.AsType[*Error](err); !told {
				t.Fatal(err)
			}
			return
		}
		kept, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		again := &Manifest{}
		if err := json.Unmarshal(kept, again); err != nil {
			t.Fatal(err)
		}
		if p := NewPlan(m, again, PlanOptions{Renames: []Rename{{"a", "b", "*"}}, Ignore: []string{"*"}}); len(p.Added) > 0 || len(p.Removed) > 0 {
			t.Errorf("%+v", p)
		}
		for i := range m.Models {
			if key, source, _ := m.Models[i].Key(""); (len(key) == 0) != (source == KeyNone) {
				t.Errorf("%v by %s", key, source)
			}
			if slices.Contains(m.Models[i].Table, "") {
				t.Errorf("%q", m.Models[i].Table)
			}
		}
	})
}

// No archive does more than to be refused.
func FuzzReadArchive(f *testing.F) {
	f.Add(archive(f, entry("manifest.json", manifest(12, "", ""))))
	f.Add(archive(f, entry("../manifest.json", "{}")))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := ReadArchive(bytes.NewReader(text), int64(len(text))); err != nil {
			if _, told := errors.AsType[*Error](err); !told {
				t.Fatal(err)
			}
		}
	})
}
