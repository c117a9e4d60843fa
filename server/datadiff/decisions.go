package datadiff

// Where the service that is stood in for says nothing, or says two things, one of
// them was chosen. Each choice stands here, with what speaks for it.
const (
	// ResultPrecedence is the order in which the outcome of a diff is looked for.
	// Basis: the order of the published enum, less "empty", which can only be told
	// from "identical" by there being no rows; read as "worst first".
	ResultPrecedence = "error,bad-pks,different,missing-pks,empty,identical"

	// SchemaDifferenceIsDifferent says whether tables whose rows are equal, and
	// whose columns are not, are different. Basis: none; the outcome is described by
	// keys and values alone.
	SchemaDifferenceIsDifferent = false

	// RelativeToleranceOf is the value that a relative tolerance is a fraction of.
	// Basis: the text of 2025, |a/b - 1| <= x; that of 2022 divides by a.
	RelativeToleranceOf = Right

	// ToleranceIsInclusive says whether a difference as large as the tolerance is
	// tolerated. Basis: the text of 2025; that of 2022 has "<".
	ToleranceIsInclusive = true

	// ToleranceOfIntegers says whether tolerances concern integers and decimals, or
	// floats alone. Basis: the text of 2022, "integer or float".
	ToleranceOfIntegers = true

	// RatiosArePercent says whether the shares among the statistics run from 0 to
	// 100. Basis: a published threshold for match_ratio lies between 0 and 1. The
	// match of one column is in percent: clients compare it with 100.
	RatiosArePercent = false

	// MismatchesPerColumn is what a column of another type adds to the mismatches
	// of types. Basis: none; the list of their names has one entry.
	MismatchesPerColumn = 1

	// KeysAreCells says whether the key's columns count among the cells of the
	// match score. Basis: its formula speaks of columns without exception.
	KeysAreCells = true

	// DuplicatesAreCompared says whether rows whose key is not unique enter the
	// statistics of values. Basis: the published sample, 1509 common keys less 56
	// duplicated ones being 1453 compared rows.
	DuplicatesAreCompared = false

	// DatetimeTolerance is what happens to the digits beyond a datetime tolerance.
	// Basis: none; either way has an edge between two near values.
	DatetimeTolerance = Truncate

	// TypesHaveModifiers says whether varchar(10) and varchar(20) are two types.
	// Basis: none; the catalogs' own "data type" has no length.
	TypesHaveModifiers = false

	// KeysIgnoreCase says whether an option to ignore the case of strings concerns
	// keys. Basis: none; the option is described for values.
	KeysIgnoreCase = false

	// CollationsCount says whether texts that a database's collation calls equal
	// are equal. Basis: the ways to compare have to agree, across databases too.
	CollationsCount = false

	// DefaultSamplingTolerance is a fraction and DefaultSamplingConfidence a
	// percentage, where sampling is asked for without them. Basis: the defaults of
	// the published form.
	DefaultSamplingTolerance  = 0.00001
	DefaultSamplingConfidence = 99.0

	// SamplingErrors says whether sampling is given up where the share of bad keys
	// exceeds its tolerance. Basis: the text of 2025.
	SamplingErrors = true

	// EmptyMatch is the match score of tables without cells, and EmptyColumnMatch
	// that of a column without rows, in percent. Basis: the published score of two
	// empty tables is 0; none for columns.
	EmptyMatch       = 0.0
	EmptyColumnMatch = 100.0

	// ProfileBins and ProfileTopValues are how many bins or values the profile of
	// exclusive rows speaks of at most. Basis: none.
	ProfileBins      = 10
	ProfileTopValues = 10

	// ResultTables is what the names of materialised results begin with; the number of
	// the diff and the part follow. Basis: none.
	ResultTables = "datafold_diff_"

	// ResultDiffers is what the name of the flag of a column begins with, in
	// materialised results. Basis: the text of 2025 has flags and no names; the
	// open-source tool of the same vendor names them so.
	ResultDiffers = "is_diff_"

	// StatsVersion is the version of the diff's statistics. Basis: none.
	StatsVersion = "2"
)

// ResultPrefixes stand before the names of columns that materialised results have of
// both sides. Basis: the text of 2022 has t1 and t2; nothing tells what follows them.
// ResultExclusive are the flags of exclusive rows. Basis: as for [ResultDiffers].
var (
	ResultPrefixes  = [2]string{"t1_", "t2_"}
	ResultExclusive = [2]string{"is_exclusive_a", "is_exclusive_b"}
)

// Rounding is how digits that do not fit are lost.
type Rounding int

// The ways to lose digits.
const (
	Truncate Rounding = iota
	Round             // half away from zero
)

// Side is one of the two that are compared.
type Side int

// The sides. Left is A, or 1, in the words of others; Right is B, or 2.
const (
	Left Side = iota
	Right
)
