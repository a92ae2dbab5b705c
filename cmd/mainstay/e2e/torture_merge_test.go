package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
)

// wishEvery is between two proposals: rarer than the control plane looks at main, so
// that there are moments at which it has caught up.
const wishEvery = 2 * time.Second

// An author makes proposals and merges them, and remembers those of which it was told
// that they are on main.
type author struct {
	fleet   *fleet
	victims []string
	merged  []merge
	lost    int
}

// A merge is one that was acknowledged.
type merge struct {
	number int
	victim string
	commit string
}

func (a *author) merge(ctx context.Context) {
	for n := 1; ctx.Err() == nil; n++ {
		victim := a.victims[n%len(a.victims)]
		if commit := a.wish(n, victim); commit != "" {
			a.merged = append(a.merged, merge{n, victim, commit})
		}
		select {
		case <-ctx.Done():
		case <-time.After(wishEvery):
		}
	}
}

// wish proposes a change and merges it. Empty: that failed, or it is not known whether
// it did, as when the hub is killed meanwhile; the next has another branch.
func (a *author) wish(n int, victim string) (commit string) {
	branch := fmt.Sprint("wish-", n)
	change := fmt.Sprintf("UPDATE deployments SET owner = '%d' WHERE name = '%s'", n, victim)
	for _, args := range [][]string{
		{"sql", "-b", branch, "-m", "another owner", change},
		{"pr", "create", "-b", branch, "--title", "proposal " + branch},
	} {
		if _, _, code := a.fleet.run(args...); code != 0 {
			return ""
		}
	}
	stdout, _, code := a.fleet.run("pr", "merge", branch, "--delete-branch", "-o", "json")
	var done struct{ Commit string }
	if code != 0 || json.Unmarshal([]byte(stdout), &done) != nil {
		return ""
	}
	return done.Commit
}

// check looks for every acknowledged merge in the history of main, and for what the
// last of each deployment wished in its row.
func (a *author) check() {
	var history []view.LogEntry
	if err := json.Unmarshal([]byte(a.fleet.do("log", "-n", "0", "-o", "json")), &history); err != nil {
		a.fleet.t.Fatal(err)
	}
	there, newest := map[string]bool{}, map[string]int{}
	for _, entry := range history {
		there[entry.Commit] = true
	}
	for _, m := range a.merged {
		newest[m.victim] = m.number
		if !there[m.commit] {
			a.lost++
			a.fleet.t.Errorf("merge %s of wish %d was acknowledged and is not in main", m.commit, m.number)
		}
	}
	for victim, n := range newest {
		owner := a.fleet.query("SELECT owner FROM deployments WHERE name = '" + victim + "'")
		if got, err := strconv.Atoi(strings.TrimSpace(owner)); err != nil || got < n { // more: merged, and not acknowledged
			a.fleet.t.Errorf("the owner of %s is %q, and wish %d was acknowledged", victim, owner, n)
		}
	}
	if len(a.merged) == 0 {
		a.fleet.t.Error("nothing was merged")
	}
}
