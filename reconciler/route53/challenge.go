package route53

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/cenkalti/backoff/v4"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

const (
	challengeLabel = "_acme-challenge."
	// challengeTTL is short, so that no resolver of the authority still has the values
	// of the order before.
	challengeTTL = 30
	// challengeTries is how often a set of values is changed that others change too.
	challengeTries = 5
)

const (
	// firstPoll is sooner than Route 53 usually is, which takes up to a minute.
	firstPoll = 2 * time.Second
	// longestPoll leaves room for many orders at once within ten requests a second.
	longestPoll = 8 * time.Second
	// syncPatience is several times what Route 53 promises: it is out of order by then.
	syncPatience = 5 * time.Minute
)

func untilInSync() backoff.BackOff {
	return backoff.NewExponentialBackOff(backoff.WithInitialInterval(firstPoll), backoff.WithMaxInterval(longestPoll),
		backoff.WithMaxElapsedTime(syncPatience))
}

// challengeValue is a digest in base64url, as an authority asks for.
var challengeValue = regexp.MustCompile(`^[A-Za-z0-9_=-]{1,200}$`)

// Present adds a value to the TXT record at a name that begins with _acme-challenge,
// and returns when all of Route 53's servers answer with it. Other values there stay:
// several orders may be under way for a name.
func (n *Names) Present(ctx context.Context, fqdn, value string) error {
	info, err := n.alter(ctx, fqdn, value, true)
	if err != nil {
		return err
	}
	return n.inSync(ctx, "wait for the challenge of "+canonical(fqdn), info)
}

// CleanUp takes the value away again, and the record with the last one. It is no
// error if it is not there.
func (n *Names) CleanUp(ctx context.Context, fqdn, value string) error {
	_, err := n.alter(ctx, fqdn, value, false)
	return err
}

// alter has the value in the record or not, by compare and set, and tries again when
// somebody else changed the record meanwhile. It returns no change if none was needed.
func (n *Names) alter(ctx context.Context, fqdn, value string, want bool) (*types.ChangeInfo, error) {
	name := canonical(fqdn)
	doing := "change the challenge record " + name
	if err := n.checkChallenge(name, value); err != nil {
		return nil, refused(doing, err)
	}
	var info *types.ChangeInfo
	err := n.inTurn(ctx, doing, func() error {
		var err error
		for range challengeTries {
			var there *set
			if there, err = n.challenge(ctx, doing, name); err != nil {
				return err
			}
			changes := edit(name, there, `"`+value+`"`, want)
			if len(changes) == 0 {
				return nil
			}
			if info, err = n.change(ctx, doing, changes); awserr.KindOf(err) != awserr.Refused {
				return err
			}
		}
		return err
	})
	return info, err
}

// checkChallenge refuses names that are not for challenges of the domain.
func (n *Names) checkChallenge(name, value string) error {
	host, ok := strings.CutPrefix(name, challengeLabel)
	if !ok {
		return fmt.Errorf("%q is no name of a challenge: it begins with %s", name, challengeLabel)
	}
	if host != n.domain {
		if err := checkName(host, n.domain); err != nil {
			return err
		}
	}
	if !challengeValue.MatchString(value) {
		return errors.New("the value of a challenge is a digest in base64url")
	}
	return nil
}

// challenge is the TXT record at the name; nil: there is none.
func (n *Names) challenge(ctx context.Context, doing, name string) (*set, error) {
	found, err := n.look(ctx, []string{name})
	if err != nil {
		return nil, err
	}
	for _, s := range found[name] {
		switch {
		case s.kind == types.RRTypeCname:
			return nil, taken(doing, "delete it, so that challenges can be answered here", "%s is a CNAME of %s", name, strings.Join(s.values, " "))
		case s.kind == types.RRTypeTxt && s.special != "":
			return nil, taken(doing, "delete it, so that challenges can be answered here", "the TXT record %s is %s", name, s.special)
		case s.kind == types.RRTypeTxt:
			return &s, nil
		}
	}
	return nil, nil
}

// edit takes the record from what was seen to having the value or not.
func edit(name string, there *set, value string, want bool) []types.Change {
	var values []string
	if there != nil {
		values = slices.Clone(there.values)
	}
	has := slices.Contains(values, value)
	switch {
	case want && !has:
		values = append(values, value)
	case !want && has:
		values = slices.DeleteFunc(values, func(v string) bool { return v == value })
	case !want:
		return nil
	}
	var changes []types.Change
	ttl := int64(challengeTTL)
	if there != nil {
		changes = append(changes, deletion(*there))
		if there.ttl == challengeTTL {
			// A value that is there since a Present that was cut off has to be waited for
			// too, and only a change can be: the TTL makes it one.
			ttl--
		}
	}
	if len(values) > 0 {
		to := &types.ResourceRecordSet{Name: aws.String(name), Type: types.RRTypeTxt, TTL: aws.Int64(ttl)}
		for _, v := range values {
			to.ResourceRecords = append(to.ResourceRecords, types.ResourceRecord{Value: aws.String(v)})
		}
		changes = append(changes, types.Change{Action: types.ChangeActionCreate, ResourceRecordSet: to})
	}
	return changes
}

// inSync returns when all of Route 53's servers have the change.
func (n *Names) inSync(ctx context.Context, doing string, info *types.ChangeInfo) error {
	if info == nil {
		return &awserr.Error{Kind: awserr.Ambiguous, Doing: doing, Err: errors.New("the answer of Route 53 does not name the change")}
	}
	pending := &awserr.Error{Kind: awserr.Ambiguous, Doing: doing, Err: errors.New("not all servers of Route 53 have the record yet")}
	if info.Status == types.ChangeStatusInsync {
		return nil
	}
	err := backoff.Retry(func() error {
		out, err := call(ctx, n, 0, doing, n.client.GetChange, &sdk.GetChangeInput{Id: info.Id})
		if err != nil {
			return backoff.Permanent(err)
		}
		if out.ChangeInfo == nil || out.ChangeInfo.Status != types.ChangeStatusInsync {
			return pending
		}
		return nil
	}, backoff.WithContext(n.polls(), ctx))
	if err != nil && awserr.KindOf(err) == "" {
		return fmt.Errorf("%w (%w)", pending, err)
	}
	return err
}
