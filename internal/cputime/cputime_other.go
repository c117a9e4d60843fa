//go:build !unix

// Package cputime tells what a process has used of its processors.
package cputime

import "time"

// Used is not measured on this system.
func Used() time.Duration { return 0 }
