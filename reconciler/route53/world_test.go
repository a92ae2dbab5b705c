package route53_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/reconciler/mototest"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/route53"
)

const (
	zoneName = "example.com"
	domain   = "db.example.com"
	fleet    = "prod"
	ttl      = 10 // of every record that is not about another
	one      = "11111111-1111-4111-8111-111111111111"
	two      = "22222222-2222-4222-8222-222222222222"

	// Route 53's names of what is asked most.
	changing = "ChangeResourceRecordSets"
	listing  = "ListResourceRecordSets"
)

// A world is a hosted zone of its own in moto, behind the proxy that makes it
// answer like Route 53.
type world struct {
	proxy  *mototest.Proxy
	client *sdk.Client
	zone   string
	log    *bytes.Buffer
}

// newWorld opens moto, which make conformance starts.
func newWorld(t *testing.T) *world {
	t.Helper()
	p := mototest.Open(t)
	w := &world{proxy: p, client: sdk.NewFromConfig(p.Config())}
	out, err := w.client.CreateHostedZone(t.Context(), &sdk.CreateHostedZoneInput{
		Name: aws.String(zoneName), CallerReference: aws.String(uuid.NewString()),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.zone = aws.ToString(out.HostedZone.Id)
	return w
}

func (w *world) open(t *testing.T, fleet string) *route53.Names {
	t.Helper()
	w.log = &bytes.Buffer{}
	n, err := route53.New(route53.Options{Client: w.client, HostedZone: w.zone, Domain: domain, Fleet: fleet,
		Logger: slog.New(slog.NewTextHandler(w.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	n.Hurry(5)
	return n
}

// record is a plain record set.
func record(name, kind string, ttl int64, values ...string) *types.ResourceRecordSet {
	s := &types.ResourceRecordSet{Name: aws.String(name), Type: types.RRType(kind), TTL: aws.Int64(ttl)}
	for _, v := range values {
		s.ResourceRecords = append(s.ResourceRecords, types.ResourceRecord{Value: aws.String(v)})
	}
	return s
}

// byHand does what a person does in the console.
func (w *world) byHand(t *testing.T, action types.ChangeAction, sets ...*types.ResourceRecordSet) {
	t.Helper()
	var changes []types.Change
	for _, s := range sets {
		changes = append(changes, types.Change{Action: action, ResourceRecordSet: s})
	}
	if _, err := w.client.ChangeResourceRecordSets(t.Context(), &sdk.ChangeResourceRecordSetsInput{
		HostedZoneId: aws.String(w.zone), ChangeBatch: &types.ChangeBatch{Changes: changes},
	}); err != nil {
		t.Fatal(err)
	}
}

// records are all of the zone below the domain: "name type ttl values".
func (w *world) records(t *testing.T) []string {
	t.Helper()
	var found []string
	pages := sdk.NewListResourceRecordSetsPaginator(w.client, &sdk.ListResourceRecordSetsInput{HostedZoneId: aws.String(w.zone)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.ResourceRecordSets {
			name, below := strings.CutSuffix(aws.ToString(s.Name), "."+domain+".")
			if !below {
				continue
			}
			words := []string{name, string(s.Type)}
			for _, r := range s.ResourceRecords {
				words = append(words, aws.ToString(r.Value))
			}
			found = append(found, strings.Join(words, " "))
		}
	}
	return found
}

// create is a change from nothing.
func create(deployment, host, kind, to string) plan.AddressChange {
	return plan.AddressChange{Deployment: deployment, Name: host + "." + domain, Type: kind, To: to, ToTTL: ttl}
}

// move is a change of a record that create made.
func move(deployment, host, kind, from, to string) plan.AddressChange {
	c := create(deployment, host, kind, to)
	c.From, c.FromTTL = from, ttl
	if to == "" {
		c.ToTTL = 0
	}
	return c
}

// apply makes changes that all have to succeed.
func apply(t *testing.T, n *route53.Names, changes ...plan.AddressChange) {
	t.Helper()
	for i, err := range n.Apply(t.Context(), changes) {
		if err != nil {
			t.Fatalf("change %d: %v", i, err)
		}
	}
}
