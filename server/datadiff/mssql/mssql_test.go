package mssql

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/microsoft/go-mssqldb/msdsn"

	"github.com/understudy-api/understudy/server/datadiff"
)

// There is no SQL Server to be tested with: what is held is the SQL that is written.
func TestSQL(t *testing.T) {
	d := dialect{}
	form := func(of datadiff.Datatype, digits int) datadiff.Form {
		return datadiff.Form{Datatype: of, Digits: digits}
	}
	text := func(kind string, of datadiff.Datatype, digits int) string {
		s, _ := d.Text(typed("c", kind, 3), form(of, digits), "[c]")
		return s
	}
	for _, test := range []struct{ got, want string }{
		{d.Path([]string{"db", "dbo", "a]b"}), "[db].[dbo].[a]]b]"},
		{d.Time(typed("c", "DATETIME2", 0), "2024-02-29 12:00:00.000001"), "CAST('2024-02-29T12:00:00.000001' AS datetime2(6))"},
		{d.Time(typed("c", "DATETIMEOFFSET", 0), "2024-02-29 12:00:00.000001"), "CAST('2024-02-29T12:00:00.000001+00:00' AS datetimeoffset(6))"},
		{d.CountIf("1 = 1"), "COUNT_BIG(CASE WHEN 1 = 1 THEN 1 END)"},
		{d.Quotient("a", d.Integer(-3)), "a / CAST(-3 AS bigint)"},
		{text("BIGINT", datadiff.Integer, 0), "CONVERT(varchar(20), [c])"},
		{text("FLOAT", datadiff.Float, 53), "CONVERT(varchar(40), [c] + 0e0, 3)"},
		{text("MONEY", datadiff.Decimal, 4), "CONVERT(varchar(60), CAST([c] AS decimal(19,4)))"},
		{text("NVARCHAR", datadiff.String, 0), "CAST([c] COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)) COLLATE Latin1_General_100_BIN2_UTF8"},
		{text("DATETIMEOFFSET", datadiff.Timestamp, 6), "CONVERT(varchar(26), CAST(SWITCHOFFSET([c], '+00:00') AS datetime2(6)), 121)"},
		{text("UNIQUEIDENTIFIER", datadiff.UUID, 0), "LOWER(CONVERT(varchar(36), [c]))"},
		{text("VARBINARY", datadiff.Binary, 0), "LOWER(CONVERT(varchar(max), CAST([c] AS varbinary(max)), 2))"},
		{d.Key(typed("c", "INT", 0), form(datadiff.Integer, 0), "[c]"), "[c]"},
		{d.Differ(typed("c", "INT", 0), "a", "b"), "NOT EXISTS (SELECT a INTERSECT SELECT b)"},
		{d.Md5([]string{"x"}), "CAST(CONVERT(varbinary(8), '0' + SUBSTRING(CONVERT(varchar(32), HASHBYTES('MD5', " +
			"ISNULL(CONVERT(varchar(20), DATALENGTH(CAST(x COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)))) + ':' + CAST(x COLLATE Latin1_General_100_BIN2_UTF8 AS varchar(max)), 'n')" +
			"), 2), 1, 15), 2) AS bigint)"},
	} {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestTypes(t *testing.T) {
	for kind, want := range map[string]datadiff.Datatype{
		"TINYINT": datadiff.Integer, "DECIMAL": datadiff.Decimal, "BIT": datadiff.Boolean, "NCHAR": datadiff.FixedString, "DATE": datadiff.Date,
		"DATETIME": datadiff.Timestamp, "TIME": datadiff.TimeOfDay, "XML": datadiff.XML, "GEOGRAPHY": datadiff.UnknownType,
	} {
		if got := typed("c", kind, 0).Datatype; got != want {
			t.Errorf("%s is %s", kind, got)
		}
	}
}

// What does more than read is refused before a server sees it.
func TestReadsOnly(t *testing.T) {
	for _, query := range []string{
		"SELECT * FROM [drop] WHERE (v = 'DELETE FROM t' /* EXEC */ -- INSERT\n)", "SELECT updated, [set], \"into\" FROM t ORDER BY 1 OFFSET 0 ROWS FETCH NEXT 1 ROWS ONLY;",
		"SELECT 0xDEADBEEF, 1e5, 'a`b', @@VERSION", "SELECT useful, ifs FROM inserted_rows", "SELECT 'a''b', N'ü'",
	} {
		if err := readsOnly(query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	for _, query := range []string{
		"SELECT 1; DROP TABLE t", "SELECT * FROM t WHERE (1 = 1) DROP TABLE t --\n)", "SELECT * FROM t WHERE (1 = 1) COMMIT DELETE t SELECT (1)",
		"SELECT 1 eXeC xp_cmdshell 'dir'", "SELECT * INTO u FROM t", "SELECT * FROM OPENROWSET('a', 'b', 'c')", "WITH a AS (SELECT 1 x) UPDATE a SET x = 2",
		"SELECT 1--\nSHUTDOWN", "SELECT[a]FROM[t]DROP TABLE[t]", "SELECT 'a'DROP TABLE t", "SELECT 1DROP TABLE t", "SELECT 1.DROP TABLE t", "SELECT 0x1UPDATE t SET a = 1", "SELECT 1e5DROP TABLE t", "SELECT `DROP TABLE t SELECT `", "SELECT 1 --\rDROP TABLE t", "SELECT $DROP TABLE t",
	} {
		if err := readsOnly(query); datadiff.KindOf(err) != datadiff.QueryFailed {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// A server that is not there, and a host that may not be reached, are told without the
// password.
func TestUnreachable(t *testing.T) {
	config, err := msdsn.Parse("sqlserver://sa:s3cr3t-of-it@db.invalid:1433?database=x&protocol=tcp")
	if err != nil {
		t.Fatal(err)
	}
	own := &datadiff.Error{Kind: "DatabaseNotAllowed", Value: "not this one"}
	for _, dial := range []error{own, &net.OpError{Op: "dial", Err: errors.New("connection refused")}} {
		s := New(config, Options{Dial: func(_ context.Context, _, address string) (net.Conn, error) {
			if address != "db.invalid:1433" {
				t.Error(address)
			}
			return nil, dial
		}})
		_, err = s.Connect(t.Context())
		if datadiff.KindOf(err) == "" || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%#v", err)
		}
		if errors.Is(dial, own) && datadiff.KindOf(err) != own.Kind {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
