package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// How long resolvers may keep a record, in seconds.
const (
	// deploymentTTL is the longest that a client goes to the machine that a database
	// has left: a move takes some ten seconds, so should its discovery. Below five,
	// some resolvers set a time of their own, and each asks again for every connection;
	// above thirty it would be most of a failover.
	deploymentTTL = 15
	// machineTTL is longer: a machine's address changes only when it was stopped and
	// started. More than a minute would save few queries, as few ask for machines.
	machineTTL = 60
)

// publishNames brings the deployment's address records to where its machines and
// its database are. It comes last: nothing else waits for DNS.
func (d *decision) publishNames(s *Status) {
	if d.in.Means.Domain == "" {
		return
	}
	if s.Phase != PhaseStopping && s.Phase != PhaseDeleting {
		d.nameHost(s)
	}
	want, known := d.wantedAddresses(s)
	if !known {
		return
	}
	changes, taken := d.addressChanges(want)
	if len(taken) > 0 {
		d.waitf("%s is in use by somebody else and left alone; remove the record there, or rename the deployment", strings.Join(taken, " and "))
	}
	if len(changes) == 0 {
		return
	}
	if g := d.in.Gaps.Names; g != "" {
		d.waitf("the list of names is not whole (%s): none is changed until it is", g)
		return
	}
	d.act(Action{Kind: PublishNames, Addresses: changes, Disruption: None, Summary: sayAddresses(changes)})
}

// nameHost lets people see the name in place of the address once it leads there, also
// while the database restarts: the address alone is in no public certificate.
func (d *decision) nameHost(s *Status) {
	name := d.domainName()
	for _, a := range d.in.Addresses {
		if a.Name == name && a.Deployment == d.entry.Deployment && a.Value == s.Host {
			s.Host = name
			return
		}
	}
}

func (d *decision) domainName() string { return d.name + "." + d.in.Means.Domain }

// wantedAddresses are the records that there should be. known is false while it
// cannot be told, as when a database that is to serve does not yet.
func (d *decision) wantedAddresses(s *Status) (want []Address, known bool) {
	for _, slot := range d.entry.Slots {
		m := d.machineOf(slot)
		if m == nil || slot.State == SlotVoid || m.State == MachineTerminated {
			continue
		}
		want = append(want, d.addresses(m.ID+"."+d.in.Means.Domain, machineTTL, m)...)
	}
	switch {
	case d.in.Row == nil || !d.in.Row.Running:
		return want, true
	case s.Ready:
		if m := d.machineByID(s.MachineID); m != nil {
			return append(want, d.addresses(d.domainName(), deploymentTTL, m)...), true
		}
		return nil, false
	case d.phase == PhaseCreating:
		return nil, false // published when it serves, in one change
	}
	// A database that is away for a moment comes back where it was.
	for _, a := range d.in.Addresses {
		if a.Deployment == d.entry.Deployment && a.Name == d.domainName() {
			want = append(want, a)
		}
	}
	return want, true
}

func (d *decision) machineByID(id string) *Machine {
	for i := range d.in.Machines {
		if d.in.Machines[i].ID == id {
			return &d.in.Machines[i]
		}
	}
	return nil
}

// addresses are the records of a name for a machine. A host that is no address is
// a name already, and has records of somebody's.
func (d *decision) addresses(name string, ttl int, m *Machine) []Address {
	var as []Address
	for _, host := range []string{m.Host, m.IPv6} {
		if kind := recordType(host); kind != "" {
			as = append(as, Address{Name: name, Type: kind, Value: host, TTL: ttl, Deployment: d.entry.Deployment})
		}
	}
	return as
}

// recordType is the type of an address's record; empty: it is no address. Clouds
// give addresses in their usual form, so its letters tell.
func recordType(host string) string {
	switch {
	case strings.Contains(host, ":"):
		return "AAAA"
	case host != "" && strings.Trim(host, "0123456789.") == "":
		return "A"
	}
	return ""
}

// addressChanges are what takes the records that there are to the wanted ones.
// taken are names that are not ours to change.
func (d *decision) addressChanges(want []Address) (changes []AddressChange, taken []string) {
	kept := map[string]bool{}
	for _, w := range want {
		kept[w.Name+" "+w.Type] = true
		have, ours := d.addressAt(w.Name, w.Type)
		switch {
		case !ours:
			taken = append(taken, w.Name)
		case have == nil:
			changes = append(changes, AddressChange{Deployment: w.Deployment, Name: w.Name, Type: w.Type, To: w.Value, ToTTL: w.TTL})
		case have.Value != w.Value || have.TTL != w.TTL:
			changes = append(changes, AddressChange{Deployment: w.Deployment, Name: w.Name, Type: w.Type,
				From: have.Value, FromTTL: have.TTL, To: w.Value, ToTTL: w.TTL})
		}
	}
	for _, a := range d.in.Addresses {
		if a.Deployment == d.entry.Deployment && !kept[a.Name+" "+a.Type] && d.in.Gaps.Machines == "" {
			changes = append(changes, AddressChange{Deployment: a.Deployment, Name: a.Name, Type: a.Type, From: a.Value, FromTTL: a.TTL})
		}
	}
	slices.SortFunc(changes, func(a, b AddressChange) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Type, b.Type))
	})
	slices.Sort(taken)
	return changes, slices.Compact(taken)
}

// addressAt is the record of a name and type, and whether the name may be used.
func (d *decision) addressAt(name, kind string) (have *Address, ours bool) {
	ours = true
	for i, a := range d.in.Addresses {
		if a.Name != name {
			continue
		}
		if a.Deployment != d.entry.Deployment {
			ours = false
		} else if a.Type == kind {
			have = &d.in.Addresses[i]
		}
	}
	return have, ours
}

func sayAddresses(changes []AddressChange) string {
	var parts []string
	for _, c := range changes {
		switch {
		case c.From == "":
			parts = append(parts, c.Name+" → "+c.To)
		case c.To == "":
			parts = append(parts, "no "+c.Name+" any more")
		case c.From == c.To:
			parts = append(parts, fmt.Sprintf("%s kept for %d s by resolvers", c.Name, c.ToTTL))
		default:
			parts = append(parts, fmt.Sprintf("%s → %s, was %s", c.Name, c.To, c.From))
		}
	}
	return "publish in DNS: " + strings.Join(parts, ", ")
}

// Published are the records after changes.
func Published(before []Address, changes []AddressChange) []Address {
	after := slices.Clone(before)
	for _, c := range changes {
		after = slices.DeleteFunc(after, func(a Address) bool {
			return a.Name == c.Name && a.Type == c.Type && a.Deployment == c.Deployment
		})
		if c.To != "" {
			after = append(after, Address{Name: c.Name, Type: c.Type, Value: c.To, TTL: c.ToTTL, Deployment: c.Deployment})
		}
	}
	return after
}
