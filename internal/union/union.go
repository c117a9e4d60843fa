// Package union reads and writes the generated types of unions: anyOf and oneOf of a
// document, which hold the JSON of one of their branches. The generator has a pair of
// methods for every branch of every union instead, half of the code of a document
// with many.
package union

import "encoding/json"

// As is the value of a union as one of its branches. The error is that of decoding:
// the document has judged which branch it is, by its discriminator for instance.
func As[T any](union json.Marshaler) (T, error) {
	var branch T
	text, err := union.MarshalJSON()
	if err == nil {
		err = json.Unmarshal(text, &branch)
	}
	return branch, err
}

// Of is a union that holds a branch, whose discriminator is a member of its own. U is
// the type of the union.
func Of[U any](branch any) (U, error) {
	var union U
	text, err := json.Marshal(branch)
	if err == nil {
		err = json.Unmarshal(text, &union)
	}
	return union, err
}
