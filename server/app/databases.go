package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/mysql"
	"github.com/understudy-api/understudy/server/datadiff/postgres"
	"github.com/understudy-api/understudy/server/datadiff/sqlite"
	"github.com/understudy-api/understudy/server/datafold"
)

// databases opens what data sources of Datafold name. It is a [datafold.Databases].
type databases struct {
	allowed allowed
	files   map[string]string // folders, by the beginning of the addresses they stand for
	timeout time.Duration     // of a statement
}

var _ datafold.Databases = (*databases)(nil)

// defaultStatementTimeout is how long a statement of a diff may take.
const defaultStatementTimeout = 10 * time.Minute

func newDatabases(o Options) (*databases, error) {
	hosts, bad := parseAllowed(o.AllowDatabases)
	if bad != "" {
		return nil, fmt.Errorf("allowed databases: %q is no host", bad)
	}
	folders, bad := parseFiles(o.Files)
	if bad != "" {
		return nil, fmt.Errorf("files: %q is no pair of an address and a folder", bad)
	}
	return &databases{allowed: hosts, files: folders, timeout: defaultStatementTimeout}, nil
}

// executable are the types of data sources that a driver is built in for.
var executable = map[string]func(context.Context, *databases, datafold.Database) (datafold.OpenSource, error){
	"pg": openPostgres, "postgres_aurora": openPostgres, "postgres_aws_rds": openPostgres, "redshift": openPostgres,
	"mysql": openMySQL, "mariadb": openMySQL,
}

// Unsupported is why databases of a type cannot be executed, in a sentence.
func (*databases) Unsupported(sourceType string) string {
	if executable[sourceType] != nil || sourceType == "duckdb" {
		return ""
	}
	switch sourceType {
	case "aws_s3", "google_cloud_storage", "files_azure_datalake":
		return "a source of files of type " + sourceType + " has no tables: name a file of it"
	}
	return "no driver for " + sourceType + " is in this program; give the source a backing to execute on"
}

// Open is the database of a source.
func (d *databases) Open(ctx context.Context, o datafold.Database) (datafold.OpenSource, error) {
	if o.Embedded {
		return sqlite.Embed(ctx, o.Script, sqlite.Options{Connections: o.Connections, Timeout: d.timeout})
	}
	open := executable[o.Type]
	if open == nil {
		return nil, &datadiff.Error{Kind: datadiff.Unsupported, Value: d.Unsupported(o.Type)}
	}
	return open(ctx, d, o)
}

// Rules runs column rules.
func (d *databases) Rules(ctx context.Context) (datafold.OpenRules, error) {
	return sqlite.NewRules(ctx)
}

// option is an option of a source; what is not given is zero.
func option[T any](o datafold.Database, name string) T {
	var v *T
	if json.Unmarshal(o.Options[name], &v) != nil || v == nil {
		var none T
		return none
	}
	return *v
}

// address is where a source is, if that may be reached. A socket is named by its path.
func (d *databases) address(ctx context.Context, o datafold.Database, standard int) (host string, port uint16, err error) {
	host = option[string](o, "host")
	number := option[int](o, "port")
	if number == 0 {
		number = standard
	}
	if number < 1 || number > 65535 {
		return "", 0, &datadiff.Error{Kind: datadiff.Invalid, Value: "the port of the database is none"}
	}
	if host == "" {
		return "", 0, &datadiff.Error{Kind: datadiff.Invalid, Value: "the source has no host"}
	}
	return host, uint16(number), d.allowed.check(ctx, host)
}

func openPostgres(ctx context.Context, d *databases, o datafold.Database) (datafold.OpenSource, error) {
	host, port, err := d.address(ctx, o, 5432)
	if err != nil {
		return nil, err
	}
	// What the environment of this process says of its own databases is nobody's here.
	mode := option[string](o, "sslmode")
	if mode == "" {
		mode = "prefer"
	}
	config, err := pgx.ParseConfig("host=" + connWord(host) + " user=" + connWord(option[string](o, "user")) +
		" dbname=" + connWord(option[string](o, "dbname")) + " sslmode=" + connWord(mode) + " connect_timeout=10")
	if err != nil {
		return nil, &datadiff.Error{Kind: datadiff.Invalid, Value: "the options of the source make no address of a database"}
	}
	roots, err := certificates(option[string](o, "rootcert"))
	if err != nil {
		return nil, err
	}
	private := func(t *tls.Config) {
		if t != nil {
			t.Certificates = nil
			if roots != nil {
				t.RootCAs = roots
			}
		}
	}
	config.Port, config.Password = port, option[string](o, "password")
	// The name is resolved where it is known whether it may be.
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.RuntimeParams = map[string]string{}
	if role := option[string](o, "role"); role != "" {
		config.RuntimeParams["role"] = role
	}
	private(config.TLSConfig)
	for _, f := range config.Fallbacks {
		f.Port = port
		private(f.TLSConfig)
	}
	return postgres.New(config, postgres.Options{
		Connections: o.Connections, Timeout: d.timeout, OldHashes: o.Type == "redshift", Dial: d.allowed.dial,
	}), nil
}

func certificates(pem string) (*x509.CertPool, error) {
	if pem == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(pem)) {
		return nil, &datadiff.Error{Kind: datadiff.Invalid, Value: "the root certificate of the source is none"}
	}
	return pool, nil
}

// connWord quotes a word of a connection string.
func connWord(word string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(word) + "'"
}

func openMySQL(ctx context.Context, d *databases, o datafold.Database) (datafold.OpenSource, error) {
	host, port, err := d.address(ctx, o, 3306)
	if err != nil {
		return nil, err
	}
	config := mysqldriver.NewConfig()
	config.User, config.Passwd, config.DBName = option[string](o, "user"), option[string](o, "password"), option[string](o, "db")
	config.Net, config.Addr, config.Timeout = "tcp", net.JoinHostPort(host, strconv.Itoa(int(port))), 10*time.Second
	config.TLSConfig = "preferred"
	if filepath.IsAbs(host) {
		config.Net, config.Addr, config.TLSConfig = "unix", host, ""
	}
	return mysql.New(config, mysql.Options{Connections: o.Connections, Timeout: d.timeout, MariaDB: o.Type == "mariadb", Dial: d.allowed.dial})
}

// allowed are the hosts that data sources may name.
type allowed struct {
	names    []string // in lower case, or "*"
	networks []*net.IPNet
	paths    []string // of sockets
}

// parseAllowed reads hosts, networks and paths, separated by commas. Loopback is always
// among them.
func parseAllowed(text string) (a allowed, bad string) {
	for _, loopback := range []string{"127.0.0.0/8", "::1/128"} {
		_, network, err := net.ParseCIDR(loopback)
		if err == nil { // a constant
			a.networks = append(a.networks, network)
		}
	}
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		switch {
		case word == "":
			if text != "" {
				return a, text
			}
		case filepath.IsAbs(word):
			a.paths = append(a.paths, filepath.Clean(word))
		case strings.Contains(word, "/"):
			_, network, err := net.ParseCIDR(word)
			if err != nil {
				return a, word
			}
			a.networks = append(a.networks, network)
		case net.ParseIP(word) != nil:
			ip := net.ParseIP(word)
			bits := 8 * len(ip)
			a.networks = append(a.networks, &net.IPNet{IP: ip, Mask: net.CIDRMask(bits, bits)})
		case strings.ContainsAny(word, " :"):
			return a, word
		default:
			a.names = append(a.names, strings.ToLower(word))
		}
	}
	return a, ""
}

// check refuses a host that is not allowed.
func (a *allowed) check(ctx context.Context, host string) error {
	if filepath.IsAbs(host) {
		if a.socket(host) {
			return nil
		}
		return datafold.NotAllowed("the socket is not among what --allow-database names")
	}
	_, err := a.resolve(ctx, host)
	return err
}

func (a *allowed) socket(path string) bool {
	path = filepath.Clean(path)
	for _, p := range a.paths {
		if path == p || strings.HasPrefix(path, strings.TrimSuffix(p, "/")+"/") {
			return true
		}
	}
	return false
}

func (a *allowed) named(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, name := range a.names {
		if name == "*" || name == host {
			return true
		}
	}
	return false
}

// resolve gives the addresses of a host that may be reached: all of one that was named,
// else those in a network that was.
func (a *allowed) resolve(ctx context.Context, host string) ([]net.IP, error) {
	found, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		if !a.named(host) && net.ParseIP(host) == nil {
			return nil, datafold.NotAllowed("the host %s is not among what --allow-database names", host)
		}
		return nil, &datadiff.Error{Kind: datadiff.Unreachable, Value: "the host of the database is not known"}
	}
	var ips []net.IP
	for _, f := range found {
		within := a.named(host)
		for _, network := range a.networks {
			within = within || network.Contains(f.IP)
		}
		if within {
			ips = append(ips, f.IP)
		}
	}
	if len(ips) == 0 {
		return nil, datafold.NotAllowed("the host %s is not among what --allow-database names", host)
	}
	return ips, nil
}

// dial connects to an address if it is allowed: to what the name means now, and not to
// what it may mean a moment later.
func (a *allowed) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	if network == "unix" {
		if !a.socket(address) {
			return nil, datafold.NotAllowed("the socket is not among what --allow-database names")
		}
		return d.DialContext(ctx, network, address)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ips, err := a.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	var last error
	for _, ip := range ips {
		c, err := d.DialContext(ctx, "tcp", net.JoinHostPort(ip.String(), port))
		if err == nil {
			return c, nil
		}
		last = err
	}
	return nil, fmt.Errorf("connect: %w", last)
}
