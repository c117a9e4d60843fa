// Package edge is what stands before every API: the names that the server answers to,
// which pages may call it, and what one connection and one address may take of it. It
// knows no API.
package edge
