//go:build unix

package script

import "golang.org/x/sys/unix"

// reserve gets addresses; memory comes to them when they are first used.
func reserve(size int) []byte {
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil
	}
	return memory
}

func unreserve(memory []byte) { _ = unix.Munmap(memory) }

func protect(memory []byte) bool { return unix.Mprotect(memory, unix.PROT_NONE) == nil }

// giveBack returns whole pages to the system. What they hold is lost.
func giveBack(memory []byte) {
	page := unix.Getpagesize()
	if skip := pageOffset(memory, page); skip < len(memory) {
		memory = memory[skip:]
		if n := len(memory) / page * page; n > 0 {
			_ = unix.Madvise(memory[:n], unix.MADV_DONTNEED)
		}
	}
}
