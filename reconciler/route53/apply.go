package route53

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// Apply implements reconciler.Names. It looks at the names first, so that a batch is
// refused only for what happened since, and then only the changes that are to blame
// fail. What needs no more records than there are goes first: failovers wait for
// nobody, and a zone that is full refuses only what is new.
func (n *Names) Apply(ctx context.Context, changes []plan.AddressChange) []error {
	errs := make([]error, len(changes))
	jobs := n.judged(ctx, n.groups(changes, errs), false, errs)
	for _, growing := range []bool{false, true} {
		var some []*job
		for _, j := range jobs {
			if j.grows() == growing {
				some = append(some, j)
			}
		}
		n.send(ctx, some, errs)
	}
	if !slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
		return nil
	}
	return errs
}

// groups puts the changes of a name together, and refuses those that cannot be.
func (n *Names) groups(changes []plan.AddressChange, errs []error) []group {
	var all []group
	index := map[string]int{}
	for i, c := range changes {
		c.Name = strings.ToLower(strings.TrimSuffix(c.Name, "."))
		if err := n.check(c); err != nil {
			errs[i] = refused(doing(c), err)
			continue
		}
		at, ok := index[c.Name]
		if !ok {
			at = len(all)
			index[c.Name] = at
			all = append(all, group{name: c.Name})
		}
		g := &all[at]
		if slices.ContainsFunc(g.changes, func(other plan.AddressChange) bool { return other.Type == c.Type }) {
			errs[i] = conflict(doing(c), lookAgain, errors.New("another change of the same record goes first"))
			continue
		}
		g.changes, g.at = append(g.changes, c), append(g.at, i)
	}
	return all
}

func (n *Names) check(c plan.AddressChange) error {
	if err := checkName(c.Name, n.domain); err != nil {
		return err
	}
	if c.Type != string(types.RRTypeA) && c.Type != string(types.RRTypeAaaa) {
		return fmt.Errorf("%q is not a type of address records: those are A and AAAA", c.Type)
	}
	if c.To == "" {
		return nil
	}
	if !fleetPattern.MatchString(c.Deployment) {
		return fmt.Errorf("%q cannot be a deployment's id in a record", c.Deployment)
	}
	if c.ToTTL <= 0 {
		return fmt.Errorf("a TTL of %d seconds is not possible", c.ToTTL)
	}
	ip, err := netip.ParseAddr(c.To)
	if err != nil || ip.Zone() != "" || ip.Is4() != (c.Type == string(types.RRTypeA)) {
		return fmt.Errorf("%q is not the address of an %s record", c.To, c.Type)
	}
	return nil
}

// judged looks at the names of the groups and returns what is to be sent for them.
func (n *Names) judged(ctx context.Context, groups []group, again bool, errs []error) []*job {
	var wanted []string
	for _, g := range groups {
		wanted = append(wanted, g.name, ownerName(g.name))
	}
	found, err := n.look(ctx, wanted)
	var jobs []*job
	for _, g := range groups {
		if err != nil {
			for _, i := range g.at {
				errs[i] = err
			}
			continue
		}
		v := judge(n.fleet, g, state{sets: found[g.name], owners: found[ownerName(g.name)]})
		for i, err := range v.errs {
			errs[g.at[i]] = err
		}
		if len(v.pending) > 0 {
			jobs = append(jobs, &job{group: g, verdict: v, again: again})
		}
	}
	return jobs
}

// send sends jobs, one batch after the other. What fails one for another reason than
// what is in it would fail the others too.
func (n *Names) send(ctx context.Context, jobs []*job, errs []error) {
	var broken error
	for _, batch := range pack(jobs) {
		if broken == nil {
			broken = n.settle(ctx, batch, errs)
		} else {
			fail(batch, broken, errs)
		}
	}
}

// settle sends a batch. When it is refused, the jobs that are to blame are looked at
// again and go without; if they cannot be told apart, each half goes alone. It returns
// an error that is about no job.
func (n *Names) settle(ctx context.Context, batch []*job, errs []error) error {
	for len(batch) > 0 {
		err := n.submit(ctx, batch)
		if err == nil {
			return nil
		}
		if awserr.KindOf(err) != awserr.Refused {
			fail(batch, err, errs)
			return err
		}
		suspects := accused(err, batch)
		if len(suspects) == 0 {
			suspects = batch
		}
		n.log.Warn("Route 53 refused a batch of address records", "names", len(batch), "suspects", len(suspects), "err", err)
		fresh := slices.DeleteFunc(slices.Clone(suspects), func(j *job) bool { return j.again })
		switch {
		case len(fresh) > 0:
			batch = append(without(batch, fresh), n.judged(ctx, groupsOf(fresh), true, errs)...)
		case len(suspects) < len(batch) || len(batch) == 1:
			fail(suspects, err, errs)
			batch = without(batch, suspects)
		default:
			half := len(batch) / 2
			if err := n.settle(ctx, batch[:half], errs); err != nil {
				fail(batch[half:], err, errs)
				return err
			}
			batch = batch[half:]
		}
	}
	return nil
}

// submit makes the changes of jobs, all or none.
func (n *Names) submit(ctx context.Context, batch []*job) error {
	var changes []types.Change
	for _, j := range batch {
		changes = append(changes, j.verdict.changes...)
	}
	doing := fmt.Sprintf("change the address records of %d names", len(batch))
	if len(batch) == 1 {
		doing = "change the address records of " + batch[0].name
	}
	return n.inTurn(ctx, doing, func() error {
		_, err := n.change(ctx, doing, changes)
		return err
	})
}

// change sends one batch. It is called in turn.
func (n *Names) change(ctx context.Context, doing string, changes []types.Change) (*types.ChangeInfo, error) {
	records, _ := size(changes)
	out, err := call(ctx, n, records, doing, n.client.ChangeResourceRecordSets, &sdk.ChangeResourceRecordSetsInput{
		HostedZoneId: aws.String(n.zone),
		ChangeBatch:  &types.ChangeBatch{Comment: aws.String("mainstay, fleet " + n.fleet), Changes: changes},
	})
	if err != nil {
		return nil, err
	}
	n.log.Debug("changed records", "records", records)
	return out.ChangeInfo, nil
}

// fail notes an error for all that the jobs would have made.
func fail(jobs []*job, err error, errs []error) {
	for _, j := range jobs {
		for _, i := range j.pending {
			errs[j.at[i]] = err
		}
	}
}

func without(batch, some []*job) []*job {
	return slices.DeleteFunc(slices.Clone(batch), func(j *job) bool { return slices.Contains(some, j) })
}

func groupsOf(jobs []*job) []group {
	var groups []group
	for _, j := range jobs {
		groups = append(groups, j.group)
	}
	return groups
}
