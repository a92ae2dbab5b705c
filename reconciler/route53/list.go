package route53

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// pageSize is the most that Route 53 lists at once.
const pageSize = 300

// A set is one record set as Route 53 lists it.
type set struct {
	name    string // canonical
	kind    types.RRType
	ttl     int
	values  []string
	special string // what it is, if not plain values; we never make such
	raw     types.ResourceRecordSet
}

func read(raw types.ResourceRecordSet) set {
	s := set{name: canonical(aws.ToString(raw.Name)), kind: raw.Type, ttl: int(aws.ToInt64(raw.TTL)), raw: raw}
	for _, r := range raw.ResourceRecords {
		s.values = append(s.values, aws.ToString(r.Value))
	}
	switch {
	case raw.AliasTarget != nil:
		s.special = "alias of " + canonical(aws.ToString(raw.AliasTarget.DNSName))
	case raw.TrafficPolicyInstanceId != nil:
		s.special = "of a traffic policy"
	case raw.SetIdentifier != nil:
		s.special = "one of several by a routing policy: " + *raw.SetIdentifier
	}
	return s
}

// isAddress tells whether the set holds addresses, of whatever kind.
func (s set) isAddress() bool { return s.kind == types.RRTypeA || s.kind == types.RRTypeAaaa }

// value is what the plan sees: the address, or what stands in place of one.
func (s set) value() string {
	if s.special != "" {
		return s.special
	}
	return addresses(strings.Join(s.values, " "))
}

// addresses writes addresses, parted by spaces, as all write them, in order. There
// are several at one name only where somebody else put them.
func addresses(text string) string {
	all := strings.Fields(text)
	for i, a := range all {
		if ip, err := netip.ParseAddr(a); err == nil {
			all[i] = ip.String()
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// A cursor is where a listing begins.
type cursor struct {
	name string // as Route 53 writes it
	kind types.RRType
	id   *string
}

func (c cursor) key() string { return sortKey(canonical(c.name)) }

// page lists the next record sets. The second result is where to go on; nil: that
// were all.
func (n *Names) page(ctx context.Context, from cursor) ([]set, *cursor, error) {
	out, err := call(ctx, n, 0, "list the records of "+n.domain, n.client.ListResourceRecordSets, &sdk.ListResourceRecordSetsInput{
		HostedZoneId: aws.String(n.zone), MaxItems: aws.Int32(pageSize),
		StartRecordName: aws.String(from.name), StartRecordType: from.kind, StartRecordIdentifier: from.id,
	})
	if err != nil {
		return nil, nil, err
	}
	var sets []set
	for _, raw := range out.ResourceRecordSets {
		sets = append(sets, read(raw))
	}
	if !out.IsTruncated {
		return sets, nil, nil
	}
	return sets, &cursor{name: aws.ToString(out.NextRecordName), kind: out.NextRecordType, id: out.NextRecordIdentifier}, nil
}

// Addresses implements reconciler.Names.
func (n *Names) Addresses(ctx context.Context) ([]plan.Address, string) {
	var sets []set
	owners := map[string][]set{}
	start := sortKey(n.domain)
	for next := (&cursor{name: n.domain}); next != nil && (next.key() < start || strings.HasPrefix(next.key(), start)); {
		listed, after, err := n.page(ctx, *next)
		if err != nil {
			return n.owned(whole(sets, *next), owners), err.Error()
		}
		for _, s := range listed {
			if name, ok := strings.CutPrefix(s.name, ownerLabel); ok && s.kind == types.RRTypeTxt {
				owners[name] = append(owners[name], s)
			} else if s.isAddress() && below(s.name, n.domain) {
				sets = append(sets, s)
			}
		}
		next = after
	}
	return n.owned(sets, owners), ""
}

// whole leaves out the names whose owner's record was not reached: they would seem
// to be nobody's.
func whole(sets []set, reached cursor) []set {
	return slices.DeleteFunc(sets, func(s set) bool { return sortKey(ownerName(s.name)) >= reached.key() })
}

func (n *Names) owned(sets []set, owners map[string][]set) []plan.Address {
	var found []plan.Address
	for _, s := range sets {
		a := plan.Address{Name: s.name, Type: string(s.kind), Value: s.value(), TTL: s.ttl}
		if o, ok := (state{owners: owners[s.name]}).owner(n.fleet); ok && o.has(a.Type) && s.special == "" {
			a.Deployment = o.deployment
		}
		found = append(found, a)
	}
	return found
}

// look lists all records at the names. One page answers for all names that lie in
// it, so many names cost no more requests than the domain has pages.
func (n *Names) look(ctx context.Context, names []string) (map[string][]set, error) {
	wanted := slices.Clone(names)
	slices.SortFunc(wanted, func(a, b string) int { return cmp.Compare(sortKey(a), sortKey(b)) })
	found := make(map[string][]set, len(wanted))
	for _, name := range wanted {
		found[name] = nil
	}
	for len(wanted) > 0 {
		next := &cursor{name: wanted[0]}
		for next != nil && canonical(next.name) == wanted[0] {
			listed, after, err := n.page(ctx, *next)
			if err != nil {
				return nil, err
			}
			for _, s := range listed {
				if _, ok := found[s.name]; ok && !slices.ContainsFunc(found[s.name], s.same) {
					found[s.name] = append(found[s.name], s)
				}
			}
			next = after
		}
		wanted = wanted[1:]
		for len(wanted) > 0 && (next == nil || sortKey(wanted[0]) < next.key()) {
			wanted = wanted[1:]
		}
	}
	return found, nil
}

// same tells whether two listings are of one record set.
func (s set) same(other set) bool {
	return s.name == other.name && s.kind == other.kind && aws.ToString(s.raw.SetIdentifier) == aws.ToString(other.raw.SetIdentifier)
}
