package crash_test

import (
	"errors"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The checker finds what it is there to find.
func TestStoreSettle(t *testing.T) {
	project, child, deleted := keyOf(aProject, "p"), key{anIntegration, "p", "k"}, keyOf(aDeleted, "p")
	bi := keyOf(aBIIntegration, "b")
	known := dump{project: {"1", "p"}, child: {"2", "c"}, bi: {"3", "b"}}
	remove := func() *change {
		return &change{drops: []key{project}, sets: map[key]entry{deleted: {"1", "p"}}}
	}
	make2 := func() *change {
		return &change{sets: map[key]entry{keyOf(aProject, "q"): {"", "q"}, {anIntegration, "q", "k"}: {"", "c"}}}
	}
	for name, test := range map[string]struct {
		unsure *change
		found  dump
		want   map[string]int
	}{
		"all there":             {nil, known, map[string]int{}},
		"one lost":              {nil, dump{project: {"1", "p"}, child: {"2", "c"}}, map[string]int{lost: 1}},
		"an older text":         {nil, dump{project: {"1", "old"}, child: {"2", "c"}, bi: {"3", "b"}}, map[string]int{lost: 1}},
		"another id":            {nil, dump{project: {"9", "p"}, child: {"2", "c"}, bi: {"3", "b"}}, map[string]int{lost: 1}},
		"one too many":          {nil, with(known, dump{keyOf(aBIIntegration, "x"): {"4", "x"}}), map[string]int{otherwise: 1}},
		"not deleted":           {remove(), known, map[string]int{notApplied: 1}},
		"deleted":               {remove(), dump{deleted: {"1", "p"}, bi: {"3", "b"}}, map[string]int{applied: 1}},
		"deleted and there":     {remove(), with(known, dump{deleted: {"1", "p"}}), map[string]int{halved: 1}},
		"deleted and not there": {remove(), dump{bi: {"3", "b"}}, map[string]int{halved: 1}},
		"not made":              {make2(), known, map[string]int{notApplied: 1}},
		"made":                  {make2(), with(known, dump{keyOf(aProject, "q"): {"5", "q"}, {anIntegration, "q", "k"}: {"6", "c"}}), map[string]int{applied: 1}},
		"made without content":  {make2(), with(known, dump{keyOf(aProject, "q"): {"5", "q"}}), map[string]int{halved: 1}},
		"made with another id":  {&change{sets: map[key]entry{keyOf(aBIIntegration, "x"): {"", "x"}}}, with(known, dump{keyOf(aBIIntegration, "x"): {"3", "x"}}), map[string]int{applied: 1, duplicated: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger("s", false)
			past := &change{sets: maps.Clone(known)}
			l.begin(past)
			l.acknowledge(past, nil)
			if test.unsure != nil {
				l.begin(test.unsure)
			}
			l.settle(test.found)
			delete(l.tally, acknowledged)
			// A half that came true is told a second time, by what is there.
			if test.want[halved] > 0 {
				delete(l.tally, lost)
				delete(l.tally, otherwise)
			}
			if diff := cmp.Diff(test.want, l.tally); diff != "" {
				t.Error(diff)
			}
			if l.hangs() || len(l.busy) > 0 {
				t.Error("something is unsure after it was looked at")
			}
			// What was found is what is known from now on.
			if diff := cmp.Diff(test.found, l.sure.visible(), cmp.AllowUnexported(key{}, entry{})); diff != "" && test.want[halved] == 0 {
				t.Error(diff)
			}
		})
	}
}

func with(w, more dump) dump {
	all := maps.Clone(w)
	maps.Copy(all, more)
	return all
}

func TestStoreTwice(t *testing.T) {
	w := dump{}
	k := keyOf(aBIIntegration, "b")
	if err := errors.Join(w.add(k, entry{"1", "b"}), w.unique()); err != nil {
		t.Error(err)
	}
	if err := w.add(k, entry{"2", "b"}); !errors.Is(err, errTwice) {
		t.Errorf("one name twice: %v", err)
	}
	w[keyOf(aBIIntegration, "c")] = entry{"1", "c"}
	if err := w.unique(); !errors.Is(err, errTwice) {
		t.Errorf("one id twice: %v", err)
	}
}
