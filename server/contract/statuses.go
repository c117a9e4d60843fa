package contract

import (
	"maps"
	"slices"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

// Declares reports whether the operation declares a status.
func (o *Operation) Declares(status int) bool {
	return o.facts().operation.Responses.Status(status) != nil
}

// DeclaredStatuses lists the statuses that the operation declares, in order.
func (o *Operation) DeclaredStatuses() []int {
	var statuses []int
	for code := range o.facts().operation.Responses.Map() {
		if status, err := strconv.Atoi(code); err == nil {
			statuses = append(statuses, status)
		}
	}
	slices.Sort(statuses)
	return statuses
}

// Examples lists the names of the examples of an answer with this status.
func (o *Operation) Examples(status int) []string {
	mt := o.AnswerJSON(status)
	if mt == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(mt.Examples))
}

// AnswerJSON is what the document says of the JSON body of an answer with this
// status, in the judged form; nil if there is none.
func (o *Operation) AnswerJSON(status int) *openapi3.MediaType {
	if c := jsonContent(o.contentsOf(status)); c != nil {
		return o.content(status)[c.mediaType]
	}
	return nil
}

// AnswerHeaders are the headers that an answer with this status declares.
func (o *Operation) AnswerHeaders(status int) openapi3.Headers {
	if a := o.answer(status); a != nil {
		return a.declared.Headers
	}
	return nil
}
