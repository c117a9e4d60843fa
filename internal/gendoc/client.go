package main

import "regexp"

// leaner is what every operation of a client says in the same words, and what says it
// once: a third of what there is to compile.
var leaner = []struct {
	repeated *regexp.Regexp
	once     string
}{
	// The method of an operation.
	{
		regexp.MustCompile(`\tif err != nil \{\n\t\treturn nil, err\n\t\}\n\treq = req\.WithContext\(ctx\)\n` +
			`\tif err := c\.applyEditors\(ctx, req, reqEditors\); err != nil \{\n\t\treturn nil, err\n\t\}\n\treturn c\.Client\.Do\(req\)\n`),
		"\treturn c.do(ctx, req, err, reqEditors)\n",
	},
	// The making of its request.
	{
		regexp.MustCompile(`\tserverURL, err := url\.Parse\(server\)\n\tif err != nil \{\n\t\treturn nil, err\n\t\}\n\n` +
			`\toperationPath := fmt\.Sprintf\(([^\n]*)\)\n\tif operationPath\[0\] == '/' \{\n\t\toperationPath = "\." \+ operationPath\n\t\}\n\n` +
			`\tqueryURL, err := serverURL\.Parse\(operationPath\)\n`),
		"\tqueryURL, err := locate(server, $1)\n",
	},
	{regexp.MustCompile(`\treq, err := (http\.NewRequest\([^\n]*, nil\))\n\tif err != nil \{\n\t\treturn nil, err\n\t\}\n\n\treturn req, nil\n`), "\treturn $1\n"},
	{
		regexp.MustCompile(`for _, qp := range (strings\.Split\(queryFrag, "&"\)) \{\n\s*rawQueryFragments = append\(rawQueryFragments, qp\)\n\s*\}\n`),
		"rawQueryFragments = append(rawQueryFragments, $1...)\n",
	},
	// Its answer.
	{regexp.MustCompile(`type (\w+Response) struct \{\n\tBody +\[\]byte\n\tHTTPResponse +\*http\.Response\n`), "type $1 struct {\n\treceived\n"},
	{regexp.MustCompile(`\tresponse := &(\w+)\{\n\t\tBody: +bodyBytes,\n\t\tHTTPResponse: +rsp,\n\t\}\n`), "\tresponse := &$1{received: received{bodyBytes, rsp}}\n"},
	{regexp.MustCompile(`\tbodyBytes, err := io\.ReadAll\(rsp\.Body\)\n\tdefer func\(\) \{ _ = rsp\.Body\.Close\(\) \}\(\)\n`), "\tbodyBytes, err := readAll(rsp)\n"},
	{regexp.MustCompile(`(?s)// (?:GetBody|Status|StatusCode|ContentType) [^\n]*\nfunc \(r \w+Response\) (?:GetBody|Status|StatusCode|ContentType)\(\) [^\n]*\{\n.*?\n\}\n\n?`), ""},
}

// clientType is before what says it once.
var clientType = regexp.MustCompile(`(?s)type Client struct \{\n.*?\n\}\n`)

const clientHelpers = `
// do sends a request, if it could be made.
func (c *Client) do(ctx context.Context, req *http.Request, err error, reqEditors []RequestEditorFn) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	req = req.WithContext(ctx)
	if err := c.applyEditors(ctx, req, reqEditors); err != nil {
		return nil, err
	}
	return c.Client.Do(req)
}

// locate gives the URL of a path on the server.
func locate(server, format string, values ...any) (*url.URL, error) {
	base, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	return base.Parse("." + fmt.Sprintf(format, values...))
}

func readAll(rsp *http.Response) ([]byte, error) {
	defer func() { _ = rsp.Body.Close() }()
	return io.ReadAll(rsp.Body)
}

// received is an answer as it came.
type received struct {
	Body         []byte
	HTTPResponse *http.Response
}

// GetBody returns the raw response body bytes
func (r received) GetBody() []byte { return r.Body }

// Status returns HTTPResponse.Status
func (r received) Status() string {
	if r.HTTPResponse != nil {
		return r.HTTPResponse.Status
	}
	return http.StatusText(0)
}

// StatusCode returns HTTPResponse.StatusCode
func (r received) StatusCode() int {
	if r.HTTPResponse != nil {
		return r.HTTPResponse.StatusCode
	}
	return 0
}

// ContentType is a convenience method to retrieve the Content-Type value from the HTTP response headers
func (r received) ContentType() string {
	if r.HTTPResponse != nil {
		return r.HTTPResponse.Header.Get("Content-Type")
	}
	return ""
}
`

// leanClient says once what every operation of a client says; other code stays as it is.
func leanClient(code string) string {
	if !clientType.MatchString(code) {
		return code
	}
	for _, l := range leaner {
		code = l.repeated.ReplaceAllString(code, l.once)
	}
	return clientType.ReplaceAllString(code, "$0"+clientHelpers)
}
