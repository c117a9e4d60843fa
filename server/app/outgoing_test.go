package app

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/understudy-api/understudy/server/brms"
)

func TestOutgoingAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]struct{ public, local bool }{
		"93.184.216.34:443": {true, true}, "[2606:2800:220:1::1]:443": {true, true},
		"127.0.0.1:80": {false, true}, "[::1]:80": {false, true}, "10.0.0.1:80": {false, true}, "192.168.1.1:80": {false, true},
		"172.16.0.1:80": {false, true}, "169.254.169.254:80": {false, true}, "[fe80::1]:80": {false, true}, "[fd00::1]:80": {false, true},
		"0.0.0.0:80": {false, true}, "[::ffff:127.0.0.1]:80": {false, true}, "100.100.100.200:80": {false, true}, "224.0.0.1:80": {false, true},
		"host:80": {false, false},
	} {
		if err := newOutgoing(true, false).permit(address); (err == nil) != want.public || err != nil && !errors.Is(err, brms.ErrOutgoing) {
			t.Errorf("%s: %v", address, err)
		}
		if err := newOutgoing(true, true).permit(address); (err == nil) != want.local {
			t.Errorf("%s with local ones: %v", address, err)
		}
	}
}

func TestOutgoing(t *testing.T) {
	t.Parallel()
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }))
	t.Cleanup(there.Close)
	for _, test := range []struct{ allowed, local, want bool }{{false, false, false}, {true, false, false}, {false, true, true}, {true, true, true}} {
		client := &http.Client{Transport: newOutgoing(test.allowed, test.local)}
		response, err := client.Get(there.URL)
		if (err == nil) != test.want || err != nil && !errors.Is(err, brms.ErrOutgoing) {
			t.Errorf("%+v: %v", test, err)
		}
		if err == nil {
			_ = response.Body.Close()
		}
	}
}
