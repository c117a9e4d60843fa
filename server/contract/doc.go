// Package contract enforces an OpenAPI document on every request and every
// answer.
//
// A [Document] is loaded once, lowered to what kin-openapi's visitor judges
// exactly, and split into [Operation]s. A [Site] serves the generated routes of
// one API behind that document: it finds the operation of the matched route,
// asks the API for the caller's [Principal], judges the request, runs the
// handler and judges the answer before a byte is sent. Whatever goes wrong
// becomes one [Refusal], and each API turns a Refusal into bytes in exactly one
// function.
//
// The package knows OpenAPI and HTTP. It knows neither of the served APIs.
package contract
