package contract

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
)

// FuzzMultipart reads arbitrary multipart bodies and forms, and masks them.
func FuzzMultipart(f *testing.F) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, value := range map[string]string{"name": "rules", "meta": `{"a":1}`, "tags": "x", "secret": "hush"} {
		if err := w.WriteField(name, value); err != nil {
			f.Fatal(err)
		}
	}
	file, err := w.CreateFormFile("file", "r.zip")
	if err != nil {
		f.Fatal(err)
	}
	_, _ = file.Write([]byte("PK"))
	_ = w.Close()
	f.Add(w.FormDataContentType(), body.Bytes())
	f.Add(multipartType+"; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nru"))
	f.Add(formType, []byte("grant=a&n=4&on=true&ids=1&ids=2&client_secret=hush&%zz=;"))
	f.Add("image/png", []byte("\x89PNG"))
	f.Add("text/plain; charset=x", []byte("\xff"))
	text, err := os.ReadFile("testdata/content.json")
	if err != nil {
		f.Fatal(err)
	}
	document, err := Load(Source{API: "made", File: "made.json", JSON: text, Lines: []byte(`{}`)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		for _, op := range document.Operations() {
			m := &Message{
				Method: op.Method, URL: httptest.NewRequest(op.Method, "/", http.NoBody).URL,
				Header: http.Header{"Content-Type": {contentType}}, Body: body,
			}
			whole := op.JudgeRequest(tbContext, m)
			for i := range whole.Violations {
				checkViolation(t, &whole.Violations[i], body)
			}
			m.Body, m.File, m.Size = body[:min(len(body), 1)], bytes.NewReader(body), int64(len(body))
			if c := op.contentFor(contentType); c != nil && c.kind == contentMultipart && len(body) > 0 {
				if again := op.JudgeRequest(tbContext, m); len(again.Violations) != len(whole.Violations) {
					t.Fatalf("%d violations of a file, %d of a text", len(again.Violations), len(whole.Violations))
				}
			}
			if masked := op.MaskRequest(contentType, body); len(body) == 0 && len(masked) > 0 {
				t.Fatalf("nothing is masked as %q", masked)
			}
			op.MaskResponse(http.StatusOK, contentType, body)
		}
	})
}
