package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
)

const (
	// tortured is how many deployments suffer on every commit; MAINSTAY_TORTURE_FLEET
	// sets it.
	tortured = 3
	// torture is for how long, on every commit; MAINSTAY_TORTURE_MINUTES sets it.
	torture = 40 * time.Second
)

// TestTorture kills and stops processes of a fleet whose databases are written to all
// the while, and changes its rows. After each fault the fleet heals by itself; in the
// end every acknowledged write is there, each deployment has one machine, and nothing is
// left over.
func TestTorture(t *testing.T) {
	t.Parallel()
	fleet, d := tortured, torture
	if s := os.Getenv("MAINSTAY_TORTURE_FLEET"); s != "" {
		fleet, _ = strconv.Atoi(s)
	}
	if s := os.Getenv("MAINSTAY_TORTURE_MINUTES"); s != "" {
		minutes, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		d = time.Duration(minutes * float64(time.Minute))
	}
	f := newFleet(t)
	s := &suffering{fleet: f, healed: map[string][]time.Duration{}}
	for n := range fleet {
		f.sql(fmt.Sprintf("INSERT INTO deployments (name) VALUES ('victim-%d')", n))
	}
	f.converged()
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	for n := range fleet {
		w := &writer{fleet: f, name: fmt.Sprint("victim-", n)}
		w.begin()
		s.writers = append(s.writers, w)
		writing.Go(func() { w.write(ctx) })
	}
	for end := time.Now().Add(d); time.Now().Before(end) && !t.Failed(); {
		s.fault()
	}
	stop()
	writing.Wait()
	f.converged()
	for _, w := range s.writers {
		w.check()
		f.alone(w.name)
	}
	s.report()
}

// A suffering is a fleet with what was done to it.
type suffering struct {
	*fleet
	writers []*writer
	healed  map[string][]time.Duration // by kind of fault
}

// fault does something to one deployment, and waits until it serves and is written to
// again.
func (s *suffering) fault() {
	w := s.writers[rand.IntN(len(s.writers))]
	d := s.deployment(w.name)
	kinds := map[string]func(){
		"database killed": func() { s.strike(syscall.SIGKILL, "dolt sql-server", d.VolumeID) },
		"agent killed":    func() { s.strike(syscall.SIGKILL, "mainstay-agent run", d.MachineID) },
		"machine killed": func() {
			s.strike(syscall.SIGKILL, "mainstay-agent machine", d.MachineID)
			s.strike(syscall.SIGKILL, "mainstay-agent run", d.MachineID)
			s.strike(syscall.SIGKILL, "dolt sql-server", d.VolumeID)
		},
		"hub killed":            func() { s.kill(s.hubProcess()) },
		"database stopped":      func() { s.standStill("dolt sql-server", d.VolumeID) },
		"agent stopped":         func() { s.standStill("mainstay-agent run", d.MachineID) },
		"control plane killed":  func() { _ = s.signal(syscall.SIGKILL); s.start() },
		"another instance type": func() { s.change(w.name, "instance_type = IF(instance_type = 't3.small', 't3.large', 't3.small')") },
		"switched off and on": func() {
			s.change(w.name, "running = 0")
			s.wait("it is off", named(w.name, func(d view.Deployment) bool { return d.Phase == "stopped" }))
			s.change(w.name, "running = 1")
		},
		"changed and the control plane killed": func() {
			s.change(w.name, "instance_type = IF(instance_type = 't3.small', 't3.large', 't3.small')")
			time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond) // some moment of the move
			_ = s.signal(syscall.SIGKILL)
			s.start()
		},
	}
	names := slices.Sorted(maps.Keys(kinds))
	kind := names[rand.IntN(len(names))]
	began := time.Now()
	kinds[kind]()
	written := w.acknowledged.Load()
	s.until(fmt.Sprintf("%s is written to again after: %s", w.name, kind), func() bool { return w.acknowledged.Load() > written+2 })
	s.converged()
	s.healed[kind] = append(s.healed[kind], time.Since(began))
}

func (s *suffering) change(name, set string) {
	s.sql(fmt.Sprintf("UPDATE deployments SET %s WHERE name = '%s'", set, name))
}

// strike sends a signal to the processes with some words; there may be none just now.
func (s *suffering) strike(signal syscall.Signal, words ...string) {
	for _, pid := range pids(words...) {
		_ = syscall.Kill(pid, signal)
	}
}

// standStill has processes stand still for longer than health checks wait.
func (s *suffering) standStill(words ...string) {
	found := pids(words...)
	for _, pid := range found {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
	time.Sleep(4 * time.Second)
	for _, pid := range found {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

func (s *suffering) report() {
	writes, lost := int64(0), 0
	for _, w := range s.writers {
		writes += w.acknowledged.Load()
		lost += w.lost
	}
	faults := 0
	for _, kind := range slices.Sorted(maps.Keys(s.healed)) {
		all := s.healed[kind]
		faults += len(all)
		slices.Sort(all)
		s.t.Logf("torture: %-40s %3d times, healed after %.1f s as median and %.1f s at worst", kind, len(all), all[len(all)/2].Seconds(), all[len(all)-1].Seconds())
	}
	s.t.Logf("torture: %d faults, %d writes acknowledged, %d of them lost", faults, writes, lost)
}

// A writer writes numbered rows, one transaction each, and remembers those that were
// acknowledged.
type writer struct {
	fleet        *fleet
	name         string
	acknowledged atomic.Int64

	numbers []int
	lost    int
}

func (w *writer) begin() {
	db := w.fleet.open(w.name)
	for _, statement := range []string{"CREATE DATABASE torture", "CREATE TABLE torture.numbers (n INT PRIMARY KEY)"} {
		if _, err := db.ExecContext(w.fleet.t.Context(), statement); err != nil {
			w.fleet.t.Fatalf("%s: %s: %v", w.name, statement, err)
		}
	}
}

// commitEvery is how many rows go into one commit of Dolt.
const commitEvery = 20

func (w *writer) write(ctx context.Context) {
	var db *sql.DB
	drop := func() {
		if db != nil {
			db.Close()
			db = nil
		}
	}
	defer drop()
	for n := 1; ctx.Err() == nil; n++ {
		if db == nil {
			var err error
			if db, err = w.fleet.dial(w.name); err != nil {
				time.Sleep(pause)
				continue
			}
		}
		if err := w.put(ctx, db, n); err != nil {
			drop() // it may be there or not; the next has another number
			time.Sleep(pause)
			continue
		}
		w.numbers = append(w.numbers, n)
		w.acknowledged.Add(1)
		time.Sleep(5 * time.Millisecond)
	}
}

func (w *writer) put(ctx context.Context, db *sql.DB, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second) // a process that stands still answers nobody
	defer cancel()
	_, err := db.ExecContext(ctx, "INSERT INTO torture.numbers VALUES (?)", n)
	if err == nil && n%commitEvery == 0 {
		_, _ = db.ExecContext(ctx, "CALL `torture`.dolt_commit('-Am', 'some more')") // what was acknowledged is there with or without
	}
	return err
}

// check looks for every acknowledged row.
func (w *writer) check() {
	db := w.fleet.open(w.name)
	rows, err := db.QueryContext(w.fleet.t.Context(), "SELECT n FROM torture.numbers")
	if err != nil {
		w.fleet.t.Errorf("%s: %v", w.name, err)
		return
	}
	defer rows.Close()
	there := map[int]bool{}
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			w.fleet.t.Fatal(err)
		}
		there[n] = true
	}
	if err := rows.Err(); err != nil {
		w.fleet.t.Errorf("%s: %v", w.name, err)
	}
	for _, n := range w.numbers {
		if !there[n] {
			w.lost++
			w.fleet.t.Errorf("%s: row %d was acknowledged and is not there", w.name, n)
		}
	}
}
