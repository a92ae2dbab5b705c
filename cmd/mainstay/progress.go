package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/home"
	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A progress tells the terminal of mainstay up what happens, a line for each
// thing: lines can be scrolled back, and look the same in a file.
type progress struct {
	fleet  *fleet
	moved  chan struct{}
	phases map[string]string // last told, by name
	told   map[string]bool   // findings and conditions that hold now
	began  time.Time
	again  <-chan time.Time // when to look without being told; nil: never
	// answered are the databases that were seen to answer in this run.
	answered map[string]bool
	hinted   bool
	style    render.Style
}

func newProgress(f *fleet) *progress {
	return &progress{
		fleet: f, moved: make(chan struct{}, 1), phases: map[string]string{}, told: map[string]bool{}, answered: map[string]bool{},
		began: time.Now(), style: f.app.style(),
	}
}

// nudge says that a branch moved. It never blocks.
func (p *progress) nudge() {
	select {
	case p.moved <- struct{}{}:
	default:
	}
}

func (p *progress) run(ctx context.Context) error {
	p.greet()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.moved:
		case <-p.again:
		}
		p.again = nil
		s, err := p.status(ctx)
		if err != nil {
			p.fleet.log.Debug("no status to show", "err", err)
			continue
		}
		p.tell(p.verified(ctx, s))
	}
}

const (
	// dialBound is for a port on loopback: it answers at once or not at all.
	dialBound = 100 * time.Millisecond
	// dialAgain is how soon a database that should answer and does not is tried again.
	dialAgain = 200 * time.Millisecond
)

// verified believes no status that is older than this run: what served when the
// fleet was stopped is written there as serving until the control plane has looked.
func (p *progress) verified(ctx context.Context, s view.Status) view.Status {
	dialer := net.Dialer{Timeout: dialBound}
	for i, d := range s.Deployments {
		if !d.Ready || p.answered[d.Name] {
			continue
		}
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(d.Host, strconv.Itoa(d.Port)))
		if err != nil {
			s.Deployments[i].Ready, s.Deployments[i].Phase, s.Converged = false, string(plan.PhaseStarting), false
			p.again = time.After(dialAgain)
			continue
		}
		conn.Close()
		p.answered[d.Name] = true
	}
	return s
}

func (p *progress) status(ctx context.Context) (view.Status, error) {
	r := p.fleet.clone
	heads, err := r.FetchHeads(ctx)
	if err != nil {
		return view.Status{}, err
	}
	desired, err := r.Snapshot(ctx, heads.Main)
	if err != nil {
		return view.Status{}, err
	}
	tables, err := r.Tables(ctx, heads.Status, ledger.Shown...)
	if err != nil {
		return view.Status{}, err
	}
	state, err := ledger.Decode(tables)
	if err != nil {
		return view.Status{}, err
	}
	return view.NewStatus(heads.Main, desired, state), nil
}

func (p *progress) greet() {
	f := p.fleet
	what := "resumed"
	if f.fresh {
		what = "made, with an example fleet of three databases"
	}
	p.say("fleet   %s: %s\n", display(f.home.Root()), what)
	p.say("hub     %s (clone, push), 127.0.0.1:%d (SQL)\n", f.hub.URL(), f.hub.SQLPort())
	p.say("http    http://%s/metrics\n", f.plane.Address())
	p.say("log     %s\n\n", display(f.home.Log()))
}

func (p *progress) tell(s view.Status) {
	for _, d := range s.Deployments {
		if p.phases[d.Name] != d.Phase {
			p.phases[d.Name] = d.Phase
			p.line("%-12s %s", d.Name, p.phase(d))
		}
	}
	now := map[string]bool{}
	for _, finding := range s.Findings {
		now[fmt.Sprintf("main %s is refused, %s stays in force: %s", view.Short(s.Head), view.Short(s.Commit), finding)] = true
	}
	for _, c := range s.Conditions {
		if c.Status {
			now[c.Type+": "+c.Message] = true
		}
	}
	for message := range now {
		if !p.told[message] {
			p.line("%s", p.style.Bad("! "+render.Visible(message)))
		}
	}
	p.told = now
	p.hint(s)
}

func (p *progress) phase(d view.Deployment) string {
	if !d.Ready {
		return d.Phase
	}
	return fmt.Sprintf("%s on %s:%d, Dolt %s", p.style.Good(d.Phase), d.Host, d.Port, d.DoltVersion)
}

// hint says, once, what to try next: when everything serves.
func (p *progress) hint(s view.Status) {
	if p.hinted || !s.Converged || len(s.Deployments) == 0 {
		return
	}
	p.hinted = true
	dir := ""
	if at := display(p.fleet.home.Root()); at != home.Default {
		dir = " --dir " + at
	}
	name := s.Deployments[0].Name
	p.say("\n%s after %.1f s. Ctrl-C stops it. Try next, in another terminal:\n\n", p.style.Good("The fleet is as main wants it"), time.Since(p.began).Seconds())
	for _, command := range []string{
		"status",
		fmt.Sprintf(`connect %s -e "SELECT dolt_version()"`, name),
		fmt.Sprintf(`sql -m "add a database" "INSERT INTO deployments (name) VALUES ('%s')"`, unused(s)),
		fmt.Sprintf(`sql -m "debug %[1]s" "REPLACE INTO settings SELECT id, 'log_level', 'debug' FROM deployments WHERE name = '%[1]s'"`, name),
		"log",
	} {
		p.say("  %s%s %s\n", p.program(), dir, command)
	}
	p.say("\n")
}

// unused is a name that the offered line can add.
func unused(s view.Status) string {
	const name = "playground"
	if _, taken := s.Only(name); !taken {
		return name
	}
	for n := 2; ; n++ {
		if next := fmt.Sprintf("%s-%d", name, n); !slices.ContainsFunc(s.Deployments, func(d view.Deployment) bool { return d.Name == next }) {
			return next
		}
	}
}

// program is how this program was called, so that the lines can be copied.
func (p *progress) program() string { return p.fleet.app.program }

func (p *progress) line(format string, args ...any) {
	p.say("%s  %s\n", p.style.Dim(time.Now().Format(time.TimeOnly)), strings.TrimSpace(fmt.Sprintf(format, args...)))
}

func (p *progress) say(format string, args ...any) {
	// A terminal that went away must not end the fleet.
	_, _ = fmt.Fprintf(p.fleet.app.stdout, format, args...)
}
