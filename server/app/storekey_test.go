package app

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestStoreKeyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "understudy.db")
	c := &Config{Store: "sqlite:" + path}
	keys := make([][]byte, 8)
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			key, err := c.storeKey()
			if err != nil {
				t.Error(err)
			}
			keys[i] = key
		})
	}
	all.Wait()
	for _, key := range keys {
		if len(key) != storeKeyBytes || !bytes.Equal(key, keys[0]) {
			t.Errorf("keys %x and %x", keys[0], key)
		}
	}
	info, err := os.Stat(path + ".key")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	given := strings.Repeat("k", storeKeyBytes)
	c.StoreKey = secret(base64.StdEncoding.EncodeToString([]byte(given)))
	if key, err := c.storeKey(); err != nil || string(key) != given {
		t.Errorf("%q, %v", key, err)
	}
	if err := os.WriteFile(path+".key", []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.StoreKey = ""
	if _, err := c.storeKey(); err == nil || !strings.Contains(err.Error(), path+".key") {
		t.Errorf("%v", err)
	}
}
