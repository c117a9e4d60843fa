//go:build broken

package fees

import "encoding/json"

// evaluation is what a decision is asked with: the context is JSON within JSON here, which
// no service takes. The fallback hides that from every test of the client's own.
func evaluation(total float64) any {
	text, _ := json.Marshal(map[string]any{"total": total})
	return map[string]any{"context": string(text)}
}
