package view

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

// A Plan is what plan -o json prints.
type Plan struct {
	Commit     string          `json:"commit"`
	Hash       string          `json:"hash"` // equal for plans of equal effect
	ObservedAt time.Time       `json:"observed_at"`
	Findings   []specs.Finding `json:"findings,omitempty"`
	Actions    []Action        `json:"actions"`
	Waits      []Wait          `json:"waits"`
}

// An Action is one step of a Plan.
type Action struct {
	Deployment string `json:"deployment"`
	Kind       string `json:"kind"`
	Summary    string `json:"summary"`
	Disruption string `json:"disruption"`
}

// A Wait is what a Plan cannot do, and why.
type Wait struct {
	Deployment string `json:"deployment"`
	Reason     string `json:"reason"`
}

// Refused says whether a check would keep the commit from being applied.
func (p Plan) Refused() bool {
	return slices.ContainsFunc(p.Findings, func(f specs.Finding) bool { return f.Severity == specs.Error })
}

// SetPreview fills in what would follow.
func (p *Plan) SetPreview(preview plan.Preview) {
	p.Hash = preview.Hash()
	p.Actions, p.Waits = make([]Action, 0, len(preview.Actions)), make([]Wait, 0, len(preview.Waits))
	for _, a := range preview.Actions {
		p.Actions = append(p.Actions, Action{Deployment: a.Name, Kind: string(a.Kind), Summary: a.Summary, Disruption: string(a.Disruption)})
	}
	for _, w := range preview.Waits {
		p.Waits = append(p.Waits, Wait{Deployment: w.Name, Reason: w.Reason})
	}
}

// WritePlan prints the plan by deployment, and in the end what it costs.
func WritePlan(w io.Writer, style render.Style, p Plan) error {
	var b strings.Builder
	for _, f := range p.Findings {
		fmt.Fprintf(&b, "%s %s\n", style.Bad("!"), render.Visible(f.String()))
	}
	if len(p.Actions) == 0 && len(p.Waits) == 0 && !p.Refused() {
		b.WriteString("nothing to do: the world is as it would be wanted\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	t := render.NewTable(style)
	for _, a := range p.Actions {
		t.Row(a.Deployment, disruption(style, a.Disruption), a.Summary)
	}
	for _, wait := range p.Waits {
		t.Row(wait.Deployment, style.Dim("waits"), wait.Reason)
	}
	if t.Len() == 0 {
		return nil
	}
	if err := t.Write(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s (plan %s)\n", cost(p), p.Hash)
	return err
}

func disruption(style render.Style, d string) string {
	switch plan.Disruption(d) {
	case plan.Destroy:
		return style.Bad(d)
	case plan.Replace, plan.Restart:
		return style.Busy(d)
	}
	return d
}

// cost sums up in one line, worst first.
func cost(p Plan) string {
	worst := map[string]plan.Disruption{}
	rank := []plan.Disruption{plan.None, plan.Restart, plan.Replace, plan.Destroy}
	for _, a := range p.Actions {
		d := plan.Disruption(a.Disruption)
		if slices.Index(rank, d) >= slices.Index(rank, worst[a.Deployment]) {
			worst[a.Deployment] = d
		}
	}
	var parts []string
	for _, d := range slices.Backward(rank) {
		n := 0
		for _, w := range worst {
			if w == d {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, map[plan.Disruption]string{
				plan.None: "undisturbed", plan.Restart: "restarted", plan.Replace: "replaced", plan.Destroy: "destroyed",
			}[d]))
		}
	}
	if len(parts) == 0 {
		return "no action; see what is waited for"
	}
	return render.Count(len(worst), "database") + " touched: " + strings.Join(parts, ", ")
}
