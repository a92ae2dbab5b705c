package view

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A StatusText says how a status is shown to people.
type StatusText struct {
	Style render.Style
	Wide  bool      // with what resources are called
	Now   time.Time // zero: nothing is said about how long
}

// Write prints the status: what stands in the way first, then the deployments,
// then what is waited for.
func (t StatusText) Write(w io.Writer, s Status) error {
	if err := t.writeHead(w, s); err != nil {
		return err
	}
	if len(s.Deployments) > 0 {
		if err := t.table(s).Write(w); err != nil {
			return err
		}
	}
	return t.writeReasons(w, s)
}

func (t StatusText) writeHead(w io.Writer, s Status) error {
	var b strings.Builder
	commit := render.Visible(Short(s.Commit))
	switch {
	case s.Commit == "":
		fmt.Fprintf(&b, "no commit of main is in force yet; a control plane has to run: mainstay up\n")
	case s.Commit == s.Head:
		fmt.Fprintf(&b, "main %s in force, %s\n", commit, t.fleet(s))
	case len(s.Findings) > 0:
		fmt.Fprintf(&b, "%s main %s is refused; %s stays in force\n", t.Style.Bad("!"), Short(s.Head), commit)
	default:
		fmt.Fprintf(&b, "main %s in force; %s is not seen by a control plane yet\n", commit, Short(s.Head))
	}
	for _, f := range s.Findings {
		fmt.Fprintf(&b, "  %s\n", render.Visible(f.String()))
	}
	for _, c := range s.Conditions {
		if c.Status {
			fmt.Fprintf(&b, "%s %s: %s\n", t.Style.Bad("!"), render.Visible(c.Type), render.Visible(c.Message))
		}
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (t StatusText) fleet(s Status) string {
	if s.Converged {
		return t.Style.Good("converged") + fmt.Sprintf(": %d of %s serving", s.Serving(), render.Count(len(s.Deployments), "database"))
	}
	return t.Style.Busy("working") + fmt.Sprintf(": %d of %s serving", s.Serving(), render.Count(len(s.Deployments), "database"))
}

func (t StatusText) table(s Status) *render.Table {
	head := []string{"NAME", "PHASE", "ADDRESS", "DOLT"}
	if t.Wide {
		head = append(head, "GENERATION", "MACHINE", "VOLUME", "COMMIT", "ID")
	}
	for i := range head {
		head[i] = t.Style.Dim(head[i])
	}
	table := render.NewTable(t.Style, head...)
	for _, d := range s.Deployments {
		d = visible(d)
		cells := []string{d.Name, t.phase(d), address(d), d.DoltVersion}
		if t.Wide {
			cells = append(cells, strconv.FormatInt(d.Generation, 10), d.MachineID, d.VolumeID, Short(d.Commit), d.ID)
		}
		for i, c := range cells {
			if c == "" {
				cells[i] = "-"
			}
		}
		table.Row(cells...)
	}
	return table
}

func (t StatusText) phase(d Deployment) string {
	switch {
	case d.Phase == string(plan.PhaseFailing) || d.Phase == string(plan.PhaseUnknown):
		return t.Style.Bad(d.Phase)
	case d.Ready && !busy(d.Phase):
		return t.Style.Good(d.Phase)
	case busy(d.Phase):
		return t.Style.Busy(d.Phase)
	}
	return d.Phase
}

func (t StatusText) writeReasons(w io.Writer, s Status) error {
	var b strings.Builder
	for _, d := range s.Deployments {
		d = visible(d)
		if d.Phase == New {
			fmt.Fprintf(&b, "%s: no control plane has seen this row yet\n", d.Name)
		}
		for _, c := range d.Conditions {
			if !c.Status {
				continue
			}
			since := ""
			if !c.Since.IsZero() && !t.Now.IsZero() {
				since = t.Style.Dim(" (for " + Age(t.Now.Sub(c.Since)) + ")")
			}
			fmt.Fprintf(&b, "%s: %s: %s%s\n", d.Name, render.Visible(c.Type), render.Visible(c.Message), since)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := io.WriteString(w, "\n"+b.String())
	return err
}

// visible is a deployment as a terminal may have it: what it says was written by a
// machine's agent, and by whoever else can push.
func visible(d Deployment) Deployment {
	for _, text := range []*string{&d.ID, &d.Name, &d.Phase, &d.Host, &d.DoltVersion, &d.MachineID, &d.VolumeID, &d.Commit} {
		*text = render.Visible(*text)
	}
	return d
}

func address(d Deployment) string {
	if d.Port == 0 {
		return ""
	}
	return net.JoinHostPort(d.Host, strconv.Itoa(d.Port))
}

// Short is a commit as people write it: enough characters to be the only one.
func Short(commit string) string { return commit[:min(8, len(commit))] }

// Age is a span as people say it: one unit, two where a day is involved.
func Age(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
	}
}
