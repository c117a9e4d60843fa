package brms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// tokenPrefix begins the tokens that the API gives out.
const tokenPrefix = "ust_"

// The kinds of holders of a token.
const (
	tokenOfProject     = "project"
	tokenOfEnvironment = "environment"
)

// holder is whose a token is: a record of a workspace.
type holder struct {
	kind      string // tokenOfProject or tokenOfEnvironment
	workspace string
	id        string // of the record
}

// tokens turns holders into tokens and back. A token is its holder, encrypted and
// authenticated under the key of the store, so that nothing of it has to be stored: it
// can be shown again, no record and no copy of the store holds a secret, and whoever is
// asked finds the workspace that gave it out. Equal holders have equal tokens. That it
// still counts is said by the record.
type tokens struct {
	aead  cipher.AEAD
	nonce []byte // the key by which nonces follow from what is encrypted
}

// storeKey is the size of the key of a store, in bytes.
const storeKey = 32

// newTokens makes the tokens of a key; of none, they do not outlive the process.
func newTokens(key []byte) (*tokens, error) {
	if key == nil {
		key = make([]byte, storeKey)
		if _, err := rand.Read(key); err != nil {
			return nil, err
		}
	}
	if len(key) != storeKey {
		return nil, fmt.Errorf("brms: the key of a store has %d bytes, want %d", len(key), storeKey)
	}
	secret, err := hkdf.Key(sha256.New, key, nil, "understudy tokens: encryption", storeKey)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, key, nil, "understudy tokens: nonces", storeKey)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &tokens{aead: aead, nonce: nonce}, nil
}

// of is the token of a holder.
func (t *tokens) of(h holder) string {
	text := []byte(h.kind + "\x00" + h.workspace + "\x00" + h.id)
	// What is encrypted decides the nonce, as in RFC 8452: no two texts share one.
	mac := hmac.New(sha256.New, t.nonce)
	mac.Write(text)
	nonce := mac.Sum(nil)[:t.aead.NonceSize()]
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(t.aead.Seal(nonce, nonce, text, nil))
}

// holder is whose a token is; false if it is none of these.
func (t *tokens) holder(token string) (h holder, ok bool) {
	text, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok {
		return h, false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	n := t.aead.NonceSize()
	if err != nil || len(sealed) < n {
		return h, false
	}
	plain, err := t.aead.Open(nil, sealed[:n], sealed[n:], nil)
	if err != nil {
		return h, false
	}
	parts := strings.SplitN(string(plain), "\x00", 3)
	if len(parts) != 3 {
		return h, false
	}
	return holder{kind: parts[0], workspace: parts[1], id: parts[2]}, true
}
