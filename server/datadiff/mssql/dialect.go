// Package mssql compares tables of SQL Server databases. It is experimental: its SQL
// was never run by a SQL Server.
package mssql

import (
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/datadiff"
)

// dialect writes Transact-SQL of SQL Server 2019 and later, which has collations of
// UTF-8. Basis: its documentation.
type dialect struct{}

// Texts are compared, ordered and hashed as bytes of UTF-8, as the other databases do.
const (
	utf8Bytes = " COLLATE Latin1_General_100_BIN2_UTF8"
	longText  = "varchar(max)"
)

func (dialect) Name() string { return "mssql" }
func (dialect) Quote(identifier string) string {
	return "[" + strings.ReplaceAll(identifier, "]", "]]") + "]"
}

func (d dialect) Path(table []string) string {
	quoted := make([]string, len(table))
	for i, part := range table {
		quoted[i] = d.Quote(part)
	}
	return strings.Join(quoted, ".")
}

func (dialect) CountIf(condition string) string {
	return "COUNT_BIG(CASE WHEN " + condition + " THEN 1 END)"
}

func (dialect) Integer(n int64) string                      { return "CAST(" + strconv.FormatInt(n, 10) + " AS bigint)" }
func (dialect) Quotient(a, b string) string                 { return a + " / " + b }
func (dialect) JoinByHash([]datadiff.Column) (string, bool) { return "", false }
func (dialect) Rounds() datadiff.Rounding                   { return datadiff.Round }

// Time does not depend on the session's format of dates.
func (dialect) Time(c datadiff.Column, utc string) string {
	iso := strings.Replace(utc, " ", "T", 1)
	if c.Type == "datetimeoffset" {
		return "CAST('" + iso + "+00:00' AS datetimeoffset(6))"
	}
	return "CAST('" + iso + "' AS datetime2(6))"
}

func (d dialect) Text(c datadiff.Column, form datadiff.Form, column string) (string, bool) {
	as := func(kind, value string) string { return "CONVERT(" + kind + ", " + value + ")" }
	switch form.Datatype {
	case datadiff.Integer, datadiff.Year:
		return as("varchar(20)", column), true
	case datadiff.Float:
		if c.Datatype != datadiff.Float {
			return as("varchar(60)", column), false
		}
		return "CONVERT(varchar(40), " + column + " + 0e0, 3)", false // -0 is 0, and all digits
	case datadiff.Decimal, datadiff.UnboundedDecimal, datadiff.Money:
		kind := column
		if c.Type == "money" || c.Type == "smallmoney" {
			kind = "CAST(" + column + " AS decimal(19,4))"
		}
		return as("varchar(60)", kind), c.Datatype == datadiff.Integer || form.Datatype == datadiff.Decimal && form.Digits != datadiff.AnyDigits
	case datadiff.String, datadiff.JSON, datadiff.XML:
		return bytes(column), form.Datatype == datadiff.String
	case datadiff.FixedString:
		return "RTRIM(" + bytes(column) + ")", true
	case datadiff.Boolean:
		return as("varchar(1)", column), true
	case datadiff.Timestamp:
		if c.Type == "datetimeoffset" {
			column = "SWITCHOFFSET(" + column + ", '+00:00')"
		}
		return "CONVERT(varchar(26), CAST(" + column + " AS datetime2(6)), 121)", c.Digits <= 6
	case datadiff.Date:
		return "CONVERT(varchar(10), " + column + ", 23)", true
	case datadiff.TimeOfDay:
		return "CONVERT(varchar(15), CAST(" + column + " AS time(6)), 114)", false
	case datadiff.UUID:
		if c.Datatype == datadiff.UUID {
			return "LOWER(CONVERT(varchar(36), " + column + "))", true
		}
		return "LOWER(TRIM(" + bytes(column) + "))", true
	case datadiff.Binary, datadiff.Varbinary:
		return "LOWER(CONVERT(" + longText + ", CAST(" + column + " AS varbinary(max)), 2))", true
	}
	return bytes(as("nvarchar(max)", column)), false
}

// bytes is a text in UTF-8, whatever its own collation is.
func bytes(text string) string {
	return "CAST(" + text + utf8Bytes + " AS " + longText + ")" + utf8Bytes
}

// Key is a text that an index of the server could hold: it sorts no longer ones.
func (d dialect) Key(c datadiff.Column, form datadiff.Form, column string) string {
	switch form.Datatype {
	case datadiff.Integer, datadiff.Float, datadiff.Decimal, datadiff.UnboundedDecimal, datadiff.Year, datadiff.Boolean:
		return column
	}
	text, _ := d.Text(c, form, column)
	return "CAST(" + text + " AS varchar(8000))" + utf8Bytes
}

// Differ is understood by servers before 2022 too, which have no IS DISTINCT FROM.
func (d dialect) Differ(c datadiff.Column, a, b string) string {
	switch c.Datatype {
	case datadiff.String, datadiff.FixedString:
		a, b = "CAST("+a+" AS nvarchar(max)) COLLATE Latin1_General_100_BIN2", "CAST("+b+" AS nvarchar(max)) COLLATE Latin1_General_100_BIN2"
	case datadiff.XML, datadiff.UnknownType:
		a, b = "CAST("+a+" AS nvarchar(max))", "CAST("+b+" AS nvarchar(max))"
	}
	return "NOT EXISTS (SELECT " + a + " INTERSECT SELECT " + b + ")"
}

// Md5 takes the number out of the hash's first 8 bytes, of which 15 hexadecimal digits
// count: the last half of a byte is cut off by a division.
func (dialect) Md5(texts []string) string {
	parts := make([]string, len(texts))
	for i, t := range texts {
		t = "CAST(" + t + utf8Bytes + " AS " + longText + ")"
		parts[i] = "ISNULL(CONVERT(varchar(20), DATALENGTH(" + t + ")) + ':' + " + t + ", 'n')"
	}
	return "CAST(CONVERT(varbinary(8), '0' + SUBSTRING(CONVERT(varchar(32), HASHBYTES('MD5', " + strings.Join(parts, " + ") + "), 2), 1, 15), 2) AS bigint)"
}

func (d dialect) SumMd5(texts []string) string {
	return "CONVERT(varchar(60), SUM(CAST(" + d.Md5(texts) + " AS decimal(38,0))))"
}

func (d dialect) NativeSum(columns []datadiff.Column, names []string) string {
	texts := make([]string, len(names))
	for i, c := range columns {
		texts[i], _ = d.Text(c, datadiff.Form{Native: true, Datatype: c.Datatype, Digits: datadiff.AnyDigits}, names[i])
	}
	return d.SumMd5(texts)
}
