package reconciler_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/repostore"
	"github.com/mainstaydb/mainstay/reconciler/sim"
	"github.com/mainstaydb/mainstay/specs"
)

const storedID = "00000000-0000-0000-0000-000000000001"

// A storing is a store with a way to change its main.
type storing struct {
	reconciler.Store
	add func(volumeGB int) string // changes the one deployment's volume, or makes it
}

func storings(t *testing.T) map[string]storing {
	b := newBenchAlone(t)
	hub := sim.NewHub()
	return map[string]storing{
		"a real repository": {repostore.Store{Repo: b.clone("one")}, func(gb int) string {
			return b.sql("REPLACE INTO deployments (id, name, volume_gb) VALUES ('" + storedID + "', 'orders', " + string(rune('0'+gb/10)) + string(rune('0'+gb%10)) + ")")
		}},
		"in memory": {hub, func(gb int) string {
			return hub.Change("ann@example.com", "change", func(s *specs.Snapshot) { s.PutDeployment(stored(gb)) })
		}},
	}
}

func stored(gb int) *specs.Deployment {
	return &specs.Deployment{ID: storedID, Name: "orders", Zone: "local", InstanceType: "t3.small", VolumeType: "gp3", VolumeGB: gb, DoltVersion: "2.2.0",
		Certificate: "fleet", Running: true, RetentionDays: 7}
}

// TestStores holds the simulation's hub to what the real one does.
func TestStores(t *testing.T) {
	for name, s := range storings(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			fetch := func() reconciler.Heads {
				t.Helper()
				h, err := s.Fetch(ctx)
				if err != nil {
					t.Fatal(err)
				}
				return h
			}
			begin := fetch()
			first := s.add(10)
			second := s.add(20)
			heads := fetch()
			if heads.Main != second || heads.Status != begin.Status || first == begin.Main {
				t.Fatalf("heads %+v after %s and %s", heads, first, second)
			}
			desired(t, s, begin.Main, first, second)
			published(t, s, heads.Status)
		})
	}
}

func desired(t *testing.T, s storing, begin, first, second string) {
	t.Helper()
	ctx := t.Context()
	snapshot, err := s.Snapshot(ctx, second)
	if err != nil || snapshot.ByName("orders") == nil || snapshot.ByName("orders").VolumeGB != 20 {
		t.Errorf("the snapshot has %+v, %v", snapshot, err)
	}
	if steps, ok, err := s.Steps(ctx, begin, second); err != nil || !ok || !cmp.Equal(steps, []string{first, second}) {
		t.Errorf("steps %v, %t, %v", steps, ok, err)
	}
	if _, ok, _ := s.Steps(ctx, second, first); ok {
		t.Error("there are steps backwards")
	}
	changes, err := s.Changes(ctx, first, second)
	if err != nil || len(changes) != 1 || changes[0].Key != storedID || changes[0].From["volume_gb"] != "10" || changes[0].To["volume_gb"] != "20" {
		t.Errorf("changes %+v, %v", changes, err)
	}
	if c, err := s.Commit(ctx, second); err != nil || c.Author != "ann@example.com" || len(c.Parents) != 1 || c.Parents[0] != first {
		t.Errorf("the commit is %+v, %v", c, err)
	}
	if base, err := s.MergeBase(ctx, first, second); err != nil || base != first {
		t.Errorf("common is %s, %v", base, err)
	}
	if _, err := s.Snapshot(ctx, "00000000000000000000000000000000"); err == nil {
		t.Error("a commit that is not there has a snapshot")
	}
}

func published(t *testing.T, s storing, base string) {
	t.Helper()
	ctx := t.Context()
	edits := func(e *plan.Entry) []ledger.Edit {
		var all []ledger.Edit
		for _, r := range ledger.EntryRecords(e) {
			all = append(all, ledger.Edit{Table: r.Table, Row: r.Row})
		}
		return all
	}
	entry := &plan.Entry{Deployment: storedID, Slots: []plan.Slot{{SlotID: plan.SlotID{Deployment: storedID, Generation: 1}, Token: "t-1", State: plan.SlotClaimed, ClaimedAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}}}
	one, err := s.Publish(ctx, base, edits(entry), "one")
	if err != nil || one == base {
		t.Fatalf("published %s, %v", one, err)
	}
	if again, err := s.Publish(ctx, one, edits(entry), "the same"); err != nil || again != one {
		t.Errorf("the same rows are a commit: %s, %v", again, err)
	}
	if _, err := s.Publish(ctx, base, edits(&plan.Entry{Deployment: storedID}), "late"); !errors.Is(err, reconciler.ErrLost) {
		t.Errorf("a push on what was there before: %v", err)
	}
	got := entryOf(t, s, one)
	if d := cmp.Diff(entry.Slots, got.Slots); d != "" {
		t.Errorf("the slots read differently (-want +got):\n%s", d)
	}
	var gone []ledger.Edit
	for _, e := range edits(entry) {
		if e.Table == "slots" {
			gone = append(gone, ledger.Edit{Table: e.Table, Row: ledgerKey(e), Delete: true})
		}
	}
	two, err := s.Publish(ctx, one, gone, "two")
	if err != nil {
		t.Fatal(err)
	}
	if got := entryOf(t, s, two); len(got.Slots) != 0 {
		t.Errorf("deleted slots are there: %+v", got.Slots)
	}
	if got := entryOf(t, s, one); len(got.Slots) != 1 {
		t.Errorf("an old commit changed: %+v", got.Slots)
	}
}

func entryOf(t *testing.T, s storing, commit string) *plan.Entry {
	t.Helper()
	if _, err := s.Fetch(context.Background()); err != nil {
		t.Fatal(err)
	}
	state := ledger.NewState()
	if err := s.EachRow(t.Context(), commit, ledger.Tables, state.Add); err != nil {
		t.Fatal(err)
	}
	return state.Entries[storedID]
}

// ledgerKey leaves of an edit the key, as a deletion has it.
func ledgerKey(e ledger.Edit) specs.Row {
	return specs.Row{"deployment": e.Row["deployment"], "ordinal": e.Row["ordinal"], "generation": e.Row["generation"]}
}
