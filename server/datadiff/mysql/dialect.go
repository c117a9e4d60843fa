// Package mysql compares tables of MySQL and MariaDB databases.
package mysql

import (
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/sqldb"
)

// dialect writes the SQL that MySQL and MariaDB have in common. Sessions are in UTC.
type dialect struct{ rounds datadiff.Rounding }

func (dialect) Name() string                   { return "mysql" }
func (dialect) Quote(identifier string) string { return sqldb.Quote(identifier, "`") }
func (dialect) Path(table []string) string     { return sqldb.Path(table, "`") }
func (dialect) CountIf(condition string) string {
	return "count(CASE WHEN " + condition + " THEN 1 END)"
}
func (dialect) Integer(n int64) string      { return strconv.FormatInt(n, 10) }
func (dialect) Quotient(a, b string) string { return a + " DIV " + b }
func (d dialect) Rounds() datadiff.Rounding { return d.rounds }

func (dialect) Time(_ datadiff.Column, utc string) string { return "'" + utc + "'" }

func (d dialect) Text(c datadiff.Column, form datadiff.Form, column string) (string, bool) {
	switch form.Datatype {
	case datadiff.Integer, datadiff.Year:
		return column, true
	case datadiff.Float:
		if c.Datatype != datadiff.Float {
			return column, false
		}
		return "(" + column + " + 0e0)", false // -0 is 0, and all digits of a FLOAT
	case datadiff.Decimal, datadiff.UnboundedDecimal:
		if c.Datatype == datadiff.Integer || c.Digits == 0 || c.Datatype == datadiff.Decimal && form.Datatype == datadiff.Decimal && form.Digits != datadiff.AnyDigits {
			return column, true
		}
		return "TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM " + column + "))", form.Native || form.Datatype == datadiff.UnboundedDecimal
	case datadiff.String, datadiff.FixedString:
		return unicode(column), true
	case datadiff.JSON:
		return unicode(column), false
	case datadiff.Boolean:
		return "(" + column + " + 0)", true
	case datadiff.Timestamp:
		return "DATE_FORMAT(" + column + ", '%Y-%m-%d %H:%i:%s.%f')", true
	case datadiff.Date:
		return "DATE_FORMAT(" + column + ", '%Y-%m-%d')", true
	case datadiff.TimeOfDay:
		return "TIME_FORMAT(" + column + ", '%H:%i:%s.%f')", true
	case datadiff.UUID:
		return "LOWER(TRIM(" + unicode(column) + "))", true
	case datadiff.Binary, datadiff.Varbinary:
		return "LOWER(HEX(" + column + "))", true
	}
	return unicode(column), form.Native
}

func unicode(column string) string { return "CONVERT(" + column + " USING utf8mb4)" }

// bytes take collations out of a comparison.
func bytes(text string) string { return "CAST(" + text + " AS BINARY)" }

func (d dialect) Key(c datadiff.Column, form datadiff.Form, column string) string {
	switch form.Datatype {
	case datadiff.Integer, datadiff.Float, datadiff.Decimal, datadiff.UnboundedDecimal, datadiff.Year, datadiff.Boolean:
		return column
	}
	text, _ := d.Text(c, form, column)
	return bytes(text)
}

func (dialect) Differ(c datadiff.Column, a, b string) string {
	if c.Datatype == datadiff.String || c.Datatype == datadiff.FixedString {
		a, b = bytes(unicode(a)), bytes(unicode(b))
	}
	return "NOT (" + a + " <=> " + b + ")"
}

// JoinByHash: an expression has no index, and MariaDB hashes columns only; but it
// gives one to a subquery that it has to store, as it has one with a limit.
func (dialect) JoinByHash(keys []datadiff.Column) (string, bool) {
	for _, c := range keys {
		switch c.Datatype {
		case datadiff.Integer, datadiff.Float, datadiff.Decimal, datadiff.Year:
		default:
			return " LIMIT 18446744073709551615", true
		}
	}
	return "", false
}

func (dialect) Md5(texts []string) string {
	parts := make([]string, len(texts))
	for i, t := range texts {
		parts[i] = "IFNULL(CONCAT(LENGTH(" + t + "), ':', " + t + "), 'n')"
	}
	return "CAST(CONV(LEFT(MD5(CONCAT(" + strings.Join(parts, ", ") + ")), 15), 16, 10) AS SIGNED)"
}

func (d dialect) SumMd5(texts []string) string { return "CAST(SUM(" + d.Md5(texts) + ") AS CHAR)" }

func (d dialect) NativeSum(columns []datadiff.Column, names []string) string {
	texts := make([]string, len(names))
	for i, c := range columns {
		texts[i], _ = d.Text(c, datadiff.Form{Native: true, Datatype: c.Datatype, Digits: datadiff.AnyDigits}, names[i])
	}
	return d.SumMd5(texts)
}
