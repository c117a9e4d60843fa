// Package datadiff compares two tables, by key, value by value.
//
// [Run] takes two sides, each a table or a query of a [Source], and counts what a
// data diff counts: rows, keys that are null, duplicate or exclusive to a side, and
// the values that differ among the rows whose key is unique on both sides. Where
// both sides are one source its database joins them; otherwise the rows come out of
// both in the order of the key and are merged, after checksums have told which
// parts of the tables are equal. All ways give the same numbers.
//
// The package knows no database. A [Source] brings a [Dialect]; those of
// PostgreSQL, MySQL and MariaDB, SQLite and files stand in packages below this one,
// and package datadifftest holds what each of them has to pass.
//
// What a statistic means and where that is known from stands in docs/datafold.md;
// what is not known, and so was decided, in decisions.go.
package datadiff
