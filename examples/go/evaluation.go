//go:build !broken

package fees

// evaluation is what a decision is asked with.
func evaluation(total float64) any {
	return map[string]any{"context": map[string]any{"total": total}}
}
