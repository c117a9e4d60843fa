package brms

import "github.com/understudy-api/understudy/gen/brms"

// httpConfig is how an integration calls. It is a type of its own, so that a change
// of the document does not change what stores hold.
type httpConfig struct {
	Method       string  `json:"method"`
	URL          string  `json:"url"`
	Timeout      float64 `json:"timeout"`
	Headers      []any   `json:"headers"`
	Cookies      []any   `json:"cookies"`
	EnableInputs bool    `json:"enableInputs"`
	Inputs       []any   `json:"inputs"`
	Output       *string `json:"output,omitempty"`
}

// completeConfig fills in the defaults that the document declares.
func completeConfig(in brms.HTTPIntegrationConfigInput) httpConfig {
	return httpConfig{
		URL: in.URL, Output: in.Output,
		Method:       or(in.Method, "post"),
		Timeout:      or(in.Timeout, 5000) + 0, // JavaScript writes -0 as 0
		Headers:      unsigned(or(in.Headers, []any{})),
		Cookies:      unsigned(or(in.Cookies, []any{})),
		Inputs:       unsigned(or(in.Inputs, []any{})),
		EnableInputs: or(in.EnableInputs, false),
	}
}

// unsigned writes the items of a list as JavaScript does, which knows no -0 in JSON.
func unsigned(items []any) []any {
	for i, item := range items {
		switch item := item.(type) {
		case float64:
			items[i] = item + 0
		case []any:
			unsigned(item)
		case map[string]any:
			for name, member := range item {
				item[name] = unsigned([]any{member})[0]
			}
		}
	}
	return items
}

// input is the configuration as a client would give it.
func (c *httpConfig) input() brms.HTTPIntegrationConfigInput {
	return brms.HTTPIntegrationConfigInput{
		URL: c.URL, Output: c.Output, Method: &c.Method, Timeout: &c.Timeout, Headers: &c.Headers,
		Cookies: &c.Cookies, Inputs: &c.Inputs, EnableInputs: &c.EnableInputs,
	}
}
