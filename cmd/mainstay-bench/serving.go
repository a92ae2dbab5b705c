package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

// patience bounds every wait for a server: fifty of them need some ten seconds on
// two cores.
const patience = time.Minute

// A running is a fleet under mainstay up, with a connection to its hub.
type running struct {
	dir     string
	cmd     *exec.Cmd
	hub     *sql.DB
	secrets *secrets.Dir
	ports   map[string]int  // by deployment
	read    map[string]bool // machines whose configuration is known
}

// up starts a fleet without its example.
func (s *suite) up(ctx context.Context) (*running, error) {
	r := &running{dir: filepath.Join(s.dir, "fleet"), ports: map[string]int{}, read: map[string]bool{}}
	r.cmd = exec.CommandContext(ctx, s.mainstay(), "up", "--dir", r.dir, "--versions-dir", filepath.Join(s.build, "dolt"))
	r.cmd.Cancel = func() error { return r.cmd.Process.Signal(syscall.SIGTERM) }
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	return r, r.connect(ctx)
}

func (r *running) connect(ctx context.Context) error {
	var run struct {
		SQLPort int `json:"sql_port"`
	}
	if err := until(ctx, "mainstay up is there", func() error {
		data, err := os.ReadFile(filepath.Join(r.dir, "run.json"))
		if err != nil {
			return err
		}
		return json.Unmarshal(data, &run)
	}); err != nil {
		return err
	}
	var err error
	if r.secrets, err = secrets.OpenDir(filepath.Join(r.dir, "secrets"), secrets.ReadOnly()); err != nil {
		return err
	}
	password, err := secrets.Password(ctx, r.secrets, "hub")
	if err != nil {
		return err
	}
	if r.hub, err = dial(run.SQLPort, password, "fleet"); err != nil {
		return err
	}
	// Fleets come and go here, which limits are there to prevent.
	if err := r.commit(ctx, "UPDATE deployments SET protected = false",
		"REPLACE INTO limits (name, value) VALUES ('max_destroyed', 1000), ('max_disrupted', 1000)"); err != nil {
		return err
	}
	return r.commit(ctx, "DELETE FROM deployments")
}

// commit changes main on the hub, as a MySQL client does.
func (r *running) commit(ctx context.Context, statements ...string) error {
	conn, err := r.hub.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, s := range append(statements, "CALL dolt_commit('-a', '-m', 'bench', '--author', 'bench <bench@localhost>')") {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

func (r *running) id(ctx context.Context, name string) (id string, err error) {
	err = r.hub.QueryRowContext(ctx, "SELECT id FROM deployments WHERE name = ?", name).Scan(&id)
	return id, err
}

// firstEffect waits for the launch: the machine's directory.
func (r *running) firstEffect(ctx context.Context, before int) error {
	return until(ctx, "a machine is launched", func() error {
		machines, err := os.ReadDir(filepath.Join(r.dir, "cloud", "machines"))
		if err != nil || len(machines) <= before {
			return fmt.Errorf("%d machines: %w", len(machines), err)
		}
		return nil
	})
}

func (r *running) machines() int {
	machines, _ := os.ReadDir(filepath.Join(r.dir, "cloud", "machines"))
	return len(machines)
}

// serves waits until a deployment answers SELECT 1 with its own password.
func (r *running) serves(ctx context.Context, id string) error {
	var password string
	if err := until(ctx, "it has a password", func() (err error) {
		password, err = secrets.Password(ctx, r.secrets, id)
		return err
	}); err != nil {
		return err
	}
	var port int
	if err := until(ctx, "it has a machine", func() (err error) {
		port, err = r.port(id)
		return err
	}); err != nil {
		return err
	}
	return answers(ctx, port, password)
}

// port reads where a deployment's database will answer from its machine's own
// configuration: the branch status tells it too, a moment later. Each machine is
// read once, so that looking costs what is measured as little as can be.
func (r *running) port(id string) (int, error) {
	machines, err := os.ReadDir(filepath.Join(r.dir, "cloud", "machines"))
	if err != nil {
		return 0, err
	}
	for _, m := range machines {
		if r.read[m.Name()] {
			continue
		}
		deployment, port, err := r.machine(m.Name())
		if err != nil {
			continue // it is being made
		}
		r.read[m.Name()] = true
		r.ports[deployment] = port
	}
	if p, ok := r.ports[id]; ok {
		return p, nil
	}
	return 0, fmt.Errorf("no machine has the volume of %s", id)
}

func (r *running) machine(name string) (deployment string, port int, err error) {
	dir := filepath.Join(r.dir, "cloud", "machines", name)
	var volume struct{ Deployment string }
	var machine struct {
		Port int `json:"sql_port"`
	}
	for file, into := range map[string]any{filepath.Join("volume", "volume.json"): &volume, "machine.json": &machine} {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return "", 0, err
		}
		if err := json.Unmarshal(data, into); err != nil {
			return "", 0, err
		}
	}
	return volume.Deployment, machine.Port, nil
}

func (r *running) stop() error {
	r.hub.Close()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return r.cmd.Wait()
}

func (s *suite) serving(ctx context.Context, one, many bool) error {
	r, err := s.up(ctx)
	if err != nil {
		return err
	}
	defer r.stop()
	if one {
		if err := s.one(ctx, r); err != nil {
			return fmt.Errorf("one deployment: %w", err)
		}
	}
	if many {
		if err := s.many(ctx, r); err != nil {
			return fmt.Errorf("a fleet: %w", err)
		}
		return s.idling(ctx, r)
	}
	return nil
}

// breath lets a fleet that has just come to rest record that it has: what is
// measured is a commit at any moment of an idle day.
const breath = 500 * time.Millisecond

// one measures a single row against a bare server, in turns.
func (s *suite) one(ctx context.Context, r *running) error {
	var t single
	for i := range s.pairs {
		b, stop, err := s.bareServer(ctx, 12000+i)
		if err != nil {
			return err
		}
		stop()
		t.Bare = append(t.Bare, b)
		if err := r.rest(ctx); err != nil {
			return err
		}
		time.Sleep(breath)
		name, before := fmt.Sprintf("one-%d", i), r.machines()
		if err := r.commit(ctx, fmt.Sprintf("INSERT INTO deployments (name) VALUES ('%s')", name)); err != nil {
			return err
		}
		start := time.Now()
		id, err := r.id(ctx, name)
		if err != nil {
			return err
		}
		if err := r.firstEffect(ctx, before); err != nil {
			return err
		}
		t.Effect = append(t.Effect, time.Since(start))
		if err := r.serves(ctx, id); err != nil {
			return err
		}
		t.Serve = append(t.Serve, time.Since(start))
	}
	s.results.One = &t
	t.write(os.Stdout)
	return nil
}

func (t single) write(w io.Writer) {
	fmt.Fprintf(w, "| one deployment, %d times in turns | median (range) | times a bare server |\n|---|---|---|\n", len(t.Bare))
	b := t.Bare.median()
	fmt.Fprintf(w, "| bare `dolt sql-server`, started by hand, to `SELECT 1` | %s | 1 |\n", t.Bare.spread())
	fmt.Fprintf(w, "| commit on the hub to first effect | %s | %.2f |\n", t.Effect.spread(), ratio(t.Effect.median(), b))
	fmt.Fprintf(w, "| commit on the hub to `SELECT 1` over TLS | %s | %.2f |\n\n", t.Serve.spread(), ratio(t.Serve.median(), b))
}

// many measures one commit of many rows against loops that start bare servers two
// at a time, in turns: a shell's, and this program's own, which has no client to
// start and is the quickest there can be.
func (s *suite) many(ctx context.Context, r *running) error {
	t := crowd{Deployments: s.fleet}
	for i := range s.rounds {
		loop, err := s.bareLoop(ctx)
		if err != nil {
			return err
		}
		shell, err := s.shellLoop(ctx)
		if err != nil {
			return err
		}
		if i > 0 { // the last round's fleet stays: an idle one is measured next
			if err := r.clear(ctx); err != nil {
				return err
			}
		}
		took, err := s.commitMany(ctx, r, i)
		if err != nil {
			return err
		}
		t.Loop, t.Shell, t.Commit = append(t.Loop, loop), append(t.Shell, shell), append(t.Commit, took)
	}
	s.results.Many = &t
	t.write(os.Stdout)
	return nil
}

func (t crowd) write(w io.Writer) {
	fmt.Fprintf(w, "| %d deployments, %d times in turns | median (range) | one commit takes, times this |\n|---|---|---|\n", t.Deployments, len(t.Commit))
	fmt.Fprintf(w, "| a shell loop: start, wait for the port, two at a time | %s | %s |\n", t.Shell.spread(), t.Commit.ratios(t.Shell))
	fmt.Fprintf(w, "| the same loop inside this program, with `SELECT 1` | %s | %s |\n", t.Loop.spread(), t.Commit.ratios(t.Loop))
	fmt.Fprintf(w, "| one commit until all answer `SELECT 1` over TLS | %s | 1 |\n\n", t.Commit.spread())
}

// commitMany adds a fleet in one commit and returns how long it took until the
// last of its databases answered.
func (s *suite) commitMany(ctx context.Context, r *running, round int) (time.Duration, error) {
	if err := r.rest(ctx); err != nil {
		return 0, err
	}
	time.Sleep(breath)
	var rows []string
	for i := range s.fleet {
		rows = append(rows, fmt.Sprintf("('many-%d-%d')", round, i))
	}
	if err := r.commit(ctx, "INSERT INTO deployments (name) VALUES "+strings.Join(rows, ", ")); err != nil {
		return 0, err
	}
	start := time.Now()
	for i := range s.fleet {
		id, err := r.id(ctx, fmt.Sprintf("many-%d-%d", round, i))
		if err != nil {
			return 0, err
		}
		if err := r.serves(ctx, id); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

// clear takes a fleet away again, and waits until its machines are gone.
func (r *running) clear(ctx context.Context) error {
	if err := r.commit(ctx, "DELETE FROM deployments WHERE name LIKE 'many-%'"); err != nil {
		return err
	}
	return until(ctx, "the former fleet is gone", func() error {
		var n int
		err := r.hub.QueryRowContext(ctx, "SELECT count(*) FROM `fleet/status`.deployments WHERE name LIKE 'many-%' AND phase <> 'deleted'").Scan(&n)
		if err == nil && n > 0 {
			err = fmt.Errorf("%d deployments are left", n)
		}
		return err
	})
}

// bareLoop leaves its servers running until it is over, as a loop in a shell does.
func (s *suite) bareLoop(ctx context.Context) (time.Duration, error) {
	stops := make([]func(), s.fleet)
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for i := range s.fleet {
		group.Go(func() (err error) {
			_, stops[i], err = s.bareServer(ctx, 13000+i)
			return err
		})
	}
	err := group.Wait()
	took := time.Since(start)
	for _, stop := range stops {
		if stop != nil {
			stop()
		}
	}
	return took, err
}
