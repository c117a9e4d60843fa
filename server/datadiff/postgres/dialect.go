// Package postgres compares tables of PostgreSQL databases.
package postgres

import (
	"slices"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/sqldb"
)

// dialect writes PostgreSQL's SQL. Sessions are in UTC, with dates in ISO form.
type dialect struct {
	recordHash bool // hash_record_extended is there, as of version 14
}

func (dialect) Name() string                    { return "postgres" }
func (dialect) Quote(identifier string) string  { return sqldb.Quote(identifier, `"`) }
func (dialect) Path(table []string) string      { return sqldb.Path(table, `"`) }
func (dialect) CountIf(condition string) string { return "count(*) FILTER (WHERE " + condition + ")" }

func (dialect) Integer(n int64) string                      { return strconv.FormatInt(n, 10) + "::bigint" }
func (dialect) Quotient(a, b string) string                 { return a + " / " + b }
func (dialect) JoinByHash([]datadiff.Column) (string, bool) { return "", false }

func (dialect) Rounds() datadiff.Rounding { return datadiff.Round }

// Literal does not depend on standard_conforming_strings.
func (dialect) Literal(text string) string {
	if strings.Contains(text, `\`) {
		return "E" + sqldb.Quote(strings.ReplaceAll(text, `\`, `\\`), "'")
	}
	return sqldb.Quote(text, "'")
}

func (dialect) Time(c datadiff.Column, utc string) string {
	if strings.HasSuffix(c.Type, "with time zone") {
		return "'" + utc + "+00'::timestamptz"
	}
	return "'" + utc + "'::timestamp"
}

// Text is a value whose text output is canonical: COPY writes it.
func (d dialect) Text(c datadiff.Column, form datadiff.Form, column string) (string, bool) {
	switch form.Datatype {
	case datadiff.Integer, datadiff.Year:
		return column, true
	case datadiff.Float:
		if c.Datatype != datadiff.Float {
			return column, false
		}
		if c.Digits <= 24 {
			return "(" + column + " + 0::real)", false // -0 is 0
		}
		return "(" + column + " + 0::float8)", false
	case datadiff.Decimal, datadiff.UnboundedDecimal:
		if c.Datatype == datadiff.Integer || c.Datatype == datadiff.Decimal && form.Digits != datadiff.AnyDigits {
			return column, true
		}
		return "trim_scale(" + column + ")", form.Native || form.Datatype == datadiff.UnboundedDecimal
	case datadiff.String:
		return column, true
	case datadiff.FixedString:
		return column + "::text", true // without the padding
	case datadiff.JSON:
		if c.Datatype == datadiff.Array {
			return "to_json(" + column + ")::text", false
		}
		return column, false
	case datadiff.Array:
		return "to_json(" + column + ")::text", form.Native
	}
	if form.Native {
		return column, true
	}
	switch form.Datatype {
	case datadiff.Boolean:
		return column + "::int", true
	case datadiff.Timestamp:
		return "CASE WHEN isfinite(" + column + ") THEN to_char(" + column + ", 'YYYY-MM-DD HH24:MI:SS.US') ELSE " + column + "::text END", true
	case datadiff.TimeOfDay:
		if strings.HasSuffix(c.Type, "with time zone") {
			column = "(" + column + " AT TIME ZONE 'UTC')::time"
		}
		return "to_char(" + column + "::interval, 'HH24:MI:SS.US')", true
	case datadiff.UUID:
		if c.Datatype == datadiff.UUID {
			return column, true
		}
		return "lower(trim(" + column + "))", true
	case datadiff.Binary:
		return "encode(" + column + ", 'hex')", true
	case datadiff.Date:
		return column, true
	}
	return column + "::text", false
}

func (d dialect) Key(c datadiff.Column, form datadiff.Form, column string) string {
	switch form.Datatype {
	case datadiff.Integer, datadiff.Float, datadiff.Decimal, datadiff.UnboundedDecimal, datadiff.Year:
		return column
	case datadiff.String:
		return column + ` COLLATE "C"`
	case datadiff.UUID, datadiff.Boolean, datadiff.Binary, datadiff.Varbinary:
		if form.Native {
			return column
		}
	}
	text, _ := d.Text(c, form, column)
	return "(" + text + `)::text COLLATE "C"`
}

// hashable is an expression that has an equality, and a hash, that go by bytes.
func hashable(c datadiff.Column, column string) string {
	switch {
	case c.Type == "json":
		return column + "::text"
	case slices.Contains([]datadiff.Datatype{datadiff.XML, datadiff.Array, datadiff.Money, datadiff.TimeInterval, datadiff.UnknownType}, c.Datatype):
		return column + "::text"
	case c.Datatype == datadiff.FixedString && c.Type != "character": // citext too
		return column + `::text COLLATE "C"`
	case c.Datatype == datadiff.String:
		return column + ` COLLATE "C"`
	}
	return column
}

func (dialect) Differ(c datadiff.Column, a, b string) string {
	return hashable(c, a) + " IS DISTINCT FROM " + hashable(c, b)
}

func (dialect) Md5(texts []string) string {
	parts := make([]string, len(texts))
	for i, t := range texts {
		t = "(" + t + ")::text"
		parts[i] = "coalesce(octet_length(" + t + ") || ':' || " + t + ", 'n')"
	}
	return "('x' || left(md5(" + strings.Join(parts, " || ") + "), 15))::bit(60)::bigint"
}

func (d dialect) SumMd5(texts []string) string { return "sum(" + d.Md5(texts) + ")::text" }

// seed keeps 0 and NaN, whose hashes are seed - 1 and seed, apart from NULL, whose is 0.
const seed = "8675309"

func (d dialect) NativeSum(columns []datadiff.Column, names []string) string {
	if !d.recordHash {
		return ""
	}
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = hashable(columns[i], name)
		if columns[i].Datatype == datadiff.UnboundedDecimal {
			// NaN and the infinities have one hash.
			list[i] = "trim_scale(" + name + ")::text"
		}
	}
	// The hash of a record is a linear sum of its columns' hashes: added up as they
	// are, rows that exchange values of a column would leave no trace.
	return "sum(hashint8extended(hash_record_extended(ROW(" + strings.Join(list, ", ") + "), " + seed + "), " + seed + "))::text"
}
