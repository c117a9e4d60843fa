package app

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// letGoOfStart gives back the pages of the program's file that are resident because the
// start came past them: what packages initialise lies all over it, and a kernel maps what
// lies around as well. Those that are needed come back from the system's cache. What
// maps a file and is never written to loses nothing by that (madvise(2), MADV_DONTNEED);
// but where a debugger looks on, its breakpoints are written there.
func letGoOfStart() {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil || !bytes.Contains(status, []byte("\nTracerPid:\t0\n")) {
		return
	}
	for _, part := range programParts() {
		// Where it cannot be done, the pages stay.
		_, _, _ = unix.RawSyscall(unix.SYS_MADVISE, part.begin, part.end-part.begin, unix.MADV_DONTNEED)
	}
}

// part is where a part of the program's file lies in memory.
type part struct{ begin, end uintptr }

// programParts are those that are never written to; none where they cannot be known.
func programParts() (parts []part) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return nil
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(maps)) {
		var p part
		var access string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &p.begin, &p.end, &access); err != nil {
			return nil
		}
		if strings.HasSuffix(line, " "+program+"\n") && (access == "r-xp" || access == "r--p") {
			parts = append(parts, p)
		}
	}
	return parts
}
