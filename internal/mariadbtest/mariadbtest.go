// Package mariadbtest gives tests a MariaDB server: a throwaway one, started with
// the server's own programs on a data folder of its own.
//
// Where they are missing, tests are skipped, unless UNDERSTUDY_REQUIRE_MARIADB is
// set: then they fail.
package mariadbtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/understudy-api/understudy/internal/unprivileged"
)

const (
	requireVariable = "UNDERSTUDY_REQUIRE_MARIADB"

	// owner runs the server if we are root, as whom it would rather not run.
	owner = "mysql"
	// patience is how long a server may take to start.
	patience = time.Minute
	// maxSocketDir leaves room for the name of the socket in its 107 bytes.
	maxSocketDir = 80
)

// server is a MariaDB server that runs.
type server struct {
	dir   string
	guard *exec.Cmd
	leash io.WriteCloser // closed, it ends the server
}

var (
	shared struct {
		sync.Mutex
		server *server
	}
	databases atomic.Int64
)

// Main runs the tests of a package, and then stops the server that they shared:
//
//	func TestMain(m *testing.M) { mariadbtest.Main(m) }
func Main(m *testing.M) {
	defer Stop()
	m.Run()
}

// Stop stops the server that the tests of a process share, with all that it holds. A
// package whose TestMain is another's calls it there.
func Stop() {
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		return
	}
	if err := shared.server.destroy(); err != nil {
		fmt.Fprintln(os.Stderr, "mariadbtest:", err)
	}
	shared.server = nil
}

// DSN names an empty database, in the words of the Go driver, which is gone when the
// test ends. The server is started when the first test asks for it.
func DSN(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		install, program, err := programs()
		if err != nil {
			if os.Getenv(requireVariable) != "" {
				t.Fatal("mariadbtest: ", err)
			}
			t.Skip("*** SKIPPED, FOR THERE IS NO MARIADB: ", err)
		}
		if shared.server, err = start(install, program); err != nil {
			t.Fatal("mariadbtest: ", err)
		}
	}
	s := shared.server
	name := fmt.Sprintf("understudy_test_%d_%d", os.Getpid(), databases.Add(1))
	if err := s.admin("CREATE DATABASE " + name + " CHARACTER SET utf8mb4"); err != nil {
		t.Fatal("mariadbtest: making a database: ", err)
	}
	t.Cleanup(func() {
		if err := s.admin("DROP DATABASE " + name); err != nil {
			t.Error("mariadbtest: dropping a database: ", err)
		}
	})
	return s.dsn(name)
}

// programs finds the server's own, in the path or where Debian has them.
func programs() (install, program string, err error) {
	find := func(names ...string) string {
		for _, name := range names {
			for _, path := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
				if found, err := exec.LookPath(path); err == nil {
					return found
				}
			}
		}
		return ""
	}
	install, program = find("mariadb-install-db", "mysql_install_db"), find("mariadbd")
	if install == "" || program == "" {
		return "", "", errors.New("mariadbd and mariadb-install-db are not found (Debian: mariadb-server)")
	}
	return install, program, nil
}

func start(install, program string) (s *server, err error) {
	parent := os.TempDir()
	if len(parent) > maxSocketDir {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "mariadbtest")
	if err != nil {
		return nil, err
	}
	s = &server{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.destroy())
		}
	}()
	if err := unprivileged.Give(dir, owner); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	prepare := exec.CommandContext(ctx, install, "--no-defaults", "--datadir="+filepath.Join(dir, "data"), "--auth-root-authentication-method=normal", "--skip-test-db")
	var out bytes.Buffer
	prepare.Stdout, prepare.Stderr, prepare.Dir = &out, &out, dir
	unprivileged.Run(prepare, owner)
	if err := prepare.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", install, err, out.Bytes())
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	// The shell ends the server when this process ends, however that happens. Nobody's
	// data: nothing is made to survive a power cut.
	const script = `"$0" --no-defaults --datadir="$1/data" --socket="$1/socket" --pid-file="$1/pid" --skip-networking --skip-log-bin \
--innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=64M --character-set-server=utf8mb4 & server=$!
read word
kill -KILL $server
wait $server
rm -rf "$1"/*`
	guard := exec.CommandContext(context.Background(), "/bin/sh", "-c", script, program, dir)
	guard.Stdout, guard.Stderr, guard.Dir = log, log, dir
	unprivileged.Run(guard, owner)
	if s.leash, err = guard.StdinPipe(); err != nil {
		return nil, err
	}
	if err := guard.Start(); err != nil {
		return nil, err
	}
	s.guard = guard
	return s, s.await(ctx)
}

func (s *server) dsn(database string) string {
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr, c.DBName = "root", "unix", filepath.Join(s.dir, "socket"), database
	return c.FormatDSN()
}

// await waits until the server takes connections.
func (s *server) await(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.admin("DO 1")
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("the server does not start: %w\n%s", err, log[max(0, len(log)-4000):])
		}
	}
}

func (s *server) admin(statement string) error {
	db, err := sql.Open("mysql", s.dsn(""))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}

func (s *server) destroy() error {
	if s.guard != nil {
		_ = s.leash.Close()
		_ = s.guard.Wait() // the server was killed
	}
	return os.RemoveAll(s.dir)
}
