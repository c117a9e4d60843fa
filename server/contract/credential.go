package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
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

// maxSecret bounds a credential's length.
const maxSecret = 4096

// Credential reads the Authorization header: its scheme, and the secret when the
// scheme is the wanted one (compared without case, RFC 9110 section 11.1) and the
// secret well-formed. Several Authorization headers are never well-formed: it
// would be unclear who calls.
func Credential(r *http.Request, want string) (scheme, secret string, ok bool) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", "", false
	}
	scheme, secret, found := strings.Cut(values[0], " ")
	secret = strings.TrimLeft(secret, " ")
	if !found || !strings.EqualFold(scheme, want) || !wellFormed(secret) {
		return scheme, "", false
	}
	return scheme, secret, true
}

// Authenticate finds the caller whose credential has the given scheme.
func Authenticate(r *http.Request, keys Keyring, scheme string) (Principal, *Refusal) {
	if _, secret, ok := Credential(r, scheme); ok {
		if principal, known := keys.Principal(secret); known {
			return principal, nil
		}
	}
	return Principal{}, &Refusal{Kind: KindUnauthenticated}
}

// wellFormed accepts visible ASCII without spaces, commas or quotes: a superset of
// token68 (RFC 9110, section 11.2), since Datafold does not publish what its keys
// are made of.
func wellFormed(secret string) bool {
	if secret == "" || len(secret) > maxSecret {
		return false
	}
	for i := range len(secret) {
		if c := secret[i]; c <= ' ' || c >= 0x7f || c == ',' || c == '"' {
			return false
		}
	}
	return true
}
