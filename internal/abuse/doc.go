// Package abuse attacks the built program as a stranger or an ill-meaning tenant would,
// and holds what it costs: peak memory, processor time and its growth, descriptors, the
// waiting of other tenants, bytes on disk. Each kind of attack is a test; a few lines in
// harness_test.go start the program and measure it from outside, by /proc.
//
// As part of "make test-stores" the attacks are small; "make abuse" runs them at full
// size, which [full] tells.
package abuse
