package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	// maxRequests is how many requests a script may wait for at once.
	maxRequests = 16
	// maxResponse is the size of an answer, in bytes.
	maxResponse = 8 << 20
)

var errNoHTTP = errors.New("functions may not make HTTP requests here: they may when a transport is given (script.WithHTTP)")

// request makes a request that the internals ask for as JSON, and answers with
// {data, headers, status}, as JSON.
func (r *Runner) request(ctx context.Context, payload string) (string, error) {
	if r.client == nil {
		return "", errNoHTTP
	}
	var asked struct {
		Method  string            `json:"method"`
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
		Params  map[string]string `json:"params"`
		Auth    bool              `json:"auth"`
		Body    string            `json:"body"`
	}
	if err := json.Unmarshal([]byte(payload), &asked); err != nil {
		return "", err
	}
	if asked.Auth {
		return "", errors.New("auth of a cloud provider is not supported: set headers")
	}
	target, err := url.Parse(asked.URL)
	switch {
	case err != nil:
		return "", err
	case !target.IsAbs():
		return "", errors.New("relative URL without a base")
	}
	for _, name := range slices.Sorted(maps.Keys(asked.Params)) {
		if target.RawQuery != "" {
			target.RawQuery += "&"
		}
		target.RawQuery += url.QueryEscape(name) + "=" + url.QueryEscape(asked.Params[name])
	}
	var body io.Reader
	if asked.Body != "" {
		body = strings.NewReader(asked.Body)
	}
	request, err := http.NewRequestWithContext(ctx, asked.Method, target.String(), body)
	if err != nil {
		return "", err
	}
	for name, text := range asked.Headers {
		request.Header.Set(name, text)
	}
	response, err := r.client.Do(request)
	if err != nil {
		if failure, ok := errors.AsType[*url.Error](err); ok {
			err = failure.Err
		}
		return "", fmt.Errorf("error sending request for url (%s): %w", asked.URL, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxResponse+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("error decoding response body: %w", err)
	case len(data) > maxResponse:
		return "", fmt.Errorf("the response has more than %d bytes", maxResponse)
	case !json.Valid(data):
		return "", errors.New("error decoding response body: it is not JSON")
	}
	headers := map[string]string{}
	for name, values := range response.Header {
		headers[strings.ToLower(name)] = values[len(values)-1]
	}
	answer, err := json.Marshal(map[string]any{
		"data": json.RawMessage(data), "headers": headers, "status": response.StatusCode,
	})
	return string(answer), err
}
