package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/understudy-api/understudy/server/edge"
	"github.com/understudy-api/understudy/server/site"
)

// controlPrefix is what the paths of the control API begin with.
const controlPrefix = "/_understudy"

// ofControl tells the paths of the control API from others.
func ofControl(path string) bool {
	return strings.HasPrefix(path, controlPrefix) && (len(path) == len(controlPrefix) || path[len(controlPrefix)] == '/')
}

// ServeHTTP serves a request, unless it was meant for another server or comes from a
// page that has no business here.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if edge.Ambiguous(r) {
		w.Header().Set("Connection", "close")
	}
	if a.hosts != nil && !a.hosts.Has(r) {
		name := shown(r.Host)
		a.strangers.tell(r, "refused: called by a name that is not the server's", "host", name)
		turnAway(w)
		a.owner(r).refuse(w, r, &site.Refusal{Kind: site.KindMisdirected, Message: fmt.Sprintf(
			"This server does not answer to the name %s: if it is its own, start it with --host", name)})
		return
	}
	if ofControl(r.URL.Path) {
		if !ofControl(r.URL.EscapedPath()) {
			// Who keeps the control API from others by its path, as a proxy does,
			// compares the path as it is sent.
			a.control.refuse(w, r, &site.Refusal{Kind: site.KindRouteNotFound, Message: "The paths of the control API begin with " + controlPrefix + "/, not escaped"})
			return
		}
		if origin := edge.Foreign(r, a.publicURL, a.origins); origin != "" {
			turnAway(w)
			a.strangers.tell(r, "refused: a page of another origin calls the control API", "origin", shown(origin))
			a.control.refuse(w, r, &site.Refusal{Kind: site.KindForbidden, Message: "Pages of other origins may not call the control API: " + shown(origin) +
				" is let in by --cors with its name, not by \"*\""})
			return
		}
	}
	a.handler.ServeHTTP(w, r)
}

// lastWords is how long the rest of a request is waited for that was turned away.
const lastWords = time.Second

// turnAway ends the connection of a request with its answer.
func turnAway(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	// It cannot be set on a recorder; then there is nothing to wait for.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lastWords))
}

// maxShown is how much of a stranger's word is repeated, in characters.
const maxShown = 100

// shown is what a stranger says, quoted and cut.
func shown(text string) string { return fmt.Sprintf("%.*q", maxShown, text) }

// strangers tells the log of those who are turned away, each once.
type strangers struct {
	log   *slog.Logger
	mutex sync.Mutex
	told  map[string]bool
}

// maxTold is how many different strangers are told of: who makes up names does not fill
// the log.
const maxTold = 100

func (s *strangers) tell(r *http.Request, what, name, value string) {
	s.mutex.Lock()
	known := s.told[what+value] || len(s.told) >= maxTold
	if !known {
		if s.told == nil {
			s.told = map[string]bool{}
		}
		s.told[what+value] = true
	}
	s.mutex.Unlock()
	if !known {
		s.log.WarnContext(r.Context(), what, name, value, "address", r.RemoteAddr)
	}
}
