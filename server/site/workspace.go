package site

import (
	"net"
	"net/http"
	"regexp"
	"strings"
)

// WorkspaceHeader names a workspace of its own below the credential's, for clients
// whose credential is a constant. The host NAME.localhost does the same.
const WorkspaceHeader = "Understudy-Workspace"

// One label of a host name (RFC 1123, section 2.1), which is what can stand
// before ".localhost" (RFC 6761, section 6.3).
var workspaceName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// SubWorkspace is the workspace with this name below another; "" is the other
// itself.
func SubWorkspace(base, name string) string {
	if name == "" {
		return base
	}
	return base + "/" + name
}

// ParseSubWorkspace reads the name of a sub-workspace, without regard to case.
func ParseSubWorkspace(text string) (name string, ok bool) {
	name = strings.ToLower(text)
	return name, workspaceName.MatchString(name)
}

// subWorkspace is the sub-workspace that a request names, "" for none: in the
// header, or else in the host. ok is false if what is there is no name.
func subWorkspace(r *http.Request) (name string, ok bool) {
	if values := r.Header[WorkspaceHeader]; len(values) > 0 {
		if len(values) > 1 {
			return "", false
		}
		return ParseSubWorkspace(strings.TrimSpace(values[0]))
	}
	host := r.Host
	if !strings.Contains(host, ".") {
		return "", true
	}
	if bare, _, err := net.SplitHostPort(host); err == nil {
		host = bare
	}
	const suffix = ".localhost"
	if n := len(host) - len(suffix); n >= 0 && strings.EqualFold(host[n:], suffix) {
		if name, ok = ParseSubWorkspace(host[:n]); !ok {
			return "", false
		}
		return name, true
	}
	if n := len(host) - len(suffix) - 1; n >= 0 && strings.EqualFold(host[n:], suffix+".") {
		return "", false // the same from the root on: nobody means the workspace above by it
	}
	return "", true
}
