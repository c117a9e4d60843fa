package render

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/evidence"
)

// TestHTMLAlone: the page names nothing that a browser would load.
func TestHTMLAlone(t *testing.T) {
	loads := regexp.MustCompile(`(?i)\s(src|href|srcset|action|data)\s*=|url\(|@import|<(link|img|iframe|object|embed|base|form)\b`)
	for _, c := range cases() {
		out := write(t, HTML, c.report, c.o)
		if found := loads.FindString(strings.ReplaceAll(out, escapedHostile, "")); found != "" {
			t.Errorf("%s: %q", c.name, found)
		}
		if n := strings.Count(out, "<script"); n != 1 {
			t.Errorf("%s: %d scripts", c.name, n)
		}
	}
}

// escapedHostile is the part of the hostile text that looks like an attribute.
const escapedHostile = ` src=x onerror=`

// browser is a Chromium that reaches nothing but a proxy that counts.
type browser struct {
	path  string
	proxy *httptest.Server

	mutex sync.Mutex
	asked []string
}

func newBrowser(t *testing.T) *browser {
	b := &browser{}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			b.path = path
			break
		}
	}
	if b.path == "" {
		if os.Getenv("UNDERSTUDY_REQUIRE_CHROMIUM") == "1" {
			t.Fatal("UNDERSTUDY_REQUIRE_CHROMIUM is set, and there is no Chromium")
		}
		t.Skip("*** SKIPPED: NO CHROMIUM: THE HTML FORMAT IS NOT OPENED IN A BROWSER ***")
	}
	b.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mutex.Lock()
		b.asked = append(b.asked, r.Method+" "+r.Host)
		b.mutex.Unlock()
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(b.proxy.Close)
	return b
}

// requests returns what the proxy was asked for, and forgets it. What Chromium asks
// of its maker on its own account is not the page's.
func (b *browser) requests() []string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	asked := slices.DeleteFunc(b.asked, func(s string) bool {
		host, _, err := net.SplitHostPort(s[strings.IndexByte(s, ' ')+1:])
		if err != nil {
			host = s[strings.IndexByte(s, ' ')+1:]
		}
		return strings.HasSuffix(host, ".google.com") || strings.HasSuffix(host, ".googleapis.com") || strings.HasSuffix(host, ".gvt1.com")
	})
	b.asked = nil
	return asked
}

// open opens a page and returns what became of it and what the console said.
func (b *browser) open(t *testing.T, page string, flags ...string) (dom string, console []string) {
	dir := t.TempDir()
	file := filepath.Join(dir, "report.html")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, b.path, append(flags,
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--proxy-server="+b.proxy.URL, "--proxy-bypass-list=<-loopback>",
		"--virtual-time-budget=2000", "--enable-logging=stderr", "--v=0", "--dump-dom", "file://"+file)...)
	c.WaitDelay = 5 * time.Second
	var out, logged bytes.Buffer
	c.Stdout, c.Stderr = &out, &logged
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %.3000s", err, logged.String())
	}
	for line := range strings.Lines(logged.String()) {
		if strings.Contains(line, ":CONSOLE") {
			console = append(console, strings.TrimSpace(line))
		}
	}
	return out.String(), console
}

// TestBrowserHTML opens reports: nothing is loaded, nothing fails, nothing that
// a report says becomes markup, and everything is there.
func TestBrowserHTML(t *testing.T) {
	b := newBrowser(t)
	rows := func(r *evidence.Report) int {
		n := 0
		for i := range r.Operations {
			n += len(r.Operations[i].Rows) + len(r.Operations[i].Undeclared)
		}
		return n
	}
	for _, c := range cases() {
		if !slices.Contains([]string{"empty", "broken", "attacked", "huge"}, c.name) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			dom, console := b.open(t, write(t, HTML, c.report, c.o))
			if len(console) > 0 {
				t.Errorf("the console says %q", console)
			}
			if asked := b.requests(); len(asked) > 0 {
				t.Errorf("the page asked for %q", asked)
			}
			if !strings.Contains(dom, `data-ready="true"`) {
				t.Error("the script did not run")
			}
			if strings.Contains(dom, "data-pwned") || strings.Contains(dom, "<img") {
				t.Error("a text of the report became markup")
			}
			for text, want := range map[string]int{
				`<tr class="row">`:            rows(c.report),
				`<article class="violation"`:  len(c.report.Violations),
				`<details class="operation"`:  len(c.report.Operations),
				`<script>`:                    1,
				`<p class="verdict ok">`:      map[bool]int{true: 1}[c.ok],
				`<p class="verdict broken">`:  map[bool]int{false: 1}[c.ok],
				`<dt>Coverage</dt><dd><progr`: 1,
			} {
				if n := strings.Count(dom, text); n != want {
					t.Errorf("%s: %d, not %d", text, n, want)
				}
			}
		})
	}

	// The test sees what it looks for: a page that fails, and one that loads.
	page := write(t, HTML, broken(), Options{})
	if _, console := b.open(t, strings.Replace(page, "<main>", "<main><script>fail()</script>", 1)); len(console) == 0 {
		t.Error("a script that the policy forbids goes unnoticed")
	}
	open := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`).ReplaceAllString(page, "")
	if _, console := b.open(t, strings.Replace(open, "<main>", "<main><script>fail()</script>", 1)); len(console) == 0 {
		t.Error("a script that fails goes unnoticed")
	}
	b.open(t, strings.Replace(open, "<main>", `<main><img src="http://example.test/x.png">`, 1))
	if asked := b.requests(); !slices.Contains(asked, "GET example.test") {
		t.Errorf("a page that loads goes unnoticed: %q", asked)
	}
	b.open(t, strings.Replace(page, "<main>", `<main><img src="http://example.test/x.png">`, 1))
	if asked := b.requests(); len(asked) > 0 {
		t.Errorf("the policy lets the page load %q", asked)
	}
}
