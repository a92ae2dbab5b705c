package route53

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A state is all that there is at a name, and beside it.
type state struct {
	sets   []set
	owners []set // at the name of the owner's record
}

// owner is what our record says. There is none where the record is another's.
func (s state) owner(fleet string) (owner, bool) {
	text := s.ownerText()
	if text == nil || len(text.values) != 1 {
		return owner{}, false
	}
	o, ok := parseOwner(text.values[0])
	return o, ok && o.fleet == fleet
}

// ownerText is the record of the owner, whosever it is.
func (s state) ownerText() *set {
	for i := range s.owners {
		if s.owners[i].kind == types.RRTypeTxt {
			return &s.owners[i]
		}
	}
	return nil
}

// of are the record sets of a type: several only with routing policies.
func (s state) of(kind string) []set {
	var found []set
	for _, x := range s.sets {
		if string(x.kind) == kind {
			found = append(found, x)
		}
	}
	return found
}

// A group is all the changes of one name: they share the owner's record.
type group struct {
	name    string
	changes []plan.AddressChange
	at      []int // each change's place among all
}

// A verdict says what is to be done for a group.
type verdict struct {
	changes []types.Change
	pending []int // changes, by their place in the group, that are made by those
	errs    []error
}

// grows tells whether the zone has more records afterwards.
func (v verdict) grows() bool {
	n := 0
	for _, c := range v.changes {
		if c.Action == types.ChangeActionCreate {
			n++
		} else {
			n--
		}
	}
	return n > 0
}

// judge compares the changes of a name with what there is, and tells what is to be
// sent to Route 53, what is there already, and what must not be done.
func judge(fleet string, g group, s state) verdict {
	j := judgement{group: g, state: s}
	j.before, j.ours = s.owner(fleet)
	j.after = j.before
	j.after.fleet = fleet
	for _, kind := range j.before.types {
		if len(s.of(kind)) == 0 {
			j.after = j.after.without(kind)
		}
	}
	j.left = len(j.after.types) == 0
	v := verdict{errs: make([]error, len(g.changes))}
	for i, c := range g.changes {
		records, pending, err := j.one(c)
		v.errs[i] = err
		if pending {
			v.pending = append(v.pending, i)
			v.changes = append(v.changes, records...)
		}
	}
	if len(v.pending) > 0 {
		v.changes = append(v.changes, j.mark()...)
	}
	return v
}

// A judgement is one name's, while it is made.
type judgement struct {
	group
	state
	ours   bool  // there is an owner's record of the fleet
	left   bool  // and no address of ours: it was left behind
	before owner // as it says
	after  owner // as it is to be
}

// one judges one change. Pending means that there is something to send.
func (j *judgement) one(c plan.AddressChange) (records []types.Change, pending bool, err error) {
	there := j.of(c.Type)
	if c.To == "" {
		return j.remove(c, there)
	}
	if err := j.mayHave(c, there); err != nil {
		return nil, false, err
	}
	to := types.Change{Action: types.ChangeActionCreate, ResourceRecordSet: &types.ResourceRecordSet{
		Name: aws.String(c.Name), Type: types.RRType(c.Type), TTL: aws.Int64(int64(c.ToTTL)),
		ResourceRecords: []types.ResourceRecord{{Value: aws.String(addresses(c.To))}},
	}}
	if len(there) > 0 {
		made := there[0].value() == addresses(c.To) && there[0].ttl == c.ToTTL
		if made && j.before.deployment == c.Deployment {
			return nil, false, nil
		}
		if err := asSeen(c, there[0]); err != nil {
			return nil, false, err
		}
		if !made {
			records = []types.Change{deletion(there[0]), to}
		}
	} else if c.From != "" {
		return nil, false, conflict(doing(c), lookAgain, fmt.Errorf("the record with %s is gone", c.From))
	} else {
		records = []types.Change{to}
	}
	j.after = j.after.with(c.Type)
	j.after.deployment = c.Deployment
	return records, true, nil
}

// remove judges a change to nothing. What is gone already may have left its mark.
func (j *judgement) remove(c plan.AddressChange, there []set) ([]types.Change, bool, error) {
	if len(there) == 0 {
		return nil, j.ours && !j.after.equal(j.before), nil
	}
	if err := j.mayTouch(c, there); err != nil {
		return nil, false, err
	}
	if err := asSeen(c, there[0]); err != nil {
		return nil, false, err
	}
	j.after = j.after.without(c.Type)
	return []types.Change{deletion(there[0])}, true, nil
}

// mayHave refuses a name or record that is somebody else's.
func (j *judgement) mayHave(c plan.AddressChange, there []set) error {
	if alias := j.of(string(types.RRTypeCname)); len(alias) > 0 {
		return taken(doing(c), clearIt, "%s is a CNAME of %s", c.Name, strings.Join(alias[0].values, " "))
	}
	if len(there) > 0 {
		if err := j.mayTouch(c, there); err != nil {
			return err
		}
	}
	if text := j.ownerText(); text != nil && !j.ours {
		return taken(doing(c), clearIt, "the record %s says %s", text.name, strings.Join(text.values, " "))
	}
	if !j.ours {
		if i := slices.IndexFunc(j.sets, set.isAddress); i >= 0 {
			return taken(doing(c), clearIt, "%s has the %s record %s, and no record %s says that it is this fleet's",
				c.Name, j.sets[i].kind, j.sets[i].value(), ownerName(c.Name))
		}
	}
	if other := j.before.deployment; j.ours && !j.left && other != c.Deployment && c.From == "" {
		return conflict(doing(c), "it is looked at again once that deployment has given the name up", fmt.Errorf("the name is deployment %s's", other))
	}
	return nil
}

// mayTouch refuses a record that we did not make.
func (j *judgement) mayTouch(c plan.AddressChange, there []set) error {
	if len(there) > 1 || there[0].special != "" {
		return taken(doing(c), clearIt, "the %s record of %s is %s", c.Type, c.Name, there[0].value())
	}
	if !j.ours || !j.before.has(c.Type) {
		return taken(doing(c), clearIt, "%s has the %s record %s, and no record %s says that it is this fleet's",
			c.Name, c.Type, there[0].value(), ownerName(c.Name))
	}
	return nil
}

// asSeen refuses to change what is not what the plan was made for.
func asSeen(c plan.AddressChange, there set) error {
	switch {
	case c.From == "":
		return conflict(doing(c), lookAgain, fmt.Errorf("there is a record already, with %s", there.value()))
	case there.value() != addresses(c.From):
		return conflict(doing(c), lookAgain, fmt.Errorf("the record has %s and not %s any more", there.value(), c.From))
	case c.FromTTL != 0 && there.ttl != c.FromTTL:
		return conflict(doing(c), lookAgain, fmt.Errorf("the record has a TTL of %d and not %d any more", there.ttl, c.FromTTL))
	}
	return nil
}

// mark brings the owner's record up to what it is to be. It is left alone where it
// says so already, as Route 53 need not take a record set that goes and comes the same.
func (j *judgement) mark() []types.Change {
	keep := len(j.after.types) > 0
	if j.ours && keep && j.after.equal(j.before) {
		return nil
	}
	var records []types.Change
	if j.ours {
		records = append(records, deletion(*j.ownerText()))
	}
	if keep {
		records = append(records, types.Change{Action: types.ChangeActionCreate, ResourceRecordSet: &types.ResourceRecordSet{
			Name: aws.String(ownerName(j.name)), Type: types.RRTypeTxt, TTL: aws.Int64(ownerTTL),
			ResourceRecords: []types.ResourceRecord{{Value: aws.String(j.after.text())}},
		}})
	}
	return records
}

// deletion deletes exactly the record set that was listed.
func deletion(s set) types.Change {
	raw := s.raw
	return types.Change{Action: types.ChangeActionDelete, ResourceRecordSet: &raw}
}

const (
	clearIt   = "delete it if nobody needs it, or give the deployment another name"
	lookAgain = "somebody else changed it; it is looked at again"
)

// doing says what a change is about.
func doing(c plan.AddressChange) string {
	verb := "change"
	if c.From == "" {
		verb = "create"
	} else if c.To == "" {
		verb = "delete"
	}
	return verb + " the " + c.Type + " record of " + c.Name
}
