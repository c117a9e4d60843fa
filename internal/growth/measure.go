package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/understudy-api/understudy/internal/cputime"
)

// bed is a store of one size, and what is measured on it.
type bed struct {
	operations []operation
	close      func() error
}

// operation is one thing that is measured.
type operation struct {
	name string
	// apart marks what has to look at everything, and so grows with it.
	apart bool
	times int // in one round
	// before and after are not measured: they make ready what is to be done, and
	// undo it, so that the store keeps its size. nil is nothing.
	before, after func() error
	run           func(i int) error
}

// result is one operation at all sizes.
type result struct {
	name   string
	apart  bool
	micros float64   // at the smallest size
	ratios []float64 // of the other sizes to it; 0 where it was not measured
}

// operation is one of the bed's; nothing where a store of its size is not asked for it.
func (b *bed) operation(i int) *operation {
	if i >= len(b.operations) {
		return &operation{}
	}
	return &b.operations[i]
}

// measure runs every operation on every bed in every round, in another order each
// time.
func measure(ctx context.Context, s settings, beds []*bed) ([]result, error) {
	var results []result
	began := time.Now()
	now := func() time.Duration { return time.Since(began) }
	if s.cpu {
		now = cputime.Used
	}
	for i, o := range beds[0].operations {
		if !strings.Contains(o.name, s.pick) {
			continue
		}
		micros := make([][]float64, len(beds))
		for round := range s.rounds + 1 {
			for turn := range beds {
				n := (round + turn) % len(beds)
				took, err := beds[n].operation(i).round(ctx, now)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", o.name, err)
				}
				if round > 0 { // the first only warms up
					micros[n] = append(micros[n], took)
				}
			}
		}
		r := result{name: o.name, apart: o.apart, micros: median(micros[0])}
		for _, larger := range micros[1:] {
			ratios := make([]float64, 0, len(larger))
			for round, took := range larger {
				if took > 0 {
					ratios = append(ratios, took/micros[0][round])
				}
			}
			r.ratios = append(r.ratios, median(ratios))
		}
		results = append(results, r)
	}
	return results, nil
}

// round is what the operation costs in microseconds; 0 if it is not to be measured
// here.
func (o *operation) round(ctx context.Context, now func() time.Duration) (float64, error) {
	if o.times == 0 {
		return 0, ctx.Err()
	}
	if o.before != nil {
		if err := o.before(); err != nil {
			return 0, err
		}
	}
	began := now()
	for i := range o.times {
		if err := o.run(i); err != nil {
			return 0, err
		}
	}
	took := now() - began
	if o.after != nil {
		if err := o.after(); err != nil {
			return 0, err
		}
	}
	return float64(took.Nanoseconds()) / 1e3 / float64(o.times), ctx.Err()
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
