package script

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestHTTP(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/text":
			_, _ = io.WriteString(w, "text")
		case "/away":
			http.Redirect(w, r, "http://127.0.0.2/", http.StatusFound)
		case "/never":
			<-r.Context().Done()
		case "/big":
			_, _ = io.WriteString(w, `"`+strings.Repeat("x", maxResponse)+`"`)
		default:
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("X-Seen", r.Header.Get("X-Sent"))
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"method":"`+r.Method+`","query":"`+r.URL.RawQuery+`","type":"`+r.Header.Get("Content-Type")+`","body":`+quoted(string(body))+`}`)
		}
	}))
	defer server.Close()
	var asked atomic.Int32
	within := func(limit time.Duration) *Runner {
		return New(WithTimeLimit(limit), WithHTTP(transport(func(request *http.Request) (*http.Response, error) {
			asked.Add(1)
			if request.URL.Hostname() == "127.0.0.2" {
				return nil, errors.New("not allowed")
			}
			return http.DefaultTransport.RoundTrip(request)
		})))
	}
	r := within(time.Minute)
	for _, c := range []struct{ body, want string }{
		{
			`const r = await http.get(url + "/?z=1", {headers: {"X-Sent": "s"}, params: {b: true, a: "x y", n: 1.5}}); return [r.status, r.headers["x-seen"], r.data]`,
			`[201,"s",{"method":"GET","query":"z=1&a=x+y&b=true&n=1.5","type":"","body":""}]`,
		},
		{`return (await http.post(url, {a: [1, "é"]})).data`, `{"method":"POST","query":"","type":"","body":"{\"a\":[1,\"é\"]}"}`},
		{`return (await http.put(url, 5)).data.body + (await http.patch(url, null)).data.body + (await http.delete(url)).data.method`, `"5nullDELETE"`},
		{`return Promise.all(["a", "b"].map(async (p) => (await http.get(url + "/?" + p)).data.query))`, `["a","b"]`},
		{`try { await http.get(url + "/text") } catch (e) { return e.message }`, `"error decoding response body: it is not JSON"`},
		{`try { await http.get(url + "/big") } catch (e) { return e.message }`, `"the response has more than 8388608 bytes"`},
		{`try { await http.get("/x") } catch (e) { return e.message }`, `"relative URL without a base"`},
		{`try { await http.get("file:///etc/passwd") } catch (e) { return e.message }`, `"error sending request for url (file:///etc/passwd): unsupported protocol scheme \"file\""`},
		{`try { await http.get(url + "/away") } catch (e) { return e.message.replace(url, "") }`, `"error sending request for url (/away): not allowed"`},
		{`try { await http.get(url, {auth: {type: "iam"}}) } catch (e) { return e.message }`, `"auth of a cloud provider is not supported: set headers"`},
		{`return http.get()`, "!Error: Error calling function with 0 argument(s) while 1 where expected\n    at handler (node:f:1:"},
		{`return http.get(url, {headers: {a: {}}})`, "!Error: Error converting from js 'serde_json::Value' into type 'rust type': Value is not a string\n    at handler"},
		{`return Promise.all(Array.from({length: 17}, () => http.get(url)))`, "!Error: more than 16 requests at once\n"},
	} {
		source := `import http from "http"; const url = ` + quoted(server.URL) + `; ` + handler(c.body)
		if server.URL == "http://127.0.0.2" {
			t.Fatal(server.URL)
		}
		if got, _ := run(t, r, call(t, 2, source)); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.body, got, c.want)
		}
	}
	never := `import http from "http"; const url = ` + quoted(server.URL) + `; ` + handler(`return http.get(url + "/never")`)
	if got, _ := run(t, within(100*time.Millisecond), call(t, 2, never)); !strings.HasPrefix(got, "!Error: interrupted\n") {
		t.Errorf("what never answers: %s", got)
	}
	if asked.Load() == 0 {
		t.Error("the transport was not asked")
	}
	// Without a transport nothing is asked, whatever the script tries.
	got, _ := run(t, New(), call(t, 2, `import { get } from "http"; `+handler("return get("+quoted(server.URL)+")")))
	if want := "!Error: functions may not make HTTP requests here: they may when a transport is given (script.WithHTTP)\n"; got != want {
		t.Errorf("got %q", got)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
