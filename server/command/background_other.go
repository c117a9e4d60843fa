//go:build !unix || solaris || aix

package command

import (
	"errors"
	"os"
	"os/exec"
)

func keepLock() {}

// takeLock fails: there are no locks that a process hands on to another here.
func takeLock(string) (*os.File, error) {
	return nil, errors.New("servers in the background are not to be had on this system: use \"understudy serve\"")
}

func isLocked(string) (bool, error) { return false, nil }

func detach(*exec.Cmd) {}
