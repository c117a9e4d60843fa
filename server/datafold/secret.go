package datafold

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// sealedPrefix begins a secret that is encrypted. Stores of earlier releases, and those
// in memory that have no key, hold secrets as they came.
const sealedPrefix = "sealed:"

// sealer encrypts the secrets of data sources; nil leaves them as they are.
type sealer struct{ aead cipher.AEAD }

// newSealer makes the sealer of the key of a store; nil of none.
func newSealer(key []byte) (*sealer, error) {
	if key == nil {
		return nil, nil
	}
	own, err := hkdf.Key(sha256.New, key, nil, "understudy: secrets of data sources", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead}, nil
}

// sealed is a secret as it is stored.
func (s *sealer) sealed(secret string) string {
	if s == nil {
		return secret
	}
	return sealedPrefix + base64.RawStdEncoding.EncodeToString(s.aead.Seal(nil, nil, []byte(secret), nil)) //nolint:gosec // the nonce is the cipher's own, and random
}

// errSealed says that a secret was encrypted under another key.
var errSealed = errors.New("datafold: a secret of a data source cannot be read with this key of the store")

// open is a secret as it came.
func (s *sealer) open(stored string) (string, error) {
	text, sealed := strings.CutPrefix(stored, sealedPrefix)
	if !sealed {
		return stored, nil
	}
	if s == nil {
		return "", errSealed
	}
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errSealed, err)
	}
	secret, err := s.aead.Open(nil, nil, raw, nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errSealed, err)
	}
	return string(secret), nil
}

// seal encrypts the secrets of a source.
func (v *dataSource) seal(s *sealer) {
	for name, secret := range v.Secrets {
		v.Secrets[name] = s.sealed(secret)
	}
}
