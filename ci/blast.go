package ci

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
)

const (
	checkBlastRadius = "blast-radius"
	checkShare       = "share"

	// fewChanged is how many deployments may change without a word about the fleet's
	// size: in a small fleet every change is of a large part.
	fewChanged = 5
)

// A move is the part of main that the changes see, before and after them.
type move struct {
	before, after *specs.Snapshot
	changes       []specs.RowChange // between the two
}

// moveOf makes the changes on a copy; false: a row cannot be read, and Check says which.
func moveOf(base *specs.Snapshot, changes []specs.RowChange) (move, bool) {
	m := move{before: base.Overlay(changes)}
	m.after = m.before.Clone()
	if len(m.after.Apply(changes)) > 0 {
		return move{}, false
	}
	m.changes = specs.Diff(m.before, m.after)
	return m, true
}

// destroy is the effect that is worse than all that a column can have.
const destroy specs.Effect = "destroy"

// effects gives the worst that happens to each deployment of the base that is
// touched, by id. What is new has nobody to disturb.
func (m move) effects() map[string]specs.Effect {
	worst := map[string]specs.Effect{}
	for _, c := range m.changes {
		id := specs.DeploymentOf(c)
		was := m.before.Deployments[id]
		if was == nil {
			continue
		}
		e := specs.EffectNone
		switch {
		case c.Table == specs.TableDeployments && c.To == nil:
			e = destroy
		case was.Running: // a server that is stopped serves nobody
			e = effectOf(c)
		}
		if known, ok := worst[id]; !ok || weight(e) > weight(known) {
			worst[id] = e
		}
	}
	return worst
}

// effectOf is the worst that the cells of a changed row do.
func effectOf(c specs.RowChange) specs.Effect {
	if c.From == nil || c.To == nil {
		i, _ := specs.ImpactOf(c.Table, "")
		return i.Effect
	}
	worst := specs.EffectNone
	for _, cell := range specs.Cells(c, nil) {
		if i, ok := specs.ImpactOf(c.Table, cell.Column); ok && weight(i.Effect) > weight(worst) {
			worst = i.Effect
		}
	}
	return worst
}

// weight orders effects. What a check refuses does not happen and weighs nothing.
func weight(e specs.Effect) int {
	return slices.Index([]specs.Effect{specs.EffectNone, specs.EffectGrow, specs.EffectRestart, specs.EffectReplace, destroy}, e)
}

// blastRadius holds what happens to the fleet against its limits.
func (m move) blastRadius() []specs.Finding {
	count := map[specs.Effect]int{}
	var gone []string
	for id, e := range m.effects() {
		if count[e]++; e == destroy {
			gone = append(gone, m.before.NameOf(id))
		}
	}
	slices.Sort(gone)
	var findings []specs.Finding
	if f := m.destroyed(gone); f != nil {
		findings = append(findings, *f)
	}
	if f := m.disrupted(count[specs.EffectRestart], count[specs.EffectReplace]); f != nil {
		findings = append(findings, *f)
	}
	return findings
}

// destroyed is a warning and not an error: the merge is not the destruction. The
// control plane keeps the plan back until a row of approvals names the commit, and
// that commit has no name before the merge.
func (m move) destroyed(gone []string) *specs.Finding {
	// A proposal that raises the limit and goes up to it is held against the old one.
	now := m.after.Limits.MaxDestroyed
	limit := min(m.before.Limits.MaxDestroyed, now)
	if len(gone) <= limit {
		return nil
	}
	advice := "acknowledge " + checkBlastRadius + " if it is meant; after the merge nothing is destroyed until a row in approvals names the merge commit"
	if len(gone) <= now {
		advice = "the proposal raises the limit itself, so nothing stops it after the merge: acknowledge " + checkBlastRadius + " if it is meant"
	}
	return &specs.Finding{
		Check: checkBlastRadius, Severity: specs.Warning, Table: specs.TableLimits, Key: "max_destroyed", Column: "value",
		Message: fmt.Sprintf("%s destroyed (%s), and the limit of one commit is %d",
			number(len(gone), "deployment would be", "deployments would be"), some(gone), limit),
		Advice: advice,
	}
}

// some lists the first of many names.
func some(names []string) string {
	const shown = 5
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
}

func (m move) disrupted(restarts, replaced int) *specs.Finding {
	limit := m.after.Limits.MaxDisrupted
	if restarts+replaced <= limit {
		return nil
	}
	var parts []string
	if restarts > 0 {
		parts = append(parts, number(restarts, "database restarts", "databases restart"))
	}
	if replaced > 0 {
		parts = append(parts, number(replaced, "machine is replaced or stopped", "machines are replaced or stopped"))
	}
	return &specs.Finding{
		Check: checkBlastRadius, Severity: specs.Note, Table: specs.TableLimits, Key: "max_disrupted", Column: "value",
		Message: fmt.Sprintf("%s, at most %d at a time", strings.Join(parts, " and "), limit),
		Advice:  "they take turns by themselves; max_disrupted in the table limits says how many at a time",
	}
}

func number(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// share warns of a change of most of the fleet, which is what a forgotten WHERE
// looks like.
func (m move) share(fleet int) []specs.Finding {
	changed := len(m.effects())
	if changed < fewChanged || changed*2 <= fleet {
		return nil
	}
	return []specs.Finding{{
		Check: checkShare, Severity: specs.Warning, Table: specs.TableDeployments,
		Message: fmt.Sprintf("%d of %d deployments change", changed, fleet),
		Advice:  "look for a WHERE that is too wide, and acknowledge " + checkShare + " if it is meant",
	}}
}
