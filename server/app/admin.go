package app

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// secret is a flag that must not be empty if it is given: an unset variable on a command
// line would else be a server without the secret that was meant.
type secret string

// String is empty: a default is none, and no help shows a secret.
func (*secret) String() string { return "" }

// Set takes the secret; it is judged where it is not repeated.
func (s *secret) Set(text string) error {
	if text == "" {
		return errors.New("want " + acceptable)
	}
	*s = secret(text)
	return nil
}

const (
	minSecret  = 16
	acceptable = "16 visible ASCII characters or more, without spaces, commas and quotation marks"
)

// good reports whether a secret is long enough to withstand guessing, and can be sent.
func good(text string) bool {
	return len(text) >= minSecret && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ',' || r == '"' })
}

// administrator is the administrator's secret: the one that was given, or one made now.
func (c *Config) administrator() (token string, made bool, err error) {
	switch {
	case c.AdminToken != "":
		return string(c.AdminToken), false, nil
	case c.AdminTokenFile == "":
		return rand.Text(), true, nil
	}
	token, err = ReadSecret(c.AdminTokenFile)
	if err != nil {
		return "", false, fmt.Errorf("--admin-token-file: %w", err)
	}
	return token, false, nil
}

// ReadSecret reads a file that holds a secret, with or without the end of the line.
func ReadSecret(name string) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	token := strings.TrimRight(string(text), "\r\n")
	if !good(token) {
		return "", fmt.Errorf("%s: want %s", name, acceptable)
	}
	return token, nil
}

// AdminFile is the file that the secret of a server is written to which makes its own:
// beside the file of its URL, or for a server without one in the user's folder for what
// runs, by its address. "" if there is no such folder.
func AdminFile(urlFile, serverURL string) string {
	if urlFile != "" {
		return urlFile + ".admin"
	}
	u, err := url.Parse(serverURL)
	if err != nil {
		return ""
	}
	host := u.Hostname()
	if ip := net.ParseIP(host); strings.EqualFold(host, "localhost") || ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		host = "local"
	}
	dir, err := RuntimeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, strings.ReplaceAll(host, ":", "-")+"-"+u.Port()+".admin")
}

// RuntimeDir is the user's folder for what running servers leave there: below
// $XDG_RUNTIME_DIR, or else the user's cache. It need not be there yet.
func RuntimeDir() (string, error) {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(dir) {
		var err error
		if dir, err = os.UserCacheDir(); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "understudy"), nil
}

// WritePrivate writes a file in one step, for its user alone to read, into a folder that is
// made if need be.
func WritePrivate(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return writeFile(name, text, 0o600)
}

// writeAdminFile writes a secret for its user alone to read.
func writeAdminFile(name, token string) error {
	if err := WritePrivate(name, token+"\n"); err != nil {
		return fmt.Errorf("write the administrator's secret: %w", err)
	}
	return nil
}

// writeFile writes a file in one step, so that who waits for it never reads half of it.
// What lies under its name is replaced, and not written through.
func writeFile(name, text string, mode fs.FileMode) error {
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if mode != 0o600 {
		err = errors.Join(err, file.Chmod(mode))
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}

// writeURLFile writes the base URL.
func writeURLFile(path, url string) error {
	if err := writeFile(path, url+"\n", 0o644); err != nil {
		return fmt.Errorf("write url file: %w", err)
	}
	return nil
}

// removeOld removes what an earlier server left: a script that waits for the file must
// not read its address. A file that holds something else is not ours to remove.
func removeOld(urlFile string) error {
	text, err := os.ReadFile(urlFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("the old url file: %w", err)
	case len(text) > 0 && !strings.HasPrefix(string(text), "http://"):
		return fmt.Errorf("--url-file %s: the file is there, and holds something else than the URL of a server", urlFile)
	default:
		if err := os.Remove(urlFile); err != nil {
			return fmt.Errorf("remove the old url file: %w", err)
		}
	}
	if err := os.Remove(AdminFile(urlFile, "")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the old administrator's secret: %w", err)
	}
	return nil
}
