package job_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/understudy-api/understudy/internal/pgtest"
)

func TestMain(m *testing.M) {
	if at := os.Getenv(workerVariable); at != "" {
		if err := serveJobs(at, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	pgtest.Main(m)
}
