// Package drivers registers the databases that the program can reach beside SQLite: a
// store in PostgreSQL, data sources in PostgreSQL, MySQL,
// MariaDB and SQL Server, and Parquet files. It is imported
// for that alone:
//
//	import _ "github.com/understudy-api/understudy/server/drivers"
//
// What is built on server/app without it has none of their drivers in its dependencies.
package drivers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/microsoft/go-mssqldb/msdsn"

	"github.com/understudy-api/understudy/server/databases"
	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/file"
	"github.com/understudy-api/understudy/server/datadiff/mssql"
	"github.com/understudy-api/understudy/server/datadiff/mysql"
	"github.com/understudy-api/understudy/server/datadiff/parquet"
	"github.com/understudy-api/understudy/server/datadiff/postgres"
	"github.com/understudy-api/understudy/server/datafold"
	"github.com/understudy-api/understudy/storage"
	store "github.com/understudy-api/understudy/storage/postgres"
)

func init() {
	storage.Register("postgres", func(ctx context.Context, dsn string, o storage.Options) (storage.Store, error) {
		return store.Open(ctx, store.Options{DSN: dsn, Now: o.Now, NewID: o.NewID})
	})
	databases.Register(openPostgres, "pg", "postgres_aurora", "postgres_aws_rds", "redshift")
	databases.Register(openMySQL, "mysql", "mariadb")
	databases.Register(openMSSQL, "mssql")
	databases.RegisterFile("parquet", func(ctx context.Context, r io.Reader, f datafold.File, o file.Options) (*file.Source, error) {
		return parquet.Open(ctx, r, parquet.Options{Options: o, Leave: f.Unneeded})
	})
}

func openPostgres(ctx context.Context, reach *databases.Reach, d datafold.Database) (datafold.OpenSource, error) {
	host, port, err := reach.Address(ctx, d, 5432)
	if err != nil {
		return nil, err
	}
	// What the environment of this process says of its own databases is nobody's here.
	mode := databases.Option[string](d, "sslmode")
	if mode == "" {
		mode = "prefer"
	}
	config, err := pgx.ParseConfig("host=" + connWord(host) + " user=" + connWord(databases.Option[string](d, "user")) +
		" dbname=" + connWord(databases.Option[string](d, "dbname")) + " sslmode=" + connWord(mode) + " connect_timeout=10")
	if err != nil {
		return nil, &datadiff.Error{Kind: datadiff.Invalid, Value: "the options of the source make no address of a database"}
	}
	roots, err := certificates(databases.Option[string](d, "rootcert"))
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
	config.Port, config.Password = port, databases.Option[string](d, "password")
	// The name is resolved where it is known whether it may be.
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.RuntimeParams = map[string]string{}
	if role := databases.Option[string](d, "role"); role != "" {
		config.RuntimeParams["role"] = role
	}
	private(config.TLSConfig)
	for _, f := range config.Fallbacks {
		f.Port = port
		private(f.TLSConfig)
	}
	return postgres.New(config, postgres.Options{
		Connections: d.Connections, Timeout: reach.Timeout, OldHashes: d.Type == "redshift", Dial: reach.Dial,
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

func openMySQL(ctx context.Context, reach *databases.Reach, d datafold.Database) (datafold.OpenSource, error) {
	host, port, err := reach.Address(ctx, d, 3306)
	if err != nil {
		return nil, err
	}
	config := mysqldriver.NewConfig()
	config.User, config.Passwd, config.DBName = databases.Option[string](d, "user"), databases.Option[string](d, "password"), databases.Option[string](d, "db")
	config.Net, config.Addr, config.Timeout = "tcp", net.JoinHostPort(host, strconv.Itoa(int(port))), 10*time.Second
	config.TLSConfig = "preferred"
	if filepath.IsAbs(host) {
		config.Net, config.Addr, config.TLSConfig = "unix", host, ""
	}
	return mysql.New(config, mysql.Options{Connections: d.Connections, Timeout: reach.Timeout, MariaDB: d.Type == "mariadb", Dial: reach.Dial})
}

func openMSSQL(ctx context.Context, reach *databases.Reach, d datafold.Database) (datafold.OpenSource, error) {
	host, port, err := reach.Address(ctx, d, 1433)
	if err != nil {
		return nil, err
	}
	// A named instance would be asked for at a port that nobody allowed.
	if strings.ContainsAny(host, `\/`) {
		return nil, &datadiff.Error{Kind: datadiff.Invalid, Value: "the host of a SQL Server is a name or an address: name the port of an instance"}
	}
	query := url.Values{
		"database": {databases.Option[string](d, "dbname")}, "dial timeout": {"10"}, "protocol": {"tcp"},
		"encrypt":                {strconv.FormatBool(!isFalse(d, "require_encryption"))},
		"TrustServerCertificate": {strconv.FormatBool(!isFalse(d, "trust_server_certificate"))},
		"MultiSubnetFailover":    {strconv.FormatBool(databases.Option[bool](d, "always_on"))},
	}
	address := url.URL{
		Scheme: "sqlserver", Host: net.JoinHostPort(host, strconv.Itoa(int(port))), RawQuery: query.Encode(),
		User: url.UserPassword(databases.Option[string](d, "user"), databases.Option[string](d, "password")),
	}
	config, err := msdsn.Parse(address.String())
	if err != nil {
		return nil, &datadiff.Error{Kind: datadiff.Invalid, Value: "the options of the source make no address of a database"}
	}
	return mssql.New(config, mssql.Options{Connections: d.Connections, Timeout: reach.Timeout, Dial: reach.Dial}), nil
}

// isFalse says whether an option that is true where it is not given is false.
func isFalse(d datafold.Database, name string) bool {
	_, given := d.Options[name]
	return given && string(d.Options[name]) != "null" && !databases.Option[bool](d, name)
}
