//go:build !unix

package script

// Without arenas an engine that cannot be interrupted is left to itself.
func reserve(int) []byte  { return nil }
func unreserve([]byte)    {}
func protect([]byte) bool { return false }
func giveBack([]byte)     {}
