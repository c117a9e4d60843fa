package datadiff

import (
	"slices"
	"strings"
	"time"
)

// Algorithm is how two sides are compared.
type Algorithm string

// The algorithms, in the words of the service that is stood in for.
const (
	Auto         Algorithm = ""
	Join         Algorithm = "join"           // in the database; both sides are one source
	FetchAndJoin Algorithm = "fetch_and_join" // rows are merged here, after checksums
	Hash         Algorithm = "hash"           // the same, cut by BisectionFactor
)

// Input is what one side reads: a table or a query, never both.
type Input struct {
	Table  []string // its path, such as schema and name
	Query  string
	Filter string // the text after WHERE, as it is
}

func (in Input) String() string {
	if len(in.Table) > 0 {
		return strings.Join(in.Table, ".")
	}
	return in.Query
}

// ToleranceMode is what a tolerance is measured in.
type ToleranceMode string

// The modes.
const (
	Absolute ToleranceMode = "absolute"
	Relative ToleranceMode = "relative" // a fraction, not a percentage
)

// Tolerance is how far two numbers may be apart and still count as equal.
type Tolerance struct {
	Mode  ToleranceMode
	Value float64
}

// ColumnRule calls values equal where its condition holds, beside those that are
// equal anyway. It has a column or a type, not both.
type ColumnRule struct {
	Column  string // in the words of the left side
	Type    Datatype
	EqualIf string // a condition of SQL, with {a} and {b}
}

// Rules runs the conditions of column rules. Its functions are called by one
// goroutine at a time.
type Rules interface {
	// Rule makes a function of a condition. A nil value is NULL; the others are
	// texts as datatypes are written in lines.
	Rule(condition string, of Datatype) (func(a, b []byte) (bool, error), error)
}

// Sampling compares the values of some of the common keys only. It is off where all
// its members are zero.
type Sampling struct {
	Tolerance  float64 // share of differences that may go unseen, between 0 and 1
	Confidence float64 // percent, between 0 and 100
	Ratio      float64 // share of the rows, between 0 and 1
	MaxRows    int64
	Threshold  int64 // no sampling where the larger table has fewer rows
}

func (s Sampling) on() bool {
	return s.Tolerance > 0 || s.Confidence > 0 || s.Ratio > 0 || s.MaxRows > 0
}

// Spec is a diff to be made.
type Spec struct {
	Left, Right Input
	Algorithm   Algorithm

	Key           []string // the primary key, in the words of the left side
	InferKey      bool     // where Key is empty
	AvoidKeyNames []string // case does not matter
	AvoidKeyTypes []string // datatypes, or "db:" and a database's type

	ColumnMapping [][2]string // name on the left, name on the right
	Columns       []string    // those to compare; nil: all
	Exclude       []string    // ignored where Columns are given
	// ColumnRules need Rules, an engine that runs their conditions.
	ColumnRules []ColumnRule
	Rules       Rules

	Tolerance         *Tolerance // of all numeric columns
	ColumnTolerances  map[string]Tolerance
	DatetimeTolerance *int // digits of a second to compare, 0 to 6
	IgnoreCase        bool // of strings, in values
	NullIsEmpty       bool // NULL and '' are one string, in keys too
	SortArrays        bool // the order within an array does not matter

	TimeColumn         string // rows are restricted by it, [TimeStart, TimeEnd)
	TimeStart, TimeEnd time.Time

	Sampling Sampling

	// BisectionFactor is into how many segments a table is cut for checksums, and
	// BisectionThreshold how many rows are rather read than checked again. Zero:
	// chosen by this package.
	BisectionFactor    int
	BisectionThreshold int
	DownloadLimit      int64 // rows to read at most; fetch_and_join and hash only
	ColumnDiffLimit    int64 // differences to count in a column; fetch_and_join and hash only

	Profile bool // of the keys of exclusive rows; join only
}

// Datatype is a type of any database, in the words of the service that is stood in
// for.
type Datatype string

// The datatypes.
const (
	Boolean          Datatype = "boolean"
	Integer          Datatype = "integer"
	Float            Datatype = "float"
	Decimal          Datatype = "decimal"
	UnboundedDecimal Datatype = "unbounded_decimal"
	Money            Datatype = "money"
	String           Datatype = "string"
	FixedString      Datatype = "fixed_length_string"
	Varbinary        Datatype = "varbinary"
	Binary           Datatype = "binary"
	Date             Datatype = "date"
	Super            Datatype = "super"
	TimeOfDay        Datatype = "time"
	TimeInterval     Datatype = "time_interval"
	Timestamp        Datatype = "timestamp"
	Year             Datatype = "year"
	UUID             Datatype = "uuid"
	Array            Datatype = "array"
	Struct           Datatype = "struct"
	JSON             Datatype = "json"
	XML              Datatype = "xml"
	Map              Datatype = "map"
	Void             Datatype = "void"
	UnknownType      Datatype = "unsupported"
)

func (d Datatype) numeric() bool {
	return slices.Contains([]Datatype{Integer, Float, Decimal, UnboundedDecimal, Year}, d)
}

func (d Datatype) textual() bool { return d == String || d == FixedString }

func (d Datatype) binary() bool { return d == Binary || d == Varbinary }

func (d Datatype) temporal() bool { return d == Timestamp || d == TimeOfDay }

// Column is a column of a table or query.
type Column struct {
	Name     string
	Type     string // as its database calls it, without length, precision or scale
	Full     string // with them
	Datatype Datatype
	Digits   int  // of a decimal behind the dot, of a time behind the second, of a float in bits
	Nullable bool // false only where the database promises it
}

// AnyDigits is Column.Digits where each value has its own.
const AnyDigits = -1

func (s *Spec) check() error {
	for side, in := range []Input{s.Left, s.Right} {
		if (len(in.Table) == 0) == (strings.TrimSpace(in.Query) == "") {
			return &Error{Kind: Invalid, Value: "each side reads a table or a query", Side: Side(side)}
		}
	}
	if len(s.Key) == 0 && !s.InferKey {
		return problem(NoKey, "no primary key was named")
	}
	if s.DatetimeTolerance != nil && (*s.DatetimeTolerance < 0 || *s.DatetimeTolerance > 6) {
		return problem(Invalid, "a datetime tolerance is a number of digits, 0 to 6")
	}
	for _, t := range s.tolerances() {
		if !(t.Value >= 0) || t.Mode != Absolute && t.Mode != Relative {
			return problem(Invalid, "a tolerance is absolute or relative, and not negative")
		}
	}
	for _, rule := range s.ColumnRules {
		if (rule.Column == "") == (rule.Type == "") || rule.EqualIf == "" {
			return problem(Invalid, "a column rule has a condition, and a column or a type")
		}
		if s.Rules == nil {
			return problem(Unsupported, "there is nothing here that runs column rules")
		}
	}
	m := s.Sampling
	if m.Tolerance < 0 || m.Tolerance >= 1 || m.Ratio < 0 || m.Ratio >= 1 || m.Confidence < 0 || m.Confidence >= 100 || m.MaxRows < 0 || m.Threshold < 0 {
		return problem(Invalid, "sampling is by a tolerance and a ratio below 1, and a confidence below 100 percent")
	}
	if f := s.BisectionFactor; f != 0 && f < 2 || s.BisectionThreshold < 0 || s.DownloadLimit < 0 || s.ColumnDiffLimit < 0 {
		return problem(Invalid, "a bisection factor is at least 2, and no limit is negative")
	}
	return nil
}

func (s *Spec) tolerances() []Tolerance {
	var all []Tolerance
	if s.Tolerance != nil {
		all = append(all, *s.Tolerance)
	}
	for _, t := range s.ColumnTolerances {
		all = append(all, t)
	}
	return all
}
