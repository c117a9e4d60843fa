//go:build unix && !solaris && !aix

package command

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// lockDescriptor is the lock in the server's process: the first file after the standard
// ones.
const lockDescriptor = 3

// keepLock has the lock end with the server: no program that it starts gets it.
func keepLock() { syscall.CloseOnExec(lockDescriptor) }

// takeLock takes a lock that ends with the last process that has the file open.
func takeLock(name string) (*os.File, error) { return flock(name, syscall.LOCK_EX) }

// isLocked reports whether a process has the lock. Those who ask are not in each other's
// way.
func isLocked(name string) (bool, error) {
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) { //nolint:gosec // in the folder of the user who asks
		return false, nil
	}
	lock, err := flock(name, syscall.LOCK_SH)
	if errors.Is(err, errHeld) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, lock.Close()
}

func flock(name string, how int) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600) //nolint:gosec // likewise
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errHeld
		}
		return nil, err
	}
	return f, nil
}

// detach makes a process outlive the terminal and the group of its parent.
func detach(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
}
