package app

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// storeKeyBytes is how long the key of a store is.
const storeKeyBytes = 32

const wantKey = "32 bytes in base64, as \"openssl rand -base64 32\" makes them"

// parseStoreKey reads a key as it is written.
func parseStoreKey(text string) ([]byte, bool) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	return key, err == nil && len(key) == storeKeyBytes
}

// storeKey is the key under which the tokens of a store are encrypted: the one that was
// given, that in the file beside a SQLite store, which is made if there is none; nil in
// memory, where a key of the process will do.
func (c *Config) storeKey() ([]byte, error) {
	if c.StoreKey != "" {
		key, _ := parseStoreKey(string(c.StoreKey))
		return key, nil
	}
	kind, path, _ := parseStore(c.Store)
	if kind != "sqlite" {
		return nil, nil
	}
	name := path + ".key"
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeStoreKey(name); err == nil {
			text, err = os.ReadFile(name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the key of the store: %w", err)
	}
	key, ok := parseStoreKey(string(text))
	if !ok {
		return nil, fmt.Errorf("the key of the store: %s: want %s", name, wantKey)
	}
	return key, nil
}

// makeStoreKey writes a new key, whole or not at all; of two that do, the first counts.
func makeStoreKey(name string) error {
	key := make([]byte, storeKeyBytes)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	own := name + "." + rand.Text()
	if err := os.WriteFile(own, []byte(base64.StdEncoding.EncodeToString(key)+"\n"), 0o600); err != nil {
		return err
	}
	defer func() { _ = os.Remove(own) }()
	if err := os.Link(own, name); err != nil && !errors.Is(err, fs.ErrExist) {
		return os.Rename(own, name) // a file system without links
	}
	return nil
}
