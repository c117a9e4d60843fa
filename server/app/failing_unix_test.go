//go:build unix

package app

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

const diskVariable = "UNDERSTUDY_TEST_FULL"

// TestStoreDiskFull runs in a process of its own: the limit holds for all of it.
func TestStoreDiskFull(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStoreDiskFullChild$", "-test.v")
	child.Env = append(os.Environ(), diskVariable+"="+filepath.Join(t.TempDir(), "state.db"))
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Where there is no space, writes are answered with the API's 503 and reads as ever.
// Once there is, all goes on, and what was refused was not written.
func TestStoreDiskFullChild(t *testing.T) {
	path := os.Getenv(diskVariable)
	if path == "" {
		t.Skip("only as a child of TestStoreDiskFull")
	}
	signal.Ignore(syscall.SIGXFSZ) // then the write fails instead
	limit := func(size uint64) {
		var l syscall.Rlimit
		err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l)
		l.Cur = min(size, l.Max)
		if err == nil {
			err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w := startServer(t, Options{Store: "sqlite:" + path})
	create := func(name string) int {
		body := fmt.Sprintf(`{"name":%q,"key":%q}`, name+strings.Repeat("x", 5000), name)
		got := w.do(t, "POST", "/api/projects", bearer("s"), strings.NewReader(body))
		if got.status == 503 {
			if got.header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
			}
			if err := inShapeOf("brms", 503, got.header, got.body); err != nil {
				t.Error(err)
			}
		} else if got.status != 200 {
			t.Errorf("create: %d %s", got.status, got.body)
		}
		return got.status
	}
	made, refused := 0, 0
	for round := range 3 {
		for i := range 5 {
			if create(fmt.Sprintf("before-%d-%d", round, i)) == 200 {
				made++
			}
		}
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		limit(uint64(info.Size()) + 100_000)
		var mu sync.Mutex
		var wg sync.WaitGroup
		for c := range 4 {
			wg.Go(func() {
				for i := range 15 {
					status := create(fmt.Sprintf("full-%d-%d-%d", round, c, i))
					mu.Lock()
					if status == 200 {
						made++
					} else {
						refused++
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		got := w.do(t, "GET", "/api/projects?perPage=1", bearer("s"), nil)
		if !strings.Contains(got.body, fmt.Sprintf(`"total":%d`, made)) {
			t.Errorf("reading while it is full: %d %s, want %d", got.status, got.body, made)
		}
		limit(1 << 62)
		if create(fmt.Sprintf("after-%d", round)) != 200 {
			t.Error("it does not recover")
		}
		made++
		got = w.do(t, "GET", "/api/projects?perPage=1", bearer("s"), nil)
		if !strings.Contains(got.body, fmt.Sprintf(`"total":%d`, made)) {
			t.Errorf("with space again: %d %s, want %d", got.status, got.body, made)
		}
	}
	if refused == 0 {
		t.Error("nothing was refused: the limit did not bind")
	}
}

// A file that may not be written to, or a folder, is refused and stays as it is.
func TestStoreReadOnlyFile(t *testing.T) {
	t.Parallel()
	binary, whole := builtBinary(t), filled(t)
	for _, dir := range []string{filepath.Dir(binary), filepath.Dir(whole)} { // to be reached by another user
		for _, dir := range []string{dir, filepath.Dir(dir)} {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	before, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for name, modes := range map[string]struct{ dir, file os.FileMode }{
		"file":            {0o777, 0o444},
		"folder":          {0o555, 0o666},
		"file and folder": {0o555, 0o444},
		"not readable":    {0o777, 0o000},
	} {
		t.Run(name, func(t *testing.T) {
			outer := t.TempDir()
			dir := filepath.Join(outer, "store")
			path := filepath.Join(dir, "state.db")
			if err := os.Mkdir(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, before, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, set := range []struct {
				path string
				mode os.FileMode
			}{{path, modes.file}, {dir, modes.dir}, {outer, 0o755}, {filepath.Dir(outer), 0o755}} {
				if err := os.Chmod(set.path, set.mode); err != nil {
					t.Fatal(err)
				}
			}
			defer func() { _ = os.Chmod(dir, 0o755) }()
			cmd := exec.CommandContext(t.Context(), binary, "serve", "--addr", "127.0.0.1:0", "--store", "sqlite:"+path)
			cmd.Dir = outer
			if os.Geteuid() == 0 { // whom no mode binds
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			}
			code, stdout, stderr := runUntilRefused(t, cmd)
			if code != 1 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, path) {
				t.Errorf("exit code %d, said %q and %q; want 1 and one line with the path", code, stdout, stderr)
			}
			if err := os.Chmod(path, 0o600); err != nil {
				t.Fatal(err)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
				t.Errorf("the file was changed (%v)", err)
			}
		})
	}
}
