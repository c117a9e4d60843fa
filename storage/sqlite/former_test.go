package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/understudy-api/understudy/storage/storagetest"
)

// Files of former releases, as text.
func TestOpensFormer(t *testing.T) {
	for _, version := range []string{"version2.sql", "version4.sql"} {
		t.Run(version, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", version))
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "former.db")
			c, err := dial(fileDSN(path, writerPragmas(Options{})))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.exec(string(text)); err != nil {
				t.Fatal(err)
			}
			if err := c.close(); err != nil {
				t.Fatal(err)
			}
			storagetest.Former(t, openForTest(t, Options{Path: path}))
		})
	}
}
