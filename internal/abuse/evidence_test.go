package abuse_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Requests that break the contract in a thousand places are told in little: the store,
// the memory, the processor and the report do not grow with the places times the
// request.
func TestStoreAbuseKinds(t *testing.T) {
	many := func(n int, form, separator string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = fmt.Sprintf(form, i)
		}
		return strings.Join(parts, separator)
	}
	for name, request := range map[string]func(s *server, i int) *http.Request{
		"parameters": func(s *server, i int) *http.Request {
			return attack(s, "GET", "/api/projects?"+many(4000, fmt.Sprint("x", i, "y%d=1"), "&"), "")
		},
		"secret parameters": func(s *server, i int) *http.Request {
			return attack(s, "GET", "/api/projects?"+many(4000, fmt.Sprint("token", i, "y%[1]d=s%[1]d"), "&"), "")
		},
		"members": func(s *server, i int) *http.Request {
			return attack(s, "POST", "/api/projects", `{"name":"n","key":"k",`+many(60_000, fmt.Sprint(`"m`, i, `n%d":1`), ",")+`}`)
		},
		"members within a member of a long name": func(s *server, i int) *http.Request {
			return attack(s, "POST", "/api/projects", fmt.Sprintf(`{"name":"n","key":"k","%d%s":[{%s}]}`, i, strings.Repeat("n", 500_000), many(30_000, `"m%d":1`, ",")))
		},
		"members of members": func(s *server, i int) *http.Request {
			return attack(s, "POST", "/api/projects", `{"name":"n","key":"k","x":`+strings.Repeat(`{"a":`, 1000)+"{"+many(60_000, fmt.Sprint(`"m`, i, `n%d":1`), ",")+"}"+strings.Repeat("}", 1001))
		},
		"headers beside": func(s *server, i int) *http.Request {
			r := attack(s, "GET", "/api/projects?"+many(1000, fmt.Sprint("x", i, "y%d"), "&"), "")
			r.Header.Set("X-Long", strings.Repeat("h", 40_000))
			return r
		},
		"an unknown path": func(s *server, i int) *http.Request {
			return attack(s, "GET", "/api/nothing/"+strings.Repeat("p", 20_000)+"?"+many(2000, fmt.Sprint("x", i, "y%d=1"), "&"), "")
		},
	} {
		if !full && name != "secret parameters" && name != "members of members" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			s := start(t)
			s.want(http.StatusOK, "GET", "/api/projects", "attacker", "")
			disk := s.disk()
			spent := s.costs(func() {
				for i := range size(3, 10) {
					if a, err := s.send(request(s, i)); err != nil || a.status >= http.StatusInternalServerError {
						t.Errorf("%d %.200s (%v)", a.status, a.body, err)
					}
					s.want(http.StatusOK, "GET", "/_understudy/exchanges?limit=1", "attacker", "") // which waits for its record
				}
				if a := s.want(http.StatusOK, "GET", "/_understudy/report", "attacker", ""); len(a.body) > 12*mebibyte {
					t.Errorf("the report has %d MiB", len(a.body)/mebibyte)
				}
			})
			// The log of writes that SQLite keeps beside the file is up to 32 MiB.
			grown := s.disk() - disk
			t.Logf("%v of processor time, %d KiB, peak %d MiB", spent, grown>>10, s.peak()/mebibyte)
			if grown > 48*mebibyte {
				t.Errorf("the store grew by %d MiB", grown/mebibyte)
			}
			if spent > time.Duration(size(3, 10))*2*time.Second {
				t.Errorf("it took %v of processor time", spent)
			}
			s.holdPeak()
		})
	}
}

func attack(s *server, method, path, body string) *http.Request {
	r, err := stranger(s, method, path, "attacker", "", body)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}
