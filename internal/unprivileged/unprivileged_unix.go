//go:build unix

// Package unprivileged runs the servers that tests start as somebody other than root,
// as whom databases refuse to run. Who is not root runs them as himself.
package unprivileged

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// other is who runs a server if we are root: the first of the users that there is, or
// nobody.
func other(users []string) (uid, gid int, ok bool) {
	if os.Geteuid() != 0 {
		return 0, 0, false
	}
	for _, name := range append(users, "nobody") {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil {
			return uid, gid, true
		}
	}
	return 0, 0, false
}

// Run has a command that was not started yet run as the first of the users that there
// is, if we are root.
func Run(cmd *exec.Cmd, users ...string) {
	if uid, gid, ok := other(users); ok {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
}

// Give makes that user the owner of a file.
func Give(path string, users ...string) error {
	if uid, gid, ok := other(users); ok {
		return os.Chown(path, uid, gid)
	}
	return nil
}
