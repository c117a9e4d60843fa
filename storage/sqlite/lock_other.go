//go:build (!unix && !windows) || solaris || aix

package sqlite

import "errors"

// lockFile refuses: without a lock that a killed process loses, two processes
// could serve one file, each from its own cache.
func lockFile(string) (release func() error, err error) {
	return nil, errors.New("databases on disk are not supported on this system")
}
