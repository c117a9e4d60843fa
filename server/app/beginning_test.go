package app

import "testing"

func TestBeginning(t *testing.T) {
	paths := beginnings([]string{"/api/v1/things/{id}/", "/api/v1/{kind}/all", "/api/other/", "/status"})
	for path, want := range map[string]int{
		"/api/v1/things/7/": 3, "/api/v1/things": 3, "/api/v1/x/all": 2, "/api/v1": 2, "/api/other/": 2, "/api/other": 2,
		"/api//v1": 1, "/status/x": 1, "/": 0, "": 0, "/v1/things": 0, "//": 0,
	} {
		if got := paths.shared(path); got != want {
			t.Errorf("%q shares %d segments, want %d", path, got, want)
		}
	}
}
