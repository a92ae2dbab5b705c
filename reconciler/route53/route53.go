// Package route53 keeps the fleet's address records in a hosted zone of Route 53,
// and the challenge records by which an authority for certificates sees that the
// domain is ours.
//
// It promises never to touch a record that is not the fleet's. Beside each name of
// ours, at _mainstay.<name>, a TXT record says which fleet and deployment it is of
// and which of the address records there we made: what it does not list is somebody
// else's, even if it stands at the same name. An address is changed by compare and
// set: one batch deletes exactly the record that was seen and creates the new one,
// and Route 53 makes all of a batch or nothing. So an edit by hand in the meantime
// makes the change fail, and is not written over. UPSERT, which would, is never
// sent. A change whose answer was lost is found to be made, and is no error.
//
// The owner's record goes with the last address. One that was left behind, since
// somebody deleted the address by hand, is rewritten or deleted by the deployment's
// next change of that name, and is in nobody's way.
//
// Requests wait for AWS's limits before they go out, and are repeated for a short
// while when Route 53 is busy; what fails longer is for the control plane to repeat.
// It makes no zone and no delegation, and asks no name server anything.
package route53

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/cenkalti/backoff/v4"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/awslimit"
)

// A Client is what is asked of Route 53. The SDK's client is one.
type Client interface {
	GetHostedZone(context.Context, *sdk.GetHostedZoneInput, ...func(*sdk.Options)) (*sdk.GetHostedZoneOutput, error)
	ListResourceRecordSets(context.Context, *sdk.ListResourceRecordSetsInput, ...func(*sdk.Options)) (*sdk.ListResourceRecordSetsOutput, error)
	ChangeResourceRecordSets(context.Context, *sdk.ChangeResourceRecordSetsInput, ...func(*sdk.Options)) (*sdk.ChangeResourceRecordSetsOutput, error)
	GetChange(context.Context, *sdk.GetChangeInput, ...func(*sdk.Options)) (*sdk.GetChangeOutput, error)
}

// Options say which domain this is and whose names are kept in it.
type Options struct {
	Client     Client
	HostedZone string            // its id
	Domain     string            // the zone's, or one below it: all names are below this one
	Fleet      string            // stands in the records that say whose a name is
	Limiter    *awslimit.Limiter // shared by all that use the account; nil: a new one
	Logger     *slog.Logger      // nil: nothing is logged
}

// Names is a reconciler.Names in a hosted zone. Safe for concurrent use.
type Names struct {
	client  Client
	zone    string
	domain  string
	fleet   string
	limiter *awslimit.Limiter
	log     *slog.Logger
	turn    chan struct{} // held while a batch is under way: those of a zone must not overlap
	busy    func() backoff.BackOff
	polls   func() backoff.BackOff
}

var _ reconciler.Names = (*Names)(nil)

var (
	zonePattern  = regexp.MustCompile(`^(/hostedzone/)?[A-Z0-9]{1,32}$`)
	fleetPattern = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`) // no character that a TXT record escapes or a tag parts at
)

// New returns the names of a fleet. It asks AWS nothing.
func New(opts Options) (*Names, error) {
	domain := strings.ToLower(strings.TrimSuffix(opts.Domain, "."))
	var wrong []error
	if opts.Client == nil {
		wrong = append(wrong, errors.New("the names on Route 53 need the option Client"))
	}
	if !zonePattern.MatchString(opts.HostedZone) {
		wrong = append(wrong, fmt.Errorf("%q is not the id of a hosted zone: it looks like Z0123456789ABCDEFGHIJ", opts.HostedZone))
	}
	if !fleetPattern.MatchString(opts.Fleet) {
		wrong = append(wrong, fmt.Errorf("%q cannot be a fleet's name in a record: use up to 64 letters, digits, dots, colons, hyphens and underscores", opts.Fleet))
	}
	if err := checkDomain(domain); err != nil {
		wrong = append(wrong, err)
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	n := &Names{
		client: opts.Client, zone: strings.TrimPrefix(opts.HostedZone, "/hostedzone/"), domain: domain, fleet: opts.Fleet,
		limiter: opts.Limiter, log: opts.Logger, turn: make(chan struct{}, 1), busy: whileBusy, polls: untilInSync,
	}
	if n.limiter == nil {
		n.limiter = awslimit.New(Buckets()...)
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	return n, nil
}

// Domain implements reconciler.Names.
func (n *Names) Domain() string { return n.domain }

// Check asks Route 53 whether the zone is there and answers for the domain.
func (n *Names) Check(ctx context.Context) error {
	out, err := call(ctx, n, 0, "look at the hosted zone "+n.zone, n.client.GetHostedZone, &sdk.GetHostedZoneInput{Id: aws.String(n.zone)})
	if err != nil {
		return err
	}
	if out.HostedZone == nil {
		return fmt.Errorf("the answer about the hosted zone %s does not tell its domain; look at it in the console", n.zone)
	}
	zone := canonical(aws.ToString(out.HostedZone.Name))
	if n.domain != zone && !below(n.domain, zone) {
		return fmt.Errorf("the hosted zone %s is %s, and %s is not in it; write the id of the zone that has it, or a domain below %s",
			n.zone, zone, n.domain, zone)
	}
	if n.domain == zone {
		return nil
	}
	found, err := n.look(ctx, []string{n.domain})
	if err != nil {
		return err
	}
	for _, s := range found[n.domain] {
		if s.kind == types.RRTypeNs {
			return fmt.Errorf("the hosted zone %s hands %s over to other name servers (%s), so records here would not be seen; "+
				"write the id of the zone that they answer for", n.zone, n.domain, strings.Join(s.values, ", "))
		}
	}
	return nil
}
