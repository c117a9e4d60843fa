package brms

import (
	"net/http"

	"github.com/understudy-api/understudy/server/contract"
)

// wording gives status, code and message for a request that broke the document.
func wording(refusal *contract.Refusal) (status int, code, message string) {
	return http.StatusBadRequest, "FST_ERR_VALIDATION", "Bad Request"
}
