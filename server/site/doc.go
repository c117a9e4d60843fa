// Package site serves the generated routes of an API behind its document.
//
// A [Site] finds the operation of the matched route, asks the API for the caller's
// [Principal], has the contract judge the request, runs the handler and has the
// answer judged before a byte is sent. Whatever goes wrong becomes one [Refusal],
// and each API turns a Refusal into bytes in exactly one function.
package site
