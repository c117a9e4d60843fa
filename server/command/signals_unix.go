//go:build unix

package command

import (
	"os"
	"os/exec"
	"syscall"
)

// prepare gives the way signals reach a command. On a terminal it stays in our
// group, so that the terminal's own signals reach both, and is not sent those a
// second time. Elsewhere it leads a group of its own, and what it started gets a
// signal as it does.
func prepare(command *exec.Cmd) func(os.Signal) {
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		return func(s os.Signal) {
			if number, ok := s.(syscall.Signal); ok {
				_ = syscall.Kill(-command.Process.Pid, number)
			}
		}
	}
	_ = terminal.Close()
	return func(s os.Signal) {
		if s == syscall.SIGTERM {
			_ = command.Process.Signal(s)
		}
	}
}
