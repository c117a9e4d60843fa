package evidence

import (
	"net/http"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/site"
)

// What is no JSON counts by what the document declares, and is shown without its
// secrets and its files.
func TestOtherTypes(t *testing.T) {
	document, err := contract.Load(contract.Source{API: "t", File: "t", Lines: []byte{}, JSON: []byte(`{"openapi":"3.0.3",
"info":{"title":"t","version":"1"},"paths":{"/p/{kind}":{"post":{"operationId":"upload","parameters":[
{"name":"kind","in":"path","required":true,"x-understudy-multi-segment":true,"schema":{"type":"string","enum":["a/b","c"]}}],
"requestBody":{"content":{"multipart/form-data":{"schema":{"type":"object","properties":{"mode":{"type":"string","enum":["x","y"]},
"token":{"type":"string"},"file":{"type":"string","format":"binary"}}}},"image/*":{"schema":{"type":"string","format":"binary"}}}},
"responses":{"200":{"description":"ok","content":{"text/csv":{"schema":{"type":"string"}},"image/*":{"schema":{"type":"string","format":"binary"}}}}}}}}}`)})
	if err != nil {
		t.Fatal(err)
	}
	op := document.Operations()[0]
	p := newPlan(op)
	text := strings.ReplaceAll("--b\nContent-Disposition: form-data; name=\"token\"\n\nhush\n--b\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\n\nPKPK\n--b--\n", "\n", "\r\n")
	x := &site.Exchange{
		Operation: op, Document: document, Status: 200, Vars: map[string]string{"kind": "a/b"}, Value: map[string]any{"mode": "x", "file": ""},
		RequestHeader: http.Header{"Content-Type": {"multipart/form-data; boundary=b"}}, RequestBody: []byte(text), RequestSize: 5000,
		ResponseHeader: http.Header{"Content-Type": {"text/csv; charset=utf-8"}}, ResponseBody: []byte("a,b\n"), ResponseSize: 4,
	}
	requestType, responseType := p.types(x)
	if row := p.row(requestType, x.Status, responseType); row < 0 || p.rows[row].RequestType != "multipart/form-data" || p.rows[row].ResponseType != "text/csv" {
		t.Errorf("counted as %s and %s, row %d of %v", requestType, responseType, row, p.rows)
	}
	seen := make(bits, 1)
	p.mark(x, seen)
	var names []string
	for i, name := range p.names {
		if seen[0]&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if got := strings.Join(names, ", "); got != "p path kind, v path kind=a/b, m /file, m /mode, v body /mode=x" {
		t.Errorf("seen: %s", got)
	}
	m := messagesOf(x)
	for _, part := range []string{"form-data; name=\"token\"\n\n" + contract.Mask, "filename=\"f\"\n\n(4 bytes)", "of 5000 bytes)"} {
		if !strings.Contains(m.Request.Body, part) {
			t.Errorf("shown as %q, without %q", m.Request.Body, part)
		}
	}
	if strings.Contains(m.Request.Body, "hush") || strings.Contains(m.Request.Body, "PK") || m.Response.Body != "a,b\n" {
		t.Errorf("shown as %q and %q", m.Request.Body, m.Response.Body)
	}
	x.RequestHeader, x.ResponseHeader = http.Header{"Content-Type": {"image/png"}}, http.Header{"Content-Type": {"image/gif"}}
	requestType, responseType = p.types(x)
	if row := p.row(requestType, x.Status, responseType); row < 0 {
		t.Errorf("%s and %s are no row", requestType, responseType)
	}
	if m = messagesOf(x); strings.Contains(m.Request.Body, "hush") || m.Response.Body != "(4 bytes)" {
		t.Errorf("shown as %q and %q", m.Request.Body, m.Response.Body)
	}
}
