package adopt

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
)

// Write prints the machines as a table, and below it what they lack.
func Write(w io.Writer, style render.Style, machines []Machine) error {
	head := []string{"NAME", "STATE", "MACHINE", "TYPE", "ZONE", "VOLUME", "SIZE", "DOLT"}
	for i := range head {
		head[i] = style.Dim(head[i])
	}
	t := render.NewTable(style, head...)
	for _, m := range machines {
		size := ""
		if m.VolumeID != "" {
			size = fmt.Sprintf("%d GiB %s", m.VolumeGB, m.VolumeType)
		}
		cells := []string{m.Name, paint(style, m.State), m.MachineID, m.InstanceType, m.Zone, m.VolumeID, size, m.DoltVersion}
		for i, c := range cells {
			if c == "" {
				cells[i] = "-"
			}
		}
		t.Row(cells...)
	}
	if err := t.Write(w); err != nil {
		return err
	}
	_, err := io.WriteString(w, remarks(style, machines))
	return err
}

func remarks(style render.Style, machines []Machine) string {
	var b strings.Builder
	for _, m := range machines {
		who := m.Name
		if who == "" {
			who = m.MachineID
		}
		for _, lack := range m.Lacks {
			fmt.Fprintf(&b, "%s %s: %s\n", style.Bad("!"), render.Visible(who), render.Visible(lack))
		}
		for _, note := range m.Notes {
			fmt.Fprintf(&b, "%s %s: %s\n", style.Busy("?"), render.Visible(who), render.Visible(note))
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "\n" + b.String()
}

func paint(style render.Style, s State) string {
	switch s {
	case Lacking:
		return style.Bad(string(s))
	case Ready, Proposed:
		return style.Good(string(s))
	}
	return style.Dim(string(s))
}

// In are those in a state.
func In(machines []Machine, s State) []Machine {
	return slices.DeleteFunc(slices.Clone(machines), func(m Machine) bool { return m.State != s })
}

// Next says what people do when the rows are proposed.
func Next(proposal, region string, machines []Machine) string {
	var b strings.Builder
	fmt.Fprintf(&b, `The volumes carry the fleet's tags, so that none of these databases can begin empty. Nothing else has changed: they run on as they did.
What happens next, and why, is in docs/adoption.md:
  1. look at it: mainstay pr show %s. The plan must say "for volume vol-…" and not "with a new volume"; if it does not,
     wait until the control plane has listed the volumes
  2. merge it:   mainstay pr merge %[1]s. A machine is launched beside each old one, and waits for the volume
  3. for each, when it suits its users: stop Dolt on the old machine, bring the volume into the form that docs/adoption.md
     describes, unmount it, and let go of it:
`, proposal)
	for _, m := range machines {
		fmt.Fprintf(&b, "       aws ec2 detach-volume --region %s --volume-id %s   # %s\n", region, m.VolumeID, m.Name)
	}
	fmt.Fprintf(&b, "     The database serves a few seconds later: mainstay status --watch\n")
	fmt.Fprintf(&b, "To take it back before the merge: mainstay pr close %s, and for each volume\n", proposal)
	fmt.Fprintf(&b, "       aws ec2 delete-tags --region %s --resources VOLUME --tags Key=mainstay:fleet Key=mainstay:deployment Key=mainstay:ordinal\n", region)
	return b.String()
}
