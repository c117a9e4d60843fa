package datafold

import "github.com/understudy-api/understudy/server/contract"

// wording gives the items of a 422 for a request that broke the document.
func wording(refusal *contract.Refusal) []any {
	return []any{}
}
