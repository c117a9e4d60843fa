// Package contract judges requests and answers by an OpenAPI document, and words
// what is wrong with them.
//
// A [Document] is loaded once, lowered to what kin-openapi's visitor judges
// exactly, and split into [Operation]s. An operation judges a request and an
// answer; a [Violation] says what broke which rule, and can be explained and
// redacted. What was seen of an operation is its coverage. Whoever else goes by a
// document, as server/verify and server/seed do, asks the same Document.
//
// The package knows no handler, no store and none of the served APIs: the HTTP
// side is server/site.
package contract
