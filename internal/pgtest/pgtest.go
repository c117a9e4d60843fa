// Package pgtest gives tests a PostgreSQL server: a throwaway cluster made with
// the server's own programs, or the server that UNDERSTUDY_TEST_POSTGRES names (a
// DSN whose role may create databases).
//
// Where there is neither, tests are skipped, unless UNDERSTUDY_REQUIRE_POSTGRES is
// set: then they fail.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/understudy-api/understudy/internal/unprivileged"
)

const (
	serverVariable  = "UNDERSTUDY_TEST_POSTGRES"
	requireVariable = "UNDERSTUDY_REQUIRE_POSTGRES"

	// owner runs the server if we are root, as whom it does not run.
	owner = "postgres"
	// patience is how long a server may take to start or to stop.
	patience = time.Minute
	// maxSocketDir leaves room for the name of the socket in its 107 bytes.
	maxSocketDir = 80
)

// Mode is how a server is stopped.
type Mode string

// The ways to stop a server, in the words of pg_ctl.
const (
	Smart     Mode = "smart"     // waits for everybody to leave
	Fast      Mode = "fast"      // throws everybody out
	Immediate Mode = "immediate" // dies, and recovers when it starts again
)

// Cluster is a PostgreSQL server.
type Cluster struct {
	dsn string // of its maintenance database
	bin string // "" if it is not ours
	dir string

	mu    sync.Mutex
	guard *exec.Cmd      // nil while it is stopped
	leash io.WriteCloser // closed without a word, it ends the server
}

var (
	shared struct {
		sync.Mutex
		cluster *Cluster
	}
	databases atomic.Int64
)

// Main runs the tests of a package, and then stops the server that they shared:
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
func Main(m *testing.M) {
	defer func() {
		shared.Lock()
		defer shared.Unlock()
		if shared.cluster != nil {
			if err := shared.cluster.destroy(); err != nil {
				fmt.Fprintln(os.Stderr, "pgtest:", err)
			}
		}
	}()
	m.Run()
}

// Server is the server that the tests of a process share, started when the first
// of them asks for it. Its package has a TestMain that calls [Main].
func Server(t testing.TB) *Cluster {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil {
		if dsn := os.Getenv(serverVariable); dsn != "" {
			shared.cluster = &Cluster{dsn: dsn}
		} else {
			shared.cluster = start(t)
		}
	}
	return shared.cluster
}

// NewCluster is a server for one test alone, which may stop it and start it.
func NewCluster(t testing.TB) *Cluster {
	t.Helper()
	c := start(t)
	t.Cleanup(func() {
		if err := c.destroy(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// DSN names an empty database on the shared server, which is gone when the test
// ends.
func DSN(t testing.TB) string {
	t.Helper()
	return Server(t).DSN(t)
}

// DSN names an empty database, which is gone when the test ends.
func (c *Cluster) DSN(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("understudy_test_%d_%d", os.Getpid(), databases.Add(1))
	if err := c.admin("CREATE DATABASE " + name + " TEMPLATE template0 ENCODING 'UTF8'"); err != nil {
		t.Fatal("pgtest: making a database: ", err)
	}
	t.Cleanup(func() {
		c.mu.Lock()
		stopped := c.bin != "" && c.guard == nil
		c.mu.Unlock()
		if stopped {
			return // it goes with its server
		}
		if err := c.admin("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Error("pgtest: dropping a database: ", err)
		}
	})
	return with(c.dsn, "dbname", name)
}

// Schema names an empty schema in a database of the shared server, which is gone
// when the test ends. It is to be had in a tenth of the time that a database takes;
// locks that concern a whole database are shared.
func Schema(t testing.TB) string {
	t.Helper()
	c := Server(t)
	name := fmt.Sprintf("understudy_test_%d_%d", os.Getpid(), databases.Add(1))
	if err := c.admin("CREATE SCHEMA " + name); err != nil {
		t.Fatal("pgtest: making a schema: ", err)
	}
	t.Cleanup(func() {
		if err := c.admin("DROP SCHEMA " + name + " CASCADE"); err != nil {
			t.Error("pgtest: dropping a schema: ", err)
		}
	})
	return with(c.dsn, "search_path", name)
}

// Stop stops the server.
func (c *Cluster) Stop(mode Mode) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bin == "" {
		return errors.New("the server of " + serverVariable + " is not stopped")
	}
	if c.guard == nil {
		return nil
	}
	err := c.run("pg_ctl", "stop", "--silent", "-w", "-t", strconv.Itoa(int(patience.Seconds())), "-D", c.data(), "-m", string(mode))
	if err == nil {
		_, err = io.WriteString(c.leash, "stopped\n")
	}
	_ = c.leash.Close()
	_ = c.guard.Wait() // its status says how the server ended, which may be any way
	c.guard = nil
	return err
}

// Start starts a server that was stopped, and waits until it serves.
func (c *Cluster) Start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.guard != nil {
		return nil
	}
	log, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	// The shell ends the server and removes what it leaves when this process ends
	// without a word, however that happens.
	const script = `"$0" -D "$1" & server=$!
read word || { kill -QUIT $server; wait $server; exec rm -rf "$2"; }
wait $server`
	guard := exec.CommandContext(context.Background(), "/bin/sh", "-c", script, filepath.Join(c.bin, "postgres"), c.data(), c.dir)
	guard.Stdout, guard.Stderr, guard.Dir = log, log, c.dir
	unprivileged.Run(guard, owner)
	leash, err := guard.StdinPipe()
	if err != nil {
		return err
	}
	if err := guard.Start(); err != nil {
		return err
	}
	c.guard, c.leash = guard, leash
	return c.await()
}

// Restart stops the server and starts it again.
func (c *Cluster) Restart(mode Mode) error {
	if err := c.Stop(mode); err != nil {
		return err
	}
	return c.Start()
}

// await waits until the server takes connections.
func (c *Cluster) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, c.dsn)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(c.dir, "log"))
			return fmt.Errorf("the server does not start: %w\n%s", err, log[max(0, len(log)-4000):])
		}
	}
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *Cluster) destroy() error {
	if c.bin == "" {
		return nil
	}
	return errors.Join(c.Stop(Immediate), os.RemoveAll(c.dir))
}

// admin runs a statement outside of any test's database.
func (c *Cluster) admin(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.dsn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

func (c *Cluster) run(program string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, program), args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &out, c.dir
	unprivileged.Run(cmd, owner)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out.Bytes())
	}
	return nil
}

// start makes a cluster and starts it.
func start(t testing.TB) *Cluster {
	t.Helper()
	bin, err := binaries()
	if err != nil {
		if os.Getenv(requireVariable) != "" {
			t.Fatal("pgtest: ", err)
		}
		t.Skip("*** SKIPPED, FOR THERE IS NO POSTGRESQL: ", err)
	}
	c, err := create(bin)
	if err != nil {
		t.Fatal("pgtest: ", err)
	}
	return c
}

func create(bin string) (c *Cluster, err error) {
	parent := os.TempDir()
	if len(parent) > maxSocketDir {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "pgtest")
	if err != nil {
		return nil, err
	}
	c = &Cluster{bin: bin, dir: dir, dsn: "host=" + dir + " port=5432 user=postgres dbname=postgres sslmode=disable"}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.destroy())
		}
	}()
	if err := unprivileged.Give(dir, owner); err != nil {
		return nil, err
	}
	if err := c.run("initdb", "-D", c.data(), "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"); err != nil {
		return nil, err
	}
	settings, err := os.OpenFile(filepath.Join(c.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	// Nobody's data: nothing is made to survive a power cut.
	_, err = fmt.Fprintf(settings, "\nlisten_addresses = ''\nunix_socket_directories = '%s'\nport = 5432\n"+
		"fsync = off\nfull_page_writes = off\nmax_connections = 300\nshared_buffers = 64MB\n", dir)
	if err = errors.Join(err, settings.Close()); err != nil {
		return nil, err
	}
	return c, c.Start()
}

// binaries finds the newest installed server.
func binaries() (string, error) {
	var dirs []string
	if path, err := exec.LookPath("initdb"); err == nil {
		if target, err := filepath.EvalSymlinks(path); err == nil { // where the others are
			dirs = append(dirs, filepath.Dir(target))
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	installed, err := filepath.Glob("/usr/lib/postgresql/*/bin") // Debian's
	if err != nil {
		return "", err
	}
	version := func(dir string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		return n
	}
	slices.SortFunc(installed, func(a, b string) int { return version(b) - version(a) })
	for _, dir := range append(dirs, installed...) {
		if !slices.ContainsFunc([]string{"initdb", "pg_ctl", "postgres"}, func(program string) bool {
			_, err := exec.LookPath(filepath.Join(dir, program))
			return err != nil
		}) {
			return dir, nil
		}
	}
	return "", errors.New("initdb, pg_ctl and postgres are not found (Debian: postgresql); " +
		serverVariable + " may name a server instead")
}

// with is the DSN with another word in it.
func with(dsn, word, value string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return dsn + " " + word + "=" + value // the last one counts
	}
	if word == "dbname" {
		u.Path = "/" + value
	} else {
		query := u.Query()
		query.Set(word, value)
		u.RawQuery = query.Encode()
	}
	return u.String()
}
