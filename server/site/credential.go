package site

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"

	"github.com/understudy-api/understudy/server/contract"
)

// Keyring turns a secret into the principal it stands for.
type Keyring interface {
	// Principal finds who holds the secret; false if nobody does.
	Principal(secret string) (Principal, bool)
}

// OpenKeyring accepts every well-formed secret and gives each a workspace of its
// own. The workspace's name does not tell the secret.
type OpenKeyring struct{}

// Principal derives the workspace from the secret.
func (OpenKeyring) Principal(secret string) (Principal, bool) {
	sum := sha256.Sum256([]byte("understudy workspace\x00" + secret))
	return Principal{Workspace: "w" + hex.EncodeToString(sum[:12])}, true
}

// Principal is who calls: what a credential stands for.
type Principal struct {
	Workspace string // whose records the caller sees
	Admin     bool   // may look into every workspace
	// Bound says that the credential belongs to this workspace and to none below it,
	// whatever a request names.
	Bound bool
	// Scheme is the name of the security scheme by which the credential came.
	Scheme string
	// User is the id of the user whose credential it is; "" for a credential of
	// nobody, such as a project's token, and where users are not told apart.
	User string
	// Permissions are what the credential allows, in the words of
	// x-understudy-permission; nil allows everything.
	Permissions []string
	// Projects are the ids of the projects that the credential is confined to; nil
	// for all of the workspace.
	Projects []string
}

// May reports whether the credential allows what a permission names.
func (p *Principal) May(permission string) bool {
	return p.Permissions == nil || slices.Contains(p.Permissions, permission)
}

// Sees reports whether the credential reaches a project.
func (p *Principal) Sees(project string) bool {
	return p.Projects == nil || slices.Contains(p.Projects, project)
}

// Authenticate finds the caller by the credentials that an operation declares, in
// whatever headers: the first alternative counts for which the request carries all.
// accepted names the security schemes that can be used; none means all of the
// document.
func Authenticate(r *http.Request, o *contract.Operation, keys Keyring, accepted ...string) (Principal, *Refusal) {
	for _, way := range o.Bearers() {
		if principal, ok := identify(r, way, keys, accepted); ok {
			return principal, nil
		}
	}
	return Principal{}, &Refusal{Kind: KindUnauthenticated}
}

func identify(r *http.Request, way []contract.Bearer, keys Keyring, accepted []string) (Principal, bool) {
	var caller Principal
	for i := range way {
		if len(accepted) > 0 && !slices.Contains(accepted, way[i].Name) {
			return Principal{}, false
		}
		secret, ok := way[i].Secret(r)
		if !ok {
			return Principal{}, false
		}
		principal, known := keys.Principal(secret)
		if !known || i > 0 && principal.Workspace != caller.Workspace {
			return Principal{}, false
		}
		if i == 0 {
			caller = principal
			caller.Scheme = way[i].Name
		}
	}
	return caller, len(way) > 0
}
