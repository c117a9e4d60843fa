package app

import (
	"fmt"

	"github.com/understudy-api/understudy/server/site"
)

// keyring gives the way secrets are turned into principals.
func keyring(mode string) (site.Keyring, error) {
	switch mode {
	case "", "open":
		return site.OpenKeyring{}, nil
	}
	return nil, fmt.Errorf("auth %q: want \"open\"", mode)
}
