//go:build race

package verify_test

// raced tells that the race detector makes everything several times slower.
const raced = true
