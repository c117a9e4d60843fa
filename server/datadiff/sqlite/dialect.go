// Package sqlite compares tables of SQLite databases, with the driver that needs no
// cgo.
package sqlite

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/sqldb"
)

// dialect writes SQLite's SQL. What SQLite cannot calculate it calls functions of
// ours for, which this package registers with the driver.
type dialect struct{}

func (dialect) Name() string                                { return "sqlite" }
func (dialect) Quote(identifier string) string              { return sqldb.Quote(identifier, `"`) }
func (dialect) Literal(text string) string                  { return sqldb.Quote(text, "'") }
func (dialect) Path(table []string) string                  { return sqldb.Path(table, `"`) }
func (dialect) CountIf(condition string) string             { return "count(*) FILTER (WHERE " + condition + ")" }
func (dialect) Integer(n int64) string                      { return strconv.FormatInt(n, 10) }
func (dialect) Quotient(a, b string) string                 { return a + " / " + b }
func (dialect) JoinByHash([]datadiff.Column) (string, bool) { return "", false }

func (dialect) Rounds() datadiff.Rounding { return datadiff.Round }
func (dialect) Md5(texts []string) string { return md5Function + "(" + strings.Join(texts, ", ") + ")" }

func (dialect) SumMd5(texts []string) string {
	return sumFunction + "(" + strings.Join(texts, ", ") + ")"
}

func (dialect) Time(_ datadiff.Column, utc string) string {
	return "'" + strings.TrimSuffix(utc, ".000000") + "'"
}

// Text leaves a value as it is, without its column's type, by which the driver would
// convert it. It is written as text by appendText.
func (d dialect) Text(c datadiff.Column, form datadiff.Form, column string) (string, bool) {
	switch form.Datatype {
	case datadiff.Integer, datadiff.String, datadiff.FixedString, datadiff.XML, datadiff.Year:
		return "+" + column, true
	case datadiff.Decimal:
		if form.Native {
			return "+" + column, false
		}
		return fmt.Sprintf("%s(%s, %d)", decimalFunction, column, c.Digits), true
	case datadiff.Float, datadiff.UnboundedDecimal, datadiff.JSON, datadiff.Array:
		return "+" + column, false
	}
	if written(form.Datatype) {
		return canonicalText(column, form.Datatype), true
	}
	if form.Native {
		return "CAST(" + column + " AS TEXT)", true
	}
	switch form.Datatype {
	case datadiff.UUID:
		return "lower(trim(" + column + "))", true
	case datadiff.Binary:
		return "CASE WHEN " + column + " IS NOT NULL THEN lower(hex(" + column + ")) END", true
	}
	return "CAST(" + column + " AS TEXT)", false
}

func (d dialect) Key(c datadiff.Column, form datadiff.Form, column string) string {
	if c.Type == exactDecimal && form.Datatype != datadiff.Boolean {
		return column + " COLLATE " + numberCollation
	}
	switch form.Datatype {
	case datadiff.Integer, datadiff.Float, datadiff.Decimal, datadiff.UnboundedDecimal, datadiff.Year:
		return column
	case datadiff.String, datadiff.FixedString, datadiff.XML:
		return column + " COLLATE BINARY"
	}
	text, _ := d.Text(c, form, column)
	return text + " COLLATE BINARY"
}

// written says whether a value of a type may be written in many ways, since SQLite has
// no such type.
func written(d datadiff.Datatype) bool {
	switch d {
	case datadiff.Timestamp, datadiff.Date, datadiff.TimeOfDay, datadiff.Boolean:
		return true
	}
	return false
}

func canonicalText(column string, d datadiff.Datatype) string {
	return fmt.Sprintf("%s(%s, '%s')", textFunction, column, d)
}

func (dialect) Differ(c datadiff.Column, a, b string) string {
	if written(c.Datatype) {
		// What is written in the same way is the same.
		return "(" + a + " IS NOT " + b + " AND " + canonicalText(a, c.Datatype) + " IS NOT " + canonicalText(b, c.Datatype) + ")"
	}
	if c.Datatype == datadiff.String || c.Datatype == datadiff.FixedString {
		return a + " COLLATE BINARY IS NOT " + b
	}
	return a + " IS NOT " + b
}

func (d dialect) NativeSum(columns []datadiff.Column, names []string) string {
	texts := make([]string, len(names))
	for i, name := range names {
		if texts[i] = name; written(columns[i].Datatype) {
			texts[i] = canonicalText(name, columns[i].Datatype)
		}
	}
	return d.SumMd5(texts)
}

// CanonicalTime is an expression: a time that is written in any way, as all dialects
// write it.
func CanonicalTime(column string) string {
	return canonicalText(column, datadiff.Timestamp)
}
