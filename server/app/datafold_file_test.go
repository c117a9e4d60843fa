package app

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// Files of two kinds, one of which has a column that cannot be compared.
func TestFileDiffs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	type row struct {
		ID   int64    `parquet:"id"`
		Name string   `parquet:"name"`
		Tags []string `parquet:"tags,list"`
	}
	var content bytes.Buffer
	if err := parquet.Write(&content, []row{{1, "a", nil}, {2, "b", []string{"x"}}, {3, "c", nil}}); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.parquet": content.String(), "b.csv": "id,name\n1,a\n2,x\n4,d\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := startServer(t, Options{Files: "s3://lake=" + dir})
	const secret = "files"
	source := w.dataSource(t, secret, `{"type":"aws_s3","name":"Lake"}`)
	if source != 1 {
		t.Fatal(source)
	}
	const ask = `{"data_source1_id":1,"data_source2_id":1,"file1":"s3://lake/a.parquet","file1_options":{"file_type":"parquet"},` +
		`"file2":"s3://lake/b.csv","file2_options":{"file_type":"csv"},"pk_columns":["id"]`
	for more, want := range map[string]string{
		`}`: `"error":{"error_type":"UnsupportedDataSource","error_value":"column tags of the Parquet file is a list: `,
		`,"exclude_columns":["tags"]}`: `"pks":{"total_rows":[3,3],"nulls":[0,0],"dupes":[0,0],"exclusives":[1,1],"distincts":[3,3]},` +
			`"values":{"total_rows":2,"rows_with_differences":1`,
	} {
		if _, results := w.diff(t, secret, ask+more); !strings.Contains(results, want) {
			t.Error(results)
		}
	}
}
