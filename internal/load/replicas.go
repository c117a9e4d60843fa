package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/understudy-api/understudy/internal/pgtest"
)

// perConnection is how many requests that work only once each connection makes in
// a round.
const perConnection = 60

// deployment is servers that share a store.
type deployment struct {
	name    string
	servers []*server
}

var (
	numbers atomic.Int64
	began   = time.Now()
)

// unique is a number that no other run has.
func unique() int64 { return began.UnixMicro() + numbers.Add(1) }

// share is one kind of request; the connections either have a workspace each or
// share one.
type share struct {
	name    string
	shared  bool
	method  string
	path    string // of all connections; "" if each has its own requests
	body    string
	prepare func(s *server, authorization string, n int) ([][]byte, error)
}

// compareReplicas measures one to most servers over one PostgreSQL, and one server
// over SQLite, round by round.
func compareReplicas(binary, pick string, most, rounds int, length time.Duration, connections int) (err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cluster, err := pgtest.ForProgram()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "understudy-load-")
	if err != nil {
		return errors.Join(err, cluster.Close())
	}
	defer os.RemoveAll(dir)
	const schema = "understudy_load"
	defer func() { err = errors.Join(err, cluster.Drop(schema), cluster.Close()) }()
	dsn, err := cluster.Empty(schema)
	if err != nil {
		return err
	}
	serve := func(name, store string) (*server, error) {
		return start(ctx, name, binary, "serve", "--addr", "127.0.0.1:0", "--store", store, "--log-level", "error",
			"--store-key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
	}
	single, err := serve("sqlite", "sqlite:"+filepath.Join(dir, "replicas.db"))
	if err != nil {
		return err
	}
	all := []*server{single}
	defer func() {
		for _, s := range all {
			_ = s.cmd.Process.Kill()
			_ = s.cmd.Wait()
		}
	}()
	deployments := []deployment{{"SQLite", []*server{single}}}
	for n := 1; n <= most; n++ {
		s, err := serve("postgres", dsn)
		if err != nil {
			return err
		}
		all = append(all, s)
		deployments = append(deployments, deployment{"PostgreSQL, " + strconv.Itoa(n), all[1:]})
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%d connections in turn over the replicas, %d rounds, interleaved; medians\n", connections, rounds)
	fmt.Fprintln(w, "request\tworkspaces\tservers\trequests/s\tof one replica\tof SQLite")
	for _, sc := range shares {
		if !strings.Contains(sc.name, pick) {
			continue
		}
		if err := sc.compare(w, deployments, rounds, length, connections); err != nil {
			return fmt.Errorf("%s: %w", sc.name, err)
		}
	}
	return w.Flush()
}

var shares = []share{
	{name: "GET projects", method: "GET", path: "/api/projects"},
	{name: "POST project", prepare: creations},
	{name: "POST project", shared: true, prepare: creations},
	{name: "DELETE project", prepare: deletions},
}

func creations(_ *server, authorization string, n int) ([][]byte, error) {
	list := make([][]byte, n)
	for i := range list {
		key := "p-" + strconv.FormatInt(unique(), 10)
		list[i] = request("POST", "/api/projects", authorization, `{"name":"Load","key":"`+key+`"}`)
	}
	return list, nil
}

func deletions(s *server, authorization string, n int) ([][]byte, error) {
	list := make([][]byte, n)
	for i := range list {
		key := "p-" + strconv.FormatInt(unique(), 10)
		text, err := post(s, "/api/projects", authorization, `{"name":"Load","key":"`+key+`"}`)
		if err != nil {
			return nil, err
		}
		list[i] = request("DELETE", "/api/projects/"+url.PathEscape(idIn(text)), authorization, "")
	}
	return list, nil
}

func (sc share) compare(w io.Writer, deployments []deployment, rounds int, length time.Duration, connections int) error {
	speeds := make([][]float64, len(deployments))
	for range rounds {
		for i, d := range deployments {
			speed, err := sc.measure(d, length, connections)
			if err != nil {
				return err
			}
			speeds[i] = append(speeds[i], speed)
		}
	}
	ratio := func(of, to int) float64 {
		list := make([]float64, rounds)
		for round := range list {
			list[round] = speeds[of][round] / speeds[to][round]
		}
		return median(list)
	}
	workspaces := strconv.Itoa(connections)
	if sc.shared {
		workspaces = "1"
	}
	for i, d := range deployments {
		fmt.Fprintf(w, "%s\t%s\t%s\t%.0f\t%.2f\t%.2f\n", sc.name, workspaces, d.name, median(speeds[i]), ratio(i, 1), ratio(i, 0))
	}
	return nil
}

// measure is how many requests per second a deployment answers.
func (sc share) measure(d deployment, length time.Duration, connections int) (float64, error) {
	requests := make([]func() []byte, connections)
	for c := range requests {
		authorization := bearer
		if !sc.shared {
			authorization += "-" + strconv.Itoa(c)
		}
		if sc.prepare == nil {
			requests[c] = always(request(sc.method, sc.path, authorization, sc.body))
			continue
		}
		list, err := sc.prepare(d.servers[c%len(d.servers)], authorization, perConnection)
		if err != nil {
			return 0, err
		}
		requests[c], length = once(list), time.Minute
	}
	var (
		wg    sync.WaitGroup
		total atomic.Int64
		errs  = make([]error, connections)
	)
	from := time.Now()
	for c, next := range requests {
		wg.Go(func() { errs[c] = drive(d.servers[c%len(d.servers)].addr, from.Add(length), 200, next, &total) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return 0, err
	}
	return float64(total.Load()) / time.Since(from).Seconds(), nil
}
