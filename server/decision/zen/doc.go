// Package zen compiles and evaluates ZEN, the expression language of GoRules
// decisions, with the values, the kinds of result and the error texts of the
// vendor's engine 2.0.1.
//
// There are three forms. [Compile] takes a whole expression:
//
//	customer.tier == "gold" ? price * 0.9 : price
//
// [CompileUnary] takes the cell of a decision table, a test of the reference
// "$", which may be left out:
//
//	>= 18 and < 65
//	"DE", "AT", "CH"
//	[10..20)
//
// [CompileTemplate] takes a text with expressions in it:
//
//	Dear {{ customer.name }}
//
// # Values
//
// Numbers are exact decimals, dates are instants in a zone, an interval is a
// value that "in" tests and closures run over; see package value. Nothing is
// converted on its own: 1 + "1" is an error, and so is a condition that is no
// boolean. A variable or member that does not exist is null.
//
// # Environment
//
// An [Env] has the variables, the reference and what stands for "$nodes", and
// brings the clock and the zone: the package asks neither the system's clock nor
// its zone when it is given others. Programs never change what they are given.
//
// # Limits
//
// Expressions may come from anybody. The length of the source and its nesting
// are bounded when it is compiled; the steps, the elements and the text that an
// evaluation takes or makes are bounded when it runs, and a context ends it. Such
// an error says true to errors.Is(err, [ErrLimit]) or to the context's error, and
// [Stopped] tells both from the errors of an expression. See [Limits].
//
// # Regular expressions
//
// matches and extract take Rust's syntax. Classes are Unicode's (\d, \w, \s, \b),
// and set operations, verbose mode and flags in groups are known. Refused as
// invalid where the engine takes them: the R flag together with ., ^ or $, the
// halves of word bounds (\<, \b{start}), classes of emoji, and repetitions of more
// than 1,000.
package zen
