// Command growth measures how the cost of an operation grows with what a store
// holds: from ten records to a hundred thousand in one workspace, and from one
// workspace to ten thousand, for every driver, at the interface of the storage and
// through the handler of the server.
//
// An absolute figure means nothing on a shared machine. The sizes are measured
// interleaved, round by round, and what is printed is the median of the rounds'
// ratios to the smallest size of the same round.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/internal/pgtest"
)

// gcPercent is the target of "understudy serve".
const gcPercent = 1200

// settings are what the command line says.
type settings struct {
	rounds int
	limit  float64
	pick   string
	cpu    bool // the processors are measured, not the time
}

func main() {
	records := flag.String("records", "10,1000,100000", "records in one workspace, the smallest number first")
	workspaces := flag.String("workspaces", "1,100,10000", "workspaces, the smallest number first")
	stores := flag.String("stores", "memory,sqlite,uncached,postgres", "the stores to measure; uncached is SQLite without its cache of records, at the interface of the storage")
	levels := flag.String("levels", "storage,http", "where to measure")
	s := settings{}
	flag.IntVar(&s.rounds, "rounds", 15, "rounds of every operation")
	flag.Float64Var(&s.limit, "limit", 0, "fail if a ratio is greater; 0 for none")
	flag.StringVar(&s.pick, "operation", "", "only the operations whose name contains this")
	flag.BoolVar(&s.cpu, "cpu", false, "measure what this process uses of the processors, which leaves out a database's server, instead of the time that passes")
	flag.Parse()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, s, *records, *workspaces, strings.Split(*stores, ","), strings.Split(*levels, ","))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "growth:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, s settings, records, workspaces string, stores, levels []string) (err error) {
	tables, err := tablesOf(records, workspaces)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if len(t.sizes) == 0 {
			continue
		}
		fmt.Fprintf(out, "\n%s (%d rounds)\n\n", t.title, s.rounds)
		heading(out, t.sizes)
		for _, level := range levels {
			fillers, known := t.fill[level]
			if !known {
				return fmt.Errorf("level %q: want storage or http", level)
			}
			for _, store := range stores {
				if store == storeUncached && level != "storage" {
					continue
				}
				for _, fill := range fillers {
					if err := t.store(ctx, out, s, level, store, fill); err != nil {
						return fmt.Errorf("%s, %s: %w", store, level, err)
					}
				}
			}
		}
	}
	return nil
}

// table is one dimension in which stores grow.
type table struct {
	title string
	sizes []int
	fill  map[string][]filler
}

// filler makes a store of a size and what is measured on it.
type filler func(ctx context.Context, store string, size int) (*bed, error)

func tablesOf(records, workspaces string) ([]table, error) {
	tables := []table{
		{title: "Records in one workspace", fill: map[string][]filler{
			"storage": {storageRecords},
			"http":    {httpFiller(projectsOf), httpFiller(integrationsOf), httpFiller(documentsOf), httpFiller(biOf), httpFiller(ciRunsOf)},
		}},
		{title: "Workspaces", fill: map[string][]filler{"storage": {storageWorkspaces}, "http": {httpWorkspaces}}},
	}
	for i, list := range []string{records, workspaces} {
		for field := range strings.SplitSeq(list, ",") {
			if field == "" {
				continue
			}
			n, err := strconv.Atoi(field)
			if err != nil || n < 1 {
				return nil, fmt.Errorf("size %q: want a number from 1", field)
			}
			tables[i].sizes = append(tables[i].sizes, n)
		}
	}
	return tables, nil
}

// store measures one store at all sizes.
func (t table) store(ctx context.Context, out io.Writer, s settings, level, store string, fill filler) (err error) {
	place, err := placeFor(store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, place.close()) }()
	var beds []*bed
	defer func() {
		for _, b := range beds {
			err = errors.Join(err, b.close())
		}
	}()
	for i, size := range t.sizes {
		where, err := place.store(i)
		if err != nil {
			return err
		}
		b, err := fill(ctx, where, size)
		if err != nil {
			return fmt.Errorf("fill with %d: %w", size, err)
		}
		beds = append(beds, b)
	}
	results, err := measure(ctx, s, beds)
	if err != nil {
		return err
	}
	return report(out, s.limit, level, store, t.sizes, results)
}

// place is where the stores of one kind are made.
type place struct {
	kind    string
	dir     string
	cluster *pgtest.Cluster
	schemas []string
}

func placeFor(kind string) (*place, error) {
	p := &place{kind: kind}
	var err error
	switch kind {
	case "memory":
	case "sqlite", storeUncached:
		p.dir, err = os.MkdirTemp("", "understudy-growth-")
	case "postgres":
		p.cluster, err = pgtest.ForProgram()
	default:
		err = errors.New("want memory, sqlite, uncached or postgres")
	}
	return p, err
}

// store names an empty store, as --store does.
func (p *place) store(n int) (string, error) {
	switch p.kind {
	case "sqlite", storeUncached:
		return p.kind + ":" + filepath.Join(p.dir, strconv.Itoa(n)+".db"), nil
	case "postgres":
		schema := "understudy_growth_" + strconv.Itoa(n)
		p.schemas = append(p.schemas, schema)
		return p.cluster.Empty(schema)
	}
	return p.kind, nil
}

func (p *place) close() error {
	switch p.kind {
	case "sqlite", storeUncached:
		return os.RemoveAll(p.dir)
	case "postgres":
		var errs []error
		for _, schema := range p.schemas { // the server may not be a throwaway
			errs = append(errs, p.cluster.Drop(schema))
		}
		return errors.Join(append(errs, p.cluster.Close())...)
	}
	return nil
}

func heading(out io.Writer, sizes []int) {
	fmt.Fprintf(out, "| where | store | operation | us at %s |", thousands(sizes[0]))
	for _, size := range sizes[1:] {
		fmt.Fprintf(out, " %s |", thousands(size))
	}
	fmt.Fprintf(out, "\n|%s\n", strings.Repeat("---|", 3+len(sizes)))
}

// report prints the rows of a store.
func report(out io.Writer, limit float64, level, store string, sizes []int, results []result) error {
	var over []string
	for _, r := range results {
		name := r.name
		if r.apart {
			name = "*" + name + "*"
		}
		fmt.Fprintf(out, "| %s | %s | %s | %.1f |", level, store, name, r.micros)
		for i, ratio := range r.ratios {
			if ratio == 0 {
				fmt.Fprint(out, " |")
				continue
			}
			fmt.Fprintf(out, " %.2f |", ratio)
			if limit > 0 && ratio > limit && !r.apart {
				over = append(over, fmt.Sprintf("%s at %d: %.2f", r.name, sizes[i+1], ratio))
			}
		}
		fmt.Fprintln(out)
	}
	if len(over) > 0 {
		return fmt.Errorf("more than %.2f times what it costs at %d: %s", limit, sizes[0], strings.Join(over, "; "))
	}
	return nil
}

// thousands writes 100000 as 100,000.
func thousands(n int) string {
	text := strconv.Itoa(n)
	var groups []string
	for len(text) > 3 {
		groups = append(groups, text[len(text)-3:])
		text = text[:len(text)-3]
	}
	groups = append(groups, text)
	slices.Reverse(groups)
	return strings.Join(groups, ",")
}
