package pgtest

import (
	"errors"
	"os"

	"github.com/jackc/pgx/v5"
)

// ForProgram is a server for a program that is not a test: the one that
// UNDERSTUDY_TEST_POSTGRES names, or a throwaway cluster, which writes to the disk
// as PostgreSQL does unless told otherwise. The caller ends it with Close.
func ForProgram() (c *Cluster, err error) {
	if dsn := os.Getenv(serverVariable); dsn != "" {
		return &Cluster{dsn: dsn}, nil
	}
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	if c, err = create(bin); err != nil {
		return nil, err
	}
	for _, sql := range []string{"ALTER SYSTEM SET fsync = on", "ALTER SYSTEM SET full_page_writes = on", "SELECT pg_reload_conf()"} {
		if err := c.admin(sql); err != nil {
			return nil, errors.Join(err, c.destroy())
		}
	}
	return c, nil
}

// Close stops a server of ForProgram, with all that it holds.
func (c *Cluster) Close() error { return c.destroy() }

// Empty names an empty schema in the server's database, as a URL. One of this name
// that was there is gone.
func (c *Cluster) Empty(name string) (dsn string, err error) {
	identifier := pgx.Identifier{name}.Sanitize()
	if err := c.admin("DROP SCHEMA IF EXISTS " + identifier + " CASCADE"); err != nil {
		return "", err
	}
	if err := c.admin("CREATE SCHEMA " + identifier); err != nil {
		return "", err
	}
	dsn = c.dsn
	if c.bin != "" {
		dsn = "postgres:///postgres?sslmode=disable&user=postgres&port=5432&host=" + c.dir
	}
	return with(dsn, "search_path", name), nil
}

// Drop removes what Empty made.
func (c *Cluster) Drop(name string) error {
	return c.admin("DROP SCHEMA IF EXISTS " + pgx.Identifier{name}.Sanitize() + " CASCADE")
}

// Bin is the folder of the server's own programs, and those of its clients, such as
// pg_dump; "" if the server is not ours.
func (c *Cluster) Bin() string { return c.bin }
