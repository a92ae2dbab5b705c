package repo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/repo"
)

func claim(deployment, holder string) repo.Edit {
	return repo.Edit{Table: "claims", Row: specs.Row{
		"deployment": deployment, "holder": holder, "until_at": "2026-11-22 10:00:00.000000",
	}}
}

// TestPublishRace has two clones push to status at once, fifty times each: every
// push that was said to have landed is there, and the loser is told.
func TestPublishRace(t *testing.T) {
	t.Parallel()
	const rounds = 50
	first, hub := newFleet(t, "")
	racers := []*repo.Repo{first, open(t, hub)}
	ctx := context.Background()
	var wg sync.WaitGroup
	lost := make([]int, len(racers))
	for i, r := range racers {
		wg.Go(func() {
			for round := range rounds {
				if err := publishUntilLanded(ctx, r, fmt.Sprintf("%d-%d", i, round), &lost[i]); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	t.Logf("lost races: %v", lost)
	h := heads(t, first)
	rows := must[map[string][]specs.Row](t)(first.Tables(ctx, h.Status, "claims"))["claims"]
	if len(rows) != rounds*len(racers) {
		t.Errorf("%d claims, want %d", len(rows), rounds*len(racers))
	}
	for _, row := range rows {
		if row["until_at"] != "2026-11-22 10:00:00.000000" {
			t.Fatalf("a time came back as %v", row["until_at"])
		}
	}
}

func publishUntilLanded(ctx context.Context, r *repo.Repo, deployment string, lost *int) error {
	for {
		h, err := r.Fetch(ctx)
		if err != nil {
			return err
		}
		_, err = r.Publish(ctx, h.Status, []repo.Edit{claim(deployment, "me")}, "claim "+deployment)
		if !errors.Is(err, repo.ErrLost) {
			return err
		}
		*lost++
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, hub := newFleet(t, "")
	other := open(t, hub)
	base := heads(t, other).Status
	var edits []repo.Edit
	for i := range 450 {
		edits = append(edits, claim(fmt.Sprint(i), `it's "quoted" \ and 日本`))
	}
	made := must[string](t)(r.Publish(ctx, base, edits, "claim"))
	if same := must[string](t)(r.Publish(ctx, made, edits, "claim again")); same != made {
		t.Errorf("nothing changed and %s was made", same)
	}
	if _, err := other.Publish(ctx, base, []repo.Edit{claim("x", "me")}, "late"); !errors.Is(err, repo.ErrLost) {
		t.Errorf("on an old base: %v", err)
	}
	if got := heads(t, other).Status; got != made {
		t.Errorf("the hub has %s, want %s", got, made)
	}
	end := must[string](t)(other.Publish(ctx, made, []repo.Edit{
		{Table: "claims", Row: specs.Row{"deployment": "7"}, Delete: true},
		{Table: "entries", Row: specs.Row{"deployment": "7", "name": "n", "volume_id": "", "deleted_at": nil, "delete_after": nil, "deleted_in": ""}},
		{Table: "slots", Row: specs.Row{"deployment": "7", "ordinal": "0", "generation": "3", "token": "t", "batch": "1", "launch_index": "0", "zone": "z",
			"instance_type": "i", "volume_type": nil, "volume_gb": nil, "volume_iops": nil, "volume_mibps": nil, "state": "claimed",
			"machine_id": "", "claimed_at": "2026-11-22 10:00:00.000001"}},
	}, "edit"))
	tables := must[map[string][]specs.Row](t)(other.Tables(ctx, end, "claims", "entries", "slots"))
	if len(tables["claims"]) != 449 || tables["claims"][0]["holder"] != `it's "quoted" \ and 日本` {
		t.Errorf("claims: %d, %v", len(tables["claims"]), tables["claims"][0])
	}
	if e := tables["entries"][0]; e["deleted_at"] != nil || e["name"] != "n" {
		t.Errorf("entry %v", e)
	}
	if s := tables["slots"][0]; s["generation"] != "3" || s["volume_gb"] != nil || s["claimed_at"] != "2026-11-22 10:00:00.000001" {
		t.Errorf("slot %v", s)
	}
	_ = must[string](t)(other.Publish(ctx, end, []repo.Edit{{Table: "slots", Row: specs.Row{"deployment": "7", "ordinal": "0", "generation": "3"}, Delete: true}}, "drop"))
	if _, err := other.Publish(ctx, end, []repo.Edit{{Table: "nope", Row: specs.Row{"x": "1"}}}, "bad"); err == nil {
		t.Error("a table that is not there")
	}
}

// TestChangeRace has people change main at once: all land.
func TestChangeRace(t *testing.T) {
	t.Parallel()
	first, hub := newFleet(t, "")
	ctx := context.Background()
	racers := []*repo.Repo{first, open(t, hub), open(t, hub)}
	var wg sync.WaitGroup
	for i, r := range racers {
		wg.Go(func() {
			for round := range 10 {
				statement := fmt.Sprintf("INSERT INTO deployments (name) VALUES ('d%d-%d')", i, round)
				if _, err := r.Change(ctx, "main", statement, "add"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := len(snapshot(t, first, heads(t, first).Main).Deployments); got != 30 {
		t.Errorf("%d deployments, want 30", got)
	}
}
