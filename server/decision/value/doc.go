// Package value holds the data that decisions work on: null, booleans, exact
// decimal numbers, strings, arrays, ordered objects, dates and intervals, with
// their JSON forms.
//
// A [Value] is small and passed by value. Arrays and objects that a published
// value reaches are never changed again, so values may be shared between
// goroutines; whoever changes one copies it first.
//
// The package reads no clock and no system zone: a [Calendar] brings both.
//
// Numbers are exact ([Decimal]), with the scale and rounding rules of the
// vendor's engine; dates ([DateTime]) are instants in zones of the IANA database,
// with the methods of the language by name ([LookupDateMethod]). Errors carry the
// engine's words, so that they can be told to clients as they are. All work is
// bounded by the length of what comes in.
package value
