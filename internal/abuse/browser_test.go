package abuse_test

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// page tries to reach a server in all the ways that a page has, and leaves what it
// reached in its body. It knows a tenant's token and the administrator's secret: not
// even with these it is let in.
const page = `<!doctype html><body><script>
const target = %q, admin = %q, found = {};
async function attempt(name, path, options) {
  try {
    const answer = await fetch(target + path, options);
    found[name] = answer.type + " " + answer.status + " " + (await answer.text()).slice(0, 40);
  } catch (e) {
    found[name] = "refused";
  }
}
(async () => {
  const as = secret => ({headers: {Authorization: "Bearer " + secret}});
  await attempt("health", "/_understudy/health/live");
  await attempt("version", "/_understudy/version");
  await attempt("document", "/_understudy/documents/brms");
  await attempt("projects", "/api/projects", as("a-tenant"));
  await attempt("all", "/_understudy/exchanges?workspace=all", as(admin));
  await attempt("reset", "/_understudy/reset", {method: "POST", ...as(admin)});
  await attempt("clear", "/_understudy/exchanges?workspace=all", {method: "DELETE", ...as(admin)});
  await attempt("fault", "/_understudy/faults/f?workspace=all", {method: "PUT", body: '{"do":{"status":503}}', headers: {...as(admin).headers, "Content-Type": "application/json"}});
  await attempt("simple", "/_understudy/reset", {method: "POST", mode: "no-cors", body: "{}"});
  await attempt("made", "/api/projects", {method: "POST", mode: "no-cors", headers: {"Content-Type": "text/plain"}, body: '{"name":"n","key":"pwned"}'});
  for (const [tag, attribute] of [["script", "src"], ["img", "src"], ["link", "href"]]) {
    const e = document.createElement(tag);
    if (tag == "link") e.rel = "stylesheet";
    found[tag] = await new Promise(done => {
      e.onload = () => done("loaded");
      e.onerror = () => done("refused");
      e[attribute] = target + "/_understudy/documents/brms";
      document.body.append(e);
    });
  }
  const pre = document.createElement("pre");
  pre.id = "found";
  pre.textContent = JSON.stringify(found);
  document.body.append(pre);
})();
</script>`

// chromium finds the browser.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("UNDERSTUDY_REQUIRE_CHROMIUM") == "1" {
		t.Fatal("UNDERSTUDY_REQUIRE_CHROMIUM is set, and there is no Chromium")
	}
	t.Skip("*** SKIPPED: NO CHROMIUM: WHAT PAGES REACH IS NOT TRIED ***")
	return ""
}

// opened opens an address by way of a proxy, which stands for the names of the internet,
// and gives what the page found.
func opened(t *testing.T, proxy, address string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	c := exec.CommandContext(ctx, chromium(t),
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
		"--user-data-dir="+filepath.Join(t.TempDir(), "profile"), "--proxy-server="+proxy, "--proxy-bypass-list=<-loopback>",
		"--virtual-time-budget=20000", "--dump-dom", address)
	c.WaitDelay = 5 * time.Second
	dom, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	_, text, ran := strings.Cut(string(dom), `<pre id="found">`)
	text, _, _ = strings.Cut(text, "</pre>")
	found := map[string]string{}
	if err := json.Unmarshal([]byte(html.UnescapeString(text)), &found); !ran || err != nil {
		t.Fatalf("the page did not run (%v): %.2000s", err, dom)
	}
	return found
}

// A page elsewhere, and one whose name was made to point to the server once it was
// loaded, reach nothing of it, whatever they know. The same page as the server's own
// neighbour by --cors reads the API, so that the test sees what it looks for, and still
// nothing of the control API by "*".
func TestBrowserStrangers(t *testing.T) {
	for _, c := range []struct {
		name    string
		flags   []string
		rebound bool
		reached []string
	}{
		{"another origin", nil, false, nil},
		{"a rebound name", nil, true, nil},
		{"a rebound name that is let in", []string{"--host", "rebind.example"}, true, []string{"all", "document", "health", "projects", "version"}},
		{"any origin", []string{"--cors", "*"}, false, []string{"projects"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, c.flags...)
			text, err := os.ReadFile(filepath.Join(s.dir, "url.admin"))
			if err != nil {
				t.Fatal(err)
			}
			admin := strings.TrimSpace(string(text))
			victim := s.want(200, "POST", "/api/projects", "a-tenant", `{"name":"victim's","key":"victim"}`)
			there, err := url.Parse(s.url)
			if err != nil {
				t.Fatal(err)
			}
			// The names of the internet: the page's is the attacker's server, until it
			// has been asked for the page; then it may be this machine.
			target, loaded := s.url, atomic.Bool{}
			name := "attacker.example"
			if c.rebound {
				name = "rebind.example:" + there.Port()
				target = "http://" + name
			}
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Host == name && r.URL.Path == "/page":
					w.Header().Set("Content-Type", "text/html")
					_, _ = fmt.Fprintf(w, page, target, admin)
					loaded.Store(true)
				case r.Host == there.Host, r.Host == name && c.rebound && loaded.Load():
					(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
						p.SetURL(there)
						p.Out.Host = r.Host // as a browser without a proxy would call it
					}}).ServeHTTP(w, r)
				default:
					w.WriteHeader(http.StatusBadGateway)
				}
			}))
			defer proxy.Close()
			found := opened(t, proxy.URL, "http://"+name+"/page")
			var reached []string
			for what, how := range found {
				if strings.HasPrefix(how, "basic 200") || strings.HasPrefix(how, "cors 200") || how == "loaded" {
					reached = append(reached, what)
				}
			}
			slices.Sort(reached)
			reached = slices.DeleteFunc(reached, func(what string) bool { return c.rebound && c.flags != nil && !slices.Contains(c.reached, what) })
			if !slices.Equal(reached, c.reached) {
				t.Errorf("the page reached %q, not %q: %v", reached, c.reached, found)
			}
			if c.flags == nil {
				if got := s.want(200, "GET", "/api/projects", "a-tenant", ""); strings.Count(got.body, `"key"`) != 1 || victim.body == "" {
					t.Errorf("the victim's projects are %s", got.body)
				}
			}
		})
	}
}
