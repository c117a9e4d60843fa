package workspace

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/site"
)

// newAddress is the pattern of an address; nil for "".
func newAddress(text string) *regexp.Regexp {
	if text == "" {
		return nil
	}
	scheme, rest, _ := strings.Cut(text, "://")
	host, path, _ := strings.Cut(rest, "/")
	text = regexp.QuoteMeta(strings.ToLower(scheme+"://"+host) + "/" + path)
	text = strings.NewReplacer(`\*\*`, ".*", `\*`, "[^/]*").Replace(text)
	return regexp.MustCompile("^(?s:" + text + ")$") // of nothing that could be wrong
}

// meetsOutgoing reports whether a fault meets a request that goes out.
func (a *armed) meetsOutgoing(method, address string, now time.Time) bool {
	return a.outgoing != nil && (a.Match.Method == "" || a.Match.Method == method) &&
		a.outgoing.MatchString(address) && (a.until.IsZero() || now.Before(a.until))
}

// SteerOutgoing decides what is done to a request that a decision of a workspace makes:
// nil for nothing. It counts the request as [Manager.Steer] counts calls.
func (w *Manager) SteerOutgoing(ctx context.Context, workspace, method string, to *url.URL) (*site.Force, error) {
	settings, err := w.store.Settings(ctx, workspace, All)
	if err != nil {
		return nil, err
	}
	path := to.EscapedPath()
	if path == "" {
		path = "/"
	}
	address := strings.ToLower(to.Scheme+"://"+to.Host) + path
	meeting := func(s *set, now time.Time) (met []*armed) {
		for _, f := range s.faults {
			if f.meetsOutgoing(method, address, now) {
				met = append(met, f)
			}
		}
		return met
	}
	var concerned []string
	for i, name := range [...]string{workspace, All} {
		if settings[i].Data == "" {
			continue
		}
		faults, err := w.sets.of(settings[i].Data)
		if err != nil {
			return nil, err
		}
		if len(meeting(faults, settings[i].Clock.Now(w.now()))) > 0 {
			concerned = append(concerned, name)
		}
	}
	if len(concerned) == 0 {
		return nil, nil //nolint:nilnil // nothing is done to most
	}
	_, force, err := w.fault(ctx, concerned, meeting)
	return force, err
}
