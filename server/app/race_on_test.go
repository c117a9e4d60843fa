//go:build race

package app

// raced tells that the race detector slows everything down.
const raced = true
