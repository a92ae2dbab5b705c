package reconciler_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/repostore"
	"github.com/mainstaydb/mainstay/reconciler/sim"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/repo"
)

func TestMain(m *testing.M) {
	// The engine reads its user's configuration: not that of whoever runs the tests.
	root, err := os.MkdirTemp("", "loop-test")
	if err != nil {
		panic(err)
	}
	os.Setenv("DOLT_ROOT_PATH", root)
	code := m.Run()
	os.RemoveAll(root)
	os.Exit(code)
}

// A bench is a hub on disk, a person's clone of it, and a world.
type bench struct {
	*testing.T
	hub    string
	person *repo.Repo
	world  *sim.World
	open   *[]*repo.Repo
}

// patience bounds every wait: the slowest thing here is a handful of commits, or a claim
// that has to run out, and the machine may be busy with other tests.
const patience = 150 * time.Second

func newBench(t *testing.T) *bench {
	t.Helper()
	t.Parallel()
	return newBenchAlone(t)
}

// newBenchAlone is for tests that run one after the other.
func newBenchAlone(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, hub: "file://" + t.TempDir(), world: sim.New("the only world"), open: new([]*repo.Repo)}
	t.Cleanup(b.close)
	b.person = b.clone("ann")
	if err := b.person.Init(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) clone(who string) *repo.Repo {
	b.Helper()
	r, err := repo.Open(b.Context(), repo.Options{Dir: filepath.Join(b.TempDir(), who), Hub: b.hub,
		Author: repo.Author{Name: who, Email: who + "@example.com"}})
	if err != nil {
		b.Fatal(err)
	}
	*b.open = append(*b.open, r)
	return r
}

// close closes every clone, once.
func (b *bench) close() {
	for _, r := range *b.open {
		r.Close()
	}
	*b.open = nil
}

// sql changes main as a person does, past every check but the database's.
func (b *bench) sql(statements string) string {
	b.Helper()
	c, err := b.person.Change(b.Context(), "main", statements, "change")
	if err != nil {
		b.Fatal(err)
	}
	return c.Commit
}

func (b *bench) revert(commit string) {
	b.Helper()
	if _, err := b.person.Revert(b.Context(), commit, "main", "take it back"); err != nil {
		b.Fatal(err)
	}
}

// A plane is one control plane that runs until stop.
type plane struct {
	loop     *reconciler.Reconciler
	registry *prometheus.Registry
	stop     func()
	ended    chan error
}

func (b *bench) start(holder string, store reconciler.Store, world *sim.World) *plane {
	b.Helper()
	p := &plane{registry: prometheus.NewRegistry(), ended: make(chan error, 1)}
	p.loop = reconciler.New(reconciler.Config{Store: store, Cloud: world, Agents: world.Agents(), Check: ci.Check, Missing: missing, Holder: holder,
		Registry: p.registry, Poll: 10 * time.Millisecond, Look: 10 * time.Millisecond})
	ctx, cancel := context.WithCancel(b.Context())
	go func() { p.ended <- p.loop.Run(ctx) }()
	p.stop = func() {
		cancel()
		<-p.ended
		p.ended <- nil
	}
	b.Cleanup(p.stop)
	return p
}

func (b *bench) plane(holder string) *plane {
	b.Helper()
	return b.start(holder, repostore.Store{Repo: b.clone(holder)}, b.world)
}

// until waits for a condition on the hub's status.
func (b *bench) until(what string, ok func(*ledger.State) bool) *ledger.State {
	b.Helper()
	deadline := time.Now().Add(patience)
	var last *ledger.State
	for time.Now().Before(deadline) {
		last = b.state()
		if ok(last) {
			return last
		}
		time.Sleep(20 * time.Millisecond) // between looks at a real repository
	}
	b.Fatalf("not within %s: %s; the status is %+v", patience, what, last)
	return nil
}

func (b *bench) state() *ledger.State {
	b.Helper()
	heads, err := b.person.Fetch(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	tables, err := b.person.Tables(b.Context(), heads.Status, ledger.Tables...)
	if err != nil {
		b.Fatal(err)
	}
	s, err := ledger.Decode(tables)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func (b *bench) converged() *ledger.State {
	b.Helper()
	heads, err := b.person.Fetch(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return b.until("converged to "+heads.Main, func(s *ledger.State) bool { return s.Converged(heads.Main) })
}

func named(s *ledger.State, name string) ledger.Deployment {
	for _, d := range s.Deployments {
		if d.Name == name {
			return d
		}
	}
	return ledger.Deployment{}
}

func (b *bench) wantOneMachineEach(s *ledger.State) {
	b.Helper()
	running := 0
	for _, d := range s.Deployments {
		if d.Ready {
			running++
		}
	}
	if live := b.world.Live(); len(live) != running {
		b.Errorf("%d machines live for %d deployments", len(live), running)
	}
}

func TestRowBecomesServing(t *testing.T) {
	b := newBench(t)
	b.plane("one")
	commit := b.sql("INSERT INTO deployments (name) VALUES ('orders'), ('sales')")
	s := b.converged()
	for _, name := range []string{"orders", "sales"} {
		if d := named(s, name); !d.Ready || d.Phase != plan.PhaseServing || d.Commit != commit {
			t.Errorf("%s: %+v, want ready at %s", name, d, commit)
		}
	}
	b.wantOneMachineEach(s)

	b.sql("UPDATE deployments SET instance_type = 't3.large' WHERE name = 'orders'")
	b.sql("UPDATE deployments SET running = false WHERE name = 'sales'")
	s = b.converged()
	if d := named(s, "orders"); !d.Ready || d.Generation != 2 {
		t.Errorf("after a replacement orders is %+v, want it ready in generation 2", d)
	}
	if d := named(s, "sales"); d.Ready || d.Phase != plan.PhaseStopped || d.VolumeID == "" {
		t.Errorf("sales is %+v, want it stopped with its volume", d)
	}
	b.wantOneMachineEach(s)
	if n := len(b.world.Volumes()); n != 2 {
		t.Errorf("%d volumes, want each deployment's one", n)
	}
}

func TestNothingChangesNothingCommitted(t *testing.T) {
	b := newBench(t)
	p := b.plane("one")
	b.sql("INSERT INTO deployments (name) VALUES ('orders')")
	b.converged()
	turn := func(times float64) { // the loop turns by itself
		passes := counter(t, p.registry, "mainstay_passes_total")
		deadline := time.Now().Add(patience)
		for counter(t, p.registry, "mainstay_passes_total") < passes+times && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
		}
	}
	turn(2) // the commit that says so is counted after it can be seen
	before := counter(t, p.registry, "mainstay_status_commits_total")
	turn(50)
	if after := counter(t, p.registry, "mainstay_status_commits_total"); after != before {
		t.Errorf("%v commits on status while nothing changed", after-before)
	}
}

func counter(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

func TestRefusedCommitLeavesTheLastGoodOne(t *testing.T) {
	b := newBench(t)
	b.plane("one")
	good := b.sql("INSERT INTO deployments (name, protected) VALUES ('orders', true)")
	b.converged()
	bad := b.sql("DELETE FROM deployments WHERE name = 'orders'")
	s := b.until("the refusal is told", func(s *ledger.State) bool { return s.Applied.Head == bad })
	if s.Applied.Commit != good {
		t.Errorf("commit %s is in force, want %s", s.Applied.Commit, good)
	}
	if len(s.Findings) == 0 || s.Findings[0].Key != "orders" || !strings.Contains(s.Findings[0].Message, "protected") {
		t.Errorf("findings %v, want the protected row named", s.Findings)
	}
	b.revert(bad)
	b.sql("UPDATE deployments SET volume_gb = 20 WHERE name = 'orders'")
	s = b.converged()
	if d := named(s, "orders"); !d.Ready || d.Generation != 1 {
		t.Errorf("after the revert orders is %+v, want the machine it always had", d)
	}
}

func TestDeletionKeepsTheVolumeAndRevertBringsItBack(t *testing.T) {
	b := newBench(t)
	b.plane("one")
	b.sql("INSERT INTO deployments (name) VALUES ('orders')")
	volume := named(b.converged(), "orders").VolumeID
	gone := b.sql("DELETE FROM deployments WHERE name = 'orders'")
	s := b.converged()
	if d := named(s, "orders"); d.Phase != plan.PhaseDeleted || len(b.world.Live()) != 0 || len(b.world.Volumes()) != 1 {
		t.Errorf("after the deletion: %+v, %d machines, %d volumes; want none and the one", d, len(b.world.Live()), len(b.world.Volumes()))
	}
	b.revert(gone)
	s = b.converged()
	if d := named(s, "orders"); !d.Ready || d.VolumeID != volume {
		t.Errorf("after the revert: %+v, want it ready on volume %s", d, volume)
	}
}

func TestVolumeGoesWhenItsRetentionEnds(t *testing.T) {
	b := newBench(t)
	b.plane("one")
	b.sql("INSERT INTO deployments (name, retention_days) VALUES ('orders', 0), ('sales', 1)")
	b.converged()
	b.sql("DELETE FROM deployments")
	b.until("the volume without retention is gone, and its entry with it", func(s *ledger.State) bool {
		return len(b.world.Volumes()) == 1 && named(s, "orders").ID == "" && named(s, "sales").Phase == plan.PhaseDeleted
	})
	if v := b.world.Volumes()[0]; v.ID != named(b.state(), "sales").VolumeID {
		t.Errorf("volume %s is left, want that of sales", v.ID)
	}
}

func TestTooManyDeletionsWaitForApproval(t *testing.T) {
	b := newBench(t)
	b.plane("one")
	b.sql("INSERT INTO deployments (name) VALUES ('a'), ('b'), ('c'), ('d')")
	b.converged()
	gone := b.sql("DELETE FROM deployments")
	b.until("every deletion is held", func(s *ledger.State) bool {
		held := 0
		for _, c := range s.Conditions {
			if c.Type == "Held" && strings.Contains(c.Message, "approvals") {
				held++
			}
		}
		return held == 4
	})
	if n := len(b.world.Live()); n != 4 {
		t.Fatalf("%d machines live, want all 4", n)
	}
	b.sql(fmt.Sprintf("INSERT INTO approvals (commit_hash, approved_by, reason) VALUES ('%s', 'ann', 'end of season')", gone))
	b.converged()
	if n := len(b.world.Live()); n != 0 {
		t.Errorf("%d machines live after the approval", n)
	}
}

func TestDisruptionsTakeTurns(t *testing.T) {
	b := newBench(t)
	b.plane("one")
	b.sql("INSERT INTO deployments (name) VALUES ('a'), ('b'), ('c'), ('d')")
	b.converged()
	watched, cancel := context.WithCancel(t.Context())
	worst := make(chan int)
	go func() {
		most := 0
		for watched.Err() == nil {
			replaced := len(b.world.Live()) - 4
			most = max(most, replaced)
			time.Sleep(time.Millisecond) // a replacement takes some commits
		}
		worst <- most
	}()
	b.sql("UPDATE deployments SET instance_type = 't3.large'")
	s := b.converged()
	cancel()
	if n := <-worst; n > 1 {
		t.Errorf("%d machines were replaced at one time, the limit is 1", n)
	}
	for name, d := range s.Deployments {
		if d.Generation != 2 {
			t.Errorf("%s is in generation %d, want 2", name, d.Generation)
		}
	}
}

func TestLostAnswersAndRefusals(t *testing.T) {
	b := newBench(t)
	p := b.plane("one")
	b.world.LoseAnswers(2)
	b.sql("INSERT INTO deployments (name) VALUES ('orders')")
	b.wantOneMachineEach(b.converged())
	b.world.Refuse(3)
	b.sql("UPDATE deployments SET instance_type = 't3.large'")
	b.wantOneMachineEach(b.converged())
	if n, err := testutil.GatherAndCount(p.registry, "mainstay_actions_total"); err != nil || n == 0 {
		t.Errorf("no action was counted: %v", err)
	}
}

func TestOneFailingDeploymentHoldsUpNoOther(t *testing.T) {
	b := newBench(t)
	b.plane("one")
	b.sql("INSERT INTO deployments (name) VALUES ('bad'), ('good')")
	bad := named(b.converged(), "bad")
	b.world.Fail(bad.MachineID, "it crashes at start")
	b.until("the failure is told", func(s *ledger.State) bool { return named(s, "bad").Phase == plan.PhaseFailing })
	commit := b.sql("UPDATE deployments SET instance_type = 't3.large' WHERE name = 'good'")
	s := b.until("good is replaced", func(s *ledger.State) bool {
		d := named(s, "good")
		return d.Ready && d.Generation == 2 && d.Commit == commit
	})
	found := false
	for _, c := range s.ConditionsOf(bad.ID) {
		found = found || strings.Contains(c.Message, "it crashes at start")
	}
	if !found {
		t.Errorf("the conditions of bad do not say why: %v", s.ConditionsOf(bad.ID))
	}
}

func TestMachineFaultsHeal(t *testing.T) {
	b := newBench(t)
	b.plane("one")
	b.sql("INSERT INTO deployments (name) VALUES ('orders')")
	d := named(b.converged(), "orders")
	b.world.Stop(d.MachineID)
	b.until("the machine is started again", func(s *ledger.State) bool { return named(s, "orders").Ready && len(b.world.Live()) == 1 })
	b.world.Kill(d.MachineID)
	s := b.until("another machine has the volume", func(s *ledger.State) bool {
		n := named(s, "orders")
		return n.Ready && n.MachineID != d.MachineID && n.VolumeID == d.VolumeID
	})
	b.wantOneMachineEach(s)
}

func TestGapDestroysNothing(t *testing.T) {
	b := newBench(t)
	b.plane("one")
	b.sql("INSERT INTO deployments (name) VALUES ('orders')")
	b.converged()
	b.world.SetGaps(plan.Gaps{Machines: "page 2: timeout", Volumes: "page 1: timeout"})
	b.sql("INSERT INTO deployments (name) VALUES ('sales')")
	b.until("the gap is told", func(s *ledger.State) bool {
		d := named(s, "sales")
		return s.Gaps["machines"].Reason != "" && d.Phase == plan.PhaseCreating
	})
	if n := len(b.world.Live()); n != 1 {
		t.Errorf("%d machines under a gap, want the one there was", n)
	}
	b.world.SetGaps(plan.Gaps{})
	b.wantOneMachineEach(b.converged())
}

func TestOtherWorldIsRefused(t *testing.T) {
	b := newBench(t)
	p := b.plane("one")
	b.sql("INSERT INTO deployments (name) VALUES ('orders')")
	b.converged()
	p.stop()
	other := sim.New("another world")
	q := b.start("two", repostore.Store{Repo: b.clone("two")}, other)
	select {
	case err := <-q.ended:
		q.ended <- err
		if err == nil || !strings.Contains(err.Error(), "another world") {
			t.Errorf("a control plane in another world ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("a control plane works in another world than its fleet's")
	}
	if n := len(other.Live()); n != 0 {
		t.Errorf("it made %d machines there", n)
	}
}

// TestTwoControlPlanes lets two work on one hub and one world: each distinct
// effect happens once.
func TestTwoControlPlanes(t *testing.T) {
	b := newBench(t)
	one, two := b.plane("one"), b.plane("two")
	for i := range 4 {
		b.sql(fmt.Sprintf("INSERT INTO deployments (name) VALUES ('d%d'), ('e%d')", i, i))
	}
	b.converged()
	b.sql("UPDATE deployments SET instance_type = 't3.large' WHERE name LIKE 'd%'")
	b.sql("UPDATE deployments SET running = false WHERE name LIKE 'e%'")
	s := b.converged()
	b.wantOneMachineEach(s)
	for effect, n := range b.world.Done() {
		if n > 1 {
			t.Errorf("%q happened %d times", effect, n)
		}
	}
	lost := counter(t, one.registry, "mainstay_status_pushes_lost_total") + counter(t, two.registry, "mainstay_status_pushes_lost_total")
	t.Logf("%v pushes were lost to the other", lost)
}

// A dying is a store whose process ends at its n-th publication: before it
// reaches the hub, or after, with the answer never read.
type dying struct {
	reconciler.Store
	left  *int
	after bool
	die   func()
}

func (d dying) Publish(ctx context.Context, base string, edits []ledger.Edit, message string) (string, error) {
	if *d.left--; *d.left != 0 {
		return d.Store.Publish(ctx, base, edits, message)
	}
	if d.after {
		if _, err := d.Store.Publish(ctx, base, edits, message); err != nil {
			return "", err
		}
	}
	d.die()
	return "", context.Canceled
}

// TestDeathAtEveryPublication kills a control plane at its n-th push, lets
// another with the same name begin where it left off, and expects the same end.
func TestDeathAtEveryPublication(t *testing.T) {
	for n := 1; n <= 6; n++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("push %d, after=%v", n, after), func(t *testing.T) {
				b := newBench(t)
				b.sql("INSERT INTO deployments (name) VALUES ('orders')")
				dead := make(chan struct{})
				left := n
				store := dying{Store: repostore.Store{Repo: b.clone("first")}, left: &left, after: after}
				store.die = func() { close(dead) }
				p := b.start("one", store, b.world)
				b.until("it is dead, or needed fewer pushes", func(s *ledger.State) bool {
					select {
					case <-dead:
						return true
					default:
						return named(s, "orders").Ready && len(s.Claims) == 0
					}
				})
				p.stop()
				b.plane("one")
				s := b.converged()
				b.wantOneMachineEach(s)
				for effect, n := range b.world.Done() {
					if n > 1 && !strings.HasPrefix(effect, "launch") { // a launch is repeated to learn its answer
						t.Errorf("%q happened %d times", effect, n)
					}
				}
			})
		}
	}
}

// TestBadRowsOnANewHub: the first commit ever is bad, so nothing is in force.
func TestBadRowsOnANewHub(t *testing.T) {
	b := newBench(t)
	b.sql("INSERT INTO settings (deployment, name, value) SELECT id, 'no_such_setting', 'x' FROM (SELECT uuid() AS id) x WHERE false; " +
		"INSERT INTO deployments (id, name) VALUES ('11111111-1111-1111-1111-111111111111', 'orders'); " +
		"INSERT INTO settings (deployment, name, value) VALUES ('11111111-1111-1111-1111-111111111111', 'no_such_setting', 'x')")
	b.plane("one")
	s := b.until("the refusal is told", func(s *ledger.State) bool { return len(s.Findings) > 0 })
	if f := s.Findings[0]; f.Severity != specs.Error || !strings.Contains(f.String(), "no_such_setting") {
		t.Errorf("finding %v, want the unknown setting named", f)
	}
	b.sql("DELETE FROM settings")
	if d := named(b.converged(), "orders"); !d.Ready {
		t.Errorf("after the fault is mended: %+v", d)
	}
}
