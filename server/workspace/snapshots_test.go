package workspace

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// A workspace keeps so many snapshots and no more, however many are taken at once; one of
// them is still replaced, and others have as many.
func TestManySnapshots(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	take := func(workspace, name string) error {
		_, err := b.Take(t.Context(), workspace, name, false)
		return err
	}
	const places = 5
	for i := range MaxSnapshots - places {
		if err := take("w", fmt.Sprint("s", i)); err != nil {
			t.Fatal(i, err)
		}
	}
	errs := make(chan error, 4*places)
	for i := range cap(errs) {
		go func() { errs <- take("w", fmt.Sprint("at once ", i)) }()
	}
	taken := 0
	for range cap(errs) {
		if err := <-errs; err == nil {
			taken++
		} else if full, ok := errors.AsType[*storage.FullError](err); !ok || full.Reason != "A workspace holds at most 1000 snapshots" {
			t.Errorf("one too many: %v", err)
		}
	}
	if taken != places {
		t.Errorf("%d are taken where there are %d places", taken, places)
	}
	if err := errors.Join(take("w", "s7"), take("x", "another"), b.DeleteSnapshot(t.Context(), "w", "s8"), take("w", "another")); err != nil {
		t.Error(err)
	}
	if len(b.turns.of) > 0 {
		t.Errorf("turns are left: %v", b.turns.of)
	}
}

// The clock is read, set, frozen, let go and moved; the other settings stay.
func TestClock(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	b.put("w", "f", `{"do":{"status":500}}`)
	if err := b.SetIDs(ctx, "w", storage.IDs{Source: storage.IDsSeeded, Seed: 3}); err != nil {
		t.Fatal(err)
	}
	at := func(text string) *time.Time {
		parsed, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return &parsed
	}
	set := func(frozen bool, now *time.Time) func() (Clock, error) {
		return func() (Clock, error) { return b.SetClock(ctx, "w", frozen, now) }
	}
	advance := func(by time.Duration) func() (Clock, error) {
		return func() (Clock, error) { return b.AdvanceClock(ctx, "w", by) }
	}
	for _, step := range []struct {
		name   string
		do     func() (Clock, error)
		now    string // after a second
		frozen bool
		offset time.Duration
		err    string
	}{
		{"running", set(false, nil), "2001-09-09T01:46:41Z", false, 0, ""},
		{"frozen where it is", set(true, nil), "2001-09-09T01:46:41Z", true, 0, ""},
		{"frozen again", set(true, nil), "2001-09-09T01:46:41Z", true, 0, ""},
		{"moved", advance(time.Hour), "2001-09-09T02:46:41Z", true, 0, ""},
		{"moved back", advance(-time.Minute), "2001-09-09T02:45:41Z", true, 0, ""},
		{"goes on", set(false, nil), "2001-09-09T02:45:42Z", false, time.Hour - time.Minute - 4*time.Second, ""},
		{
			"running at a time", set(false, at("2026-01-01T00:00:00.000001+01:00")), "2025-12-31T23:00:01.000001Z", false,
			at("2025-12-31T23:00:00.000001Z").Sub(time.Unix(1_000_000_006, 0)), "",
		},
		{
			"running and moved", advance(time.Second), "2025-12-31T23:00:03.000001Z", false,
			at("2025-12-31T23:00:01.000001Z").Sub(time.Unix(1_000_000_006, 0)), "",
		},
		{"frozen at a time", set(true, at("1999-12-31T23:59:59.9999999Z")), "1999-12-31T23:59:59.999999Z", true, 0, ""},
		{"frozen far away", set(true, at("9999-12-31T23:59:59Z")), "9999-12-31T23:59:59Z", true, 0, ""},
		{"beyond the last year", advance(time.Second), "9999-12-31T23:59:59Z", true, 0, "by: a clock shows the years 1 to 9999"},
		{"before the first", set(true, at("0000-01-01T00:00:00Z")), "9999-12-31T23:59:59Z", true, 0, "now: a clock shows the years 1 to 9999"},
		{
			"running far away", set(false, nil), "9999-12-31T23:59:59Z", true, 0,
			"now: a running clock is within 292 years of the real one: freeze it at such a time",
		},
		{"running again", set(false, at("2001-09-09T01:46:53Z")), "2001-09-09T01:46:54Z", false, 0, ""},
		{"too far", advance(1<<63 - 1), "2293-12-20T00:00:00Z", false, 1<<63 - 1, ""},
		{"even farther", advance(1<<63 - 1), "", false, 1<<63 - 1, "by: a running clock stays within 292 years of the real one"},
	} {
		got, err := step.do()
		if (err == nil) != (step.err == "") {
			t.Fatalf("%s: %v", step.name, err)
		}
		if err != nil {
			if _, ok := errors.AsType[*InvalidError](err); !ok || err.Error() != step.err {
				t.Errorf("%s: %q, want %q", step.name, err, step.err)
			}
		}
		b.real.Add(1)
		read, err2 := b.Clock(ctx, "w")
		if err2 != nil {
			t.Fatal(err2)
		}
		if err == nil && (got.Frozen != read.Frozen || got.Offset != read.Offset) {
			t.Errorf("%s: %+v was answered, %+v is", step.name, got, read)
		}
		if read.Frozen != step.frozen || read.Offset != step.offset {
			t.Errorf("%s: %+v", step.name, read)
		}
		if text := read.Now.Format(time.RFC3339Nano); step.offset != 1<<63-1 && text != step.now {
			t.Errorf("%s: %s, want %s", step.name, text, step.now)
		}
	}
	if ids, err := b.IDs(ctx, "w"); err != nil || ids.Seed != 3 {
		t.Error(ids, err)
	}
	if got := b.steer("w", "createProject"); got.Fault != "f" || got.Clock.Offset != 1<<63-1 {
		t.Errorf("%+v", got)
	}
}

// content is everything that a workspace holds, in words.
func (b *bench) content(workspace string) string {
	b.t.Helper()
	var text string
	if err := b.store.View(b.t.Context(), workspace, func(tx storage.ReadTx) error {
		settings, err := tx.Settings()
		if err != nil {
			return err
		}
		text = fmt.Sprintf("%+v\n", settings)
		for _, deleted := range []bool{false, true} {
			page, err := tx.List("thing", storage.Query{Deleted: deleted, Index: "name"})
			if err != nil {
				return err
			}
			for _, r := range page.Records {
				text += fmt.Sprintf("%+v %s\n", r.Seq, r.Body)
			}
			count, err := tx.Count("thing", "", deleted)
			if err != nil {
				return err
			}
			text += fmt.Sprintln(count)
		}
		last, err := tx.Last("numbers")
		if err != nil {
			return err
		}
		ids, err := tx.Last(storage.SequenceOfIDs)
		text += fmt.Sprintln(last, ids)
		return err
	}); err != nil {
		b.t.Fatal(err)
	}
	faults, err := b.Faults(b.t.Context(), workspace)
	if err != nil {
		b.t.Fatal(err)
	}
	list, err := json.Marshal(faults)
	if err != nil {
		b.t.Fatal(err)
	}
	return text + string(list)
}

// fill adds a thing of every kind to a workspace.
func (b *bench) fill(workspace, name string) {
	b.t.Helper()
	if err := b.store.Update(b.t.Context(), workspace, func(tx storage.Tx) error {
		if _, err := tx.Next("numbers"); err != nil {
			return err
		}
		if _, err := tx.PutBlob([]byte(name)); err != nil {
			return err
		}
		_, err := tx.Insert(storage.Record{Kind: "thing", ID: tx.NewID(), Body: []byte(`"` + name + `"`)},
			[]storage.Key{{Index: "name", Value: name, Unique: true}})
		return err
	}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) record(workspace, id string) {
	b.evidence.Record(&site.Exchange{
		ID: id, API: "brms", Workspace: workspace, Method: "GET", Path: "/p", Status: 400, Time: time.Unix(b.real.Load(), 0),
		Explained: []contract.Explained{{Side: contract.SideClient, Rule: "type", Basis: contract.BasisPublished, In: contract.InBody, Message: "m"}},
	})
}

// seen is the evidence of a workspace in words.
func (b *bench) seen(workspace string) string {
	b.t.Helper()
	scope := evidence.Scope{Workspace: workspace}
	list, _, _, err := b.evidence.List(b.t.Context(), scope, evidence.Filter{})
	if err != nil {
		b.t.Fatal(err)
	}
	report, err := b.evidence.Report(b.t.Context(), scope, evidence.CoverageOfPublished)
	if err != nil {
		b.t.Fatal(err)
	}
	text := fmt.Sprintf("%d requests,", report.Requests)
	for i := range list {
		x, err := b.evidence.Get(b.t.Context(), scope, list[i].ID)
		if err != nil || x == nil {
			b.t.Fatal(x, err)
		}
		text += " " + x.ID
	}
	for _, v := range report.Violations {
		text += fmt.Sprintf(", %d times %s", v.Requests, v.Rule)
	}
	return text
}

// A snapshot keeps everything, and restoring it brings everything back.
func TestSnapshots(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	for i, workspace := range []string{"w", "other"} {
		b.fill(workspace, "one")
		b.record(workspace, fmt.Sprintf("%016x", i+1))
	}
	other, otherSeen := b.content("other"), b.seen("other")
	if err := b.SetIDs(ctx, "w", storage.IDs{Source: storage.IDsSequential}); err != nil {
		t.Fatal(err)
	}
	b.fill("w", "two")
	b.put("w", "f", `{"when":{"times":2},"do":{"status":503}}`)
	b.steer("w", "createProject")
	if _, err := b.SetClock(ctx, "w", true, nil); err != nil {
		t.Fatal(err)
	}
	before, seen := b.content("w"), b.seen("w")
	if seen != "1 requests, 0000000000000001, 1 times type" {
		t.Fatal(seen)
	}
	taken := time.Unix(b.real.Load(), 0).UTC()
	for _, name := range []string{"plain", "full"} {
		got, err := b.Take(ctx, "w", name, name == "full")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Snapshot{Name: name, Taken: taken, Evidence: name == "full"}, got); diff != "" {
			t.Error(diff)
		}
	}
	if got := b.content("w"); got != before {
		t.Errorf("taking a snapshot changed the workspace:\n%s", cmp.Diff(before, got))
	}
	spoil := func() {
		t.Helper()
		b.fill("w", "three")
		b.steer("w", "createProject")
		b.put("w", "g", `{"do":{"status":500}}`)
		if _, err := b.AdvanceClock(ctx, "w", time.Hour); err != nil {
			t.Fatal(err)
		}
		b.record("w", "00000000000000ff")
		if b.content("w") == before {
			t.Fatal("nothing changed")
		}
	}
	spoil()
	b.real.Add(1000)
	if got, err := b.Restore(ctx, "w", "plain"); err != nil || got != (Snapshot{Name: "plain", Taken: taken}) {
		t.Error(got, err)
	}
	if diff := cmp.Diff(before, b.content("w")); diff != "" {
		t.Errorf("restored without evidence: %s", diff)
	}
	if got := b.seen("w"); got != "2 requests, 00000000000000ff 0000000000000001, 2 times type" {
		t.Errorf("the evidence changed too: %s", got)
	}
	for range 2 { // the snapshot stays
		spoil()
		if got, err := b.Restore(ctx, "w", "full"); err != nil || got != (Snapshot{Name: "full", Taken: taken, Evidence: true}) {
			t.Error(got, err)
		}
		if diff := cmp.Diff(before, b.content("w")); diff != "" {
			t.Errorf("restored with evidence: %s", diff)
		}
		if got := b.seen("w"); got != seen {
			t.Errorf("restored with evidence: %s, want %s", got, seen)
		}
	}
	b.fill("w", "three") // its name is free again
	if err := b.Reset(ctx, "w", false); err != nil {
		t.Fatal(err)
	}
	empty := newBench(t).content("w")
	if diff := cmp.Diff(empty, b.content("w")); diff != "" {
		t.Errorf("reset: %s", diff)
	}
	if got := b.seen("w"); got != seen {
		t.Errorf("reset without evidence: %s, want %s", got, seen)
	}
	b.record("w", "00000000000000fe") // not in the store yet
	if err := b.Reset(ctx, "w", true); err != nil {
		t.Fatal(err)
	}
	if got := b.seen("w"); got != "0 requests," {
		t.Errorf("reset with evidence: %s", got)
	}
	if diff := cmp.Diff(other+otherSeen, b.content("other")+b.seen("other")); diff != "" {
		t.Errorf("another workspace: %s", diff)
	}
}

// Snapshots are listed, replaced and deleted, each workspace's apart.
func TestSnapshotList(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	list := func(workspace string, wanted ...Snapshot) {
		t.Helper()
		got, err := b.Snapshots(ctx, workspace)
		if err != nil || got == nil {
			t.Fatal(got, err)
		}
		if diff := cmp.Diff(append([]Snapshot{}, wanted...), got); diff != "" {
			t.Errorf("%s: %s", workspace, diff)
		}
	}
	first := time.Unix(b.real.Load(), 0).UTC()
	list("w")
	for _, name := range []string{"b", "a", "B"} {
		if _, err := b.Take(ctx, "w", name, true); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Take(ctx, "ww", "x", false); err != nil {
		t.Fatal(err)
	}
	list("w", Snapshot{"B", first, true}, Snapshot{"a", first, true}, Snapshot{"b", first, true})
	b.real.Add(5)
	b.fill("w", "one")
	if _, err := b.Take(ctx, "w", "a", false); err != nil {
		t.Fatal(err)
	}
	list("w", Snapshot{"B", first, true}, Snapshot{"a", first.Add(5 * time.Second), false}, Snapshot{"b", first, true})
	// That of a workspace which did not exist is empty.
	with := b.content("w")
	if _, err := b.Restore(ctx, "w", "b"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(newBench(t).content("w"), b.content("w")); diff != "" {
		t.Error(diff)
	}
	if _, err := b.Restore(ctx, "w", "a"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(with, b.content("w")); diff != "" {
		t.Error(diff)
	}
	if err := b.DeleteSnapshot(ctx, "w", "b"); err != nil {
		t.Fatal(err)
	}
	list("w", Snapshot{"B", first, true}, Snapshot{"a", first.Add(5 * time.Second), false})
	list("ww", Snapshot{"x", first, false})
	for name, err := range map[string]error{
		"delete again":     b.DeleteSnapshot(ctx, "w", "b"),
		"delete another's": b.DeleteSnapshot(ctx, "w", "x"),
		"restore": func() error {
			_, err := b.Restore(ctx, "w", "b")
			return err
		}(),
	} {
		if !storage.IsNotFound(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(with, b.content("w")); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"a", "B"} {
		if err := b.DeleteSnapshot(ctx, "w", name); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := b.store.Workspaces(ctx, prefixOf("w")); err != nil || len(found) != 0 {
		t.Errorf("deleted snapshots left %q, %v", found, err)
	}
}

// A seed keeps what it made in its own transaction.
func TestKeep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	if _, err := b.Take(ctx, "w", "seed", true); err != nil {
		t.Fatal(err)
	}
	records, seen := SnapshotWorkspaces("w", "seed")
	if err := b.store.UpdateAll(ctx, []string{"w", records, seen}, func(txs []storage.Tx) error {
		if err := SetFaults(txs[0], []Fault{faultFrom(t, "f", `{"do":{"status":500}}`)}); err != nil {
			return err
		}
		return b.Keep(txs[0], txs[1], txs[2])
	}); err != nil {
		t.Fatal(err)
	}
	before := b.content("w")
	if err := b.Reset(ctx, "w", false); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Restore(ctx, "w", "seed"); err != nil || got.Evidence {
		t.Fatal(got, err)
	}
	if diff := cmp.Diff(before, b.content("w")); diff != "" {
		t.Error(diff)
	}
}
