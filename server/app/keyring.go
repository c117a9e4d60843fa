package app

import (
	"fmt"

	"github.com/understudy-api/understudy/server/contract"
)

// keyring gives the way secrets are turned into principals.
func keyring(mode string) (contract.Keyring, error) {
	switch mode {
	case "", "open":
		return contract.OpenKeyring{}, nil
	}
	return nil, fmt.Errorf("auth %q: want \"open\"", mode)
}
