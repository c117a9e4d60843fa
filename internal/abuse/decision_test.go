package abuse_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// graphOf is a graph of one node between the input and the output, in JSON.
func graphOf(kind, content string) string {
	return fmt.Sprintf(`{"nodes":[{"id":"i","name":"i","type":"inputNode"},{"id":"n","name":"n","type":%q,"content":%s},{"id":"o","name":"o","type":"outputNode"}],`, kind, content) +
		`"edges":[{"id":"a","sourceId":"i","targetId":"n"},{"id":"b","sourceId":"n","targetId":"o"}]}`
}

func functionOf(body string) string {
	source, err := json.Marshal("export const handler = async () => {" + body + "}")
	if err != nil {
		panic(err)
	}
	return graphOf("functionNode", `{"source":`+string(source)+`}`)
}

func expressionOf(expression string) string {
	return graphOf("expressionNode", fmt.Sprintf(`{"expressions":[{"id":"","key":"k","value":%q}]}`, expression))
}

// decisions are graphs that make much of little, or as much as they may.
func decisions() map[string]string {
	filled := func(megabytes float64, open, item, end string) string {
		return open + strings.Repeat(item, int(megabytes*mebibyte)/len(item)) + end
	}
	const table = `{"hitPolicy":"first","inputs":[{"id":"x","name":"x","field":"x"}],"outputs":[{"id":"y","name":"y","field":"y"}],"rules":[{}`
	row := `,{"_id":"3b241101-e2bb-4255-8caf-4136c566a962","x":"> 1234567","y":"'some text that is answered'"}`
	return map[string]string{
		"functions that hoard":      functionOf(`const kept = []; for (;;) kept.push(new Array(1000).fill(7))`),
		"functions that hoard text": functionOf(`const kept = []; for (let i = 0;; i++) kept.push(String(i).repeat(100000))`),
		"functions that give much":  functionOf(`return {a: new Array(900000).fill(1.5)}`),
		"functions that give texts": functionOf(`return Array.from({length: 100000}, (_, i) => "some text " + i)`),
		"functions that log much":   functionOf(`for (;;) console.log("x".repeat(100000))`),
		"loops":                     expressionOf("map([1..1000000], {a: #, b: string(#)})"),
		"texts":                     expressionOf("map([1..1000000], string(#))"),
		"elements":                  expressionOf("[1" + strings.Repeat(",1", 190_000) + "]"),
		"elements without end":      expressionOf("[1" + strings.Repeat(",1", 1_500_000) + "]"),
		"operators":                 expressionOf("a" + strings.Repeat("+a", 190_000)),
		"nodes":                     filled(2, `{"edges":[],"nodes":[{"id":"i","name":"i","type":"inputNode"}`, `,{"id":"i","name":"i","type":"inputNode"}`, `]}`),
		"rules":                     graphOf("decisionTableNode", filled(2, table, `,{"x":"1"}`, `]}`)),
		"rules without end":         graphOf("decisionTableNode", filled(13, table, `,{"x":"1"}`, `]}`)),
		"a large table":             graphOf("decisionTableNode", filled(10, table, row, `]}`)),
		"objects beside":            filled(1.4, `{"nodes":[],"edges":[],"x":[`, `{"":0},`, `0]}`),
		"objects without end":       filled(13, `{"nodes":[],"edges":[],"x":[`, `{"":0},`, `0]}`),
		"empty objects beside":      filled(1.7, `{"nodes":[],"edges":[],"x":[`, `{},`, `0]}`),
		"lists without end":         filled(13, `{"nodes":[],"edges":[],"x":[`, `[],`, `0]}`),
		"a text":                    filled(13, `{"nodes":[],"edges":[],"x":["`, `a`, `"]}`),
	}
}

// Decisions that make as much as they may, eight at once: they wait for each other, are
// answered one way or the other, and the memory of the server is bounded.
func TestStoreAbuseDecisions(t *testing.T) {
	for name, graph := range decisions() {
		if !full && name != "functions that hoard" && name != "operators" && name != "objects without end" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			s := start(t)
			path := "/api/projects/" + s.project("attacker") + "/decisions/simulate"
			answers := s.atOnce(8, func(i int) (answer, error) {
				// Each is another graph, so that none is compiled already.
				return s.ask("POST", path, "attacker", fmt.Appendf(nil, `{"context":{},"graph":%s,"other":%d}}`, strings.TrimSuffix(graph, "}"), i))
			})
			t.Logf("peak %d MiB, answers %v", s.peak()/mebibyte, answers)
			s.holdPeak()
		})
	}
}

// project makes a project of a tenant, and gives its id.
func (s *server) project(token string) string {
	s.t.Helper()
	var made struct{ Project struct{ ID string } }
	if err := json.Unmarshal([]byte(s.want(http.StatusOK, "POST", "/api/projects", token, `{"name":"n","key":"k"}`).body), &made); err != nil {
		s.t.Fatal(err)
	}
	return made.Project.ID
}

// atOnce sends requests at once, and counts the answers by their status. None may be the
// server's failure; one that is busy says when to come again.
func (s *server) atOnce(requests int, send func(i int) (answer, error)) map[int]int {
	s.t.Helper()
	var all sync.WaitGroup
	var mutex sync.Mutex
	statuses := map[int]int{}
	for i := range requests {
		all.Go(func() {
			a, err := send(i)
			if err != nil || a.status >= 500 && (a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "") {
				s.t.Errorf("%d %.300s (%v)", a.status, a.body, err)
			}
			mutex.Lock()
			defer mutex.Unlock()
			statuses[a.status]++
		})
	}
	all.Wait()
	return statuses
}

// Large bodies whose requests turn large and take seconds each keep a tenant's bodies
// that are not small waiting for one of them, not for all.
func TestStoreAbuseHeavyBodies(t *testing.T) {
	s := start(t)
	path := "/api/projects/" + s.project("attacker") + "/decisions/simulate"
	hoard := functionOf(`const kept = []; for (let i = 0; i < 3000; i++) kept.push(new Array(1000).fill(7)); for (;;);`)
	body := []byte(`{"graph":` + hoard + `,"context":{"x":[0` + strings.Repeat(`,{"":0}`, 60_000) + `]}}`)
	stop, attackers := besiege(16, func(int) {
		_, _ = s.ask("POST", path, "attacker", body) // it may be busy, or ended
	})
	var waits []time.Duration
	for i := range size(3, 10) {
		<-time.After(time.Second) // the attack goes on
		asked := time.Now()
		s.want(http.StatusOK, "POST", "/api/projects", "victim", fmt.Sprintf(`{"name":%q,"key":"k%d"}`, strings.Repeat("n", 6000), i))
		waits = append(waits, time.Since(asked))
	}
	t.Logf("peak %d MiB, the victim waits %v", s.peak()/mebibyte, waits)
	if longest := slices.Max(waits); longest > 8*time.Second {
		t.Errorf("a body of 6 kB waits %v", longest)
	}
	s.holdPeak()
	close(stop)
	s.kill()
	attackers.Wait()
}

// What is large is read by many at once.
func TestStoreAbuseLargeReads(t *testing.T) {
	s := start(t)
	project := s.project("attacker")
	content := strings.Repeat(`{"_id":"3b241101-e2bb-4255-8caf-4136c566a962","x":"> 1234567","y":"'some text that is answered'"},`, size(3, 10)*mebibyte/100)
	made := s.want(http.StatusOK, "POST", "/api/projects/"+project+"/documents", "attacker",
		`{"type":"file","name":"d","key":"d","path":"d","contentType":"application/vnd.gorules.decision","content":{"rules":[`+content+`0]}}`)
	var document struct{ ID string }
	if err := json.Unmarshal([]byte(made.body), &document); err != nil {
		t.Fatal(err)
	}
	for i := range 11 {
		s.want(http.StatusOK, "POST", "/api/projects", "many-texts", fmt.Sprintf(`{"name":%q,"key":"k%d"}`, strings.Repeat("n", 900_000), i))
	}
	for _, c := range []struct{ token, path string }{
		{"attacker", "/api/projects/" + project + "/documents/" + document.ID},
		{"attacker", "/api/projects/" + project + "/documents/" + document.ID + "/download"},
		{"attacker", "/_understudy/seed"},
		{"many-texts", "/api/projects?perPage=100"},
		{"many-texts", "/_understudy/seed"},
	} {
		s.resetPeak()
		answers := s.atOnce(size(8, 16), func(int) (answer, error) { return s.ask("GET", c.path, c.token, nil) })
		t.Logf("%s: peak %d MiB, answers %v", c.path, s.peak()/mebibyte, answers)
		s.holdPeak()
	}
}

// Who takes large answers slowly, though not so slowly as to be given up, or nothing at
// all, holds no more of them than what may be in transit, whether they are judged before
// they are sent or sent as they come; others' requests, large ones too, are answered, and
// the server ends in time.
func TestStoreAbuseSlowReaders(t *testing.T) {
	t.Parallel()
	for name, large := range map[string]func(t *testing.T, s *server) (path string){
		"lists": func(_ *testing.T, s *server) string {
			for i := range 11 {
				s.want(http.StatusOK, "POST", "/api/projects", "attacker", fmt.Sprintf(`{"name":%q,"key":"k%d"}`, strings.Repeat("n", 900_000), i))
			}
			return "/api/projects?perPage=100"
		},
		"archives": func(t *testing.T, s *server) string {
			t.Helper()
			project := s.project("attacker")
			contentType, body := archiveOf(t, 3, func(int) string { // that does not get smaller
				noise := make([]byte, 4*mebibyte)
				_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
				return `"` + base64.StdEncoding.EncodeToString(noise) + `"`
			})
			made, err := s.upload(project, contentType, body)
			var release struct{ ID string }
			if err = errors.Join(err, json.Unmarshal([]byte(made.body), &release)); err != nil || release.ID == "" {
				t.Fatalf("%d %.300s (%v)", made.status, made.body, err)
			}
			return "/api/projects/" + project + "/releases/" + release.ID + "/download"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			path := large(t, s)
			for i := range 3 {
				s.want(http.StatusOK, "POST", "/api/projects", "victim", fmt.Sprintf(`{"name":%q,"key":"k%d"}`, strings.Repeat("n", 900_000), i))
			}
			s.slowReaders(path)
		})
	}
}

// slowReaders has many of the attacker's read what is at a path, each by its own rate,
// while others ask, and then ends the server.
func (s *server) slowReaders(path string) {
	s.t.Helper()
	s.resetPeak()
	descriptors := s.descriptors()
	done := make(chan struct{})
	var readers sync.WaitGroup
	connections := size(12, 100)
	for i := range connections {
		perSecond := []int64{120_000, 120_000, 1, 0}[i%4]
		conn := s.dial()
		_ = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
		body := ""
		if i%5 == 0 { // which makes much of little, and is none of what is asked for
			body = "[" + strings.Repeat(`{"":0},`, 140_000) + "0]"
		}
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer attacker\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body); err != nil {
			s.t.Fatal(err)
		}
		readers.Go(func() {
			second := time.NewTicker(time.Second)
			defer second.Stop()
			for {
				select {
				case <-done:
					return
				case <-second.C:
					if _, err := io.CopyN(io.Discard, conn, perSecond); err != nil {
						return
					}
				}
			}
		})
	}
	longest := time.Duration(0)
	for range size(3, 30) {
		s.want(http.StatusOK, "GET", "/api/projects", "bystander", "")
		asked := time.Now()
		s.want(http.StatusOK, "POST", "/api/projects", "bystander", fmt.Sprintf(`{"name":%q}`, strings.Repeat("n", 6000)))
		s.want(http.StatusOK, "GET", "/api/projects?perPage=100", "victim", "")
		longest = max(longest, time.Since(asked))
		<-time.After(time.Second) // the attack goes on
	}
	s.t.Logf("peak %d MiB, a large request waits %v", s.peak()/mebibyte, longest)
	if longest > 30*time.Second {
		s.t.Errorf("a large request of another waits %v", longest)
	}
	if more := s.descriptors() - descriptors; more > connections+10 {
		s.t.Errorf("%d descriptors for %d connections", more, connections)
	}
	s.holdPeak()
	took, err := s.stop()
	s.t.Logf("it ends after %v", took)
	if err != nil || took > 22*time.Second {
		s.t.Errorf("it ends after %v: %v: %s", took, err, s.log.String())
	}
	close(done)
	readers.Wait()
}
