package e2e

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/uuid"
)

// makeZone makes a hosted zone with records that are nobody's of ours. A request whose
// answer is lost is sent again, so it says what there should be and not what to make.
func (f *cloudFleet) makeZone() {
	f.t.Helper()
	out, err := f.route53.CreateHostedZone(f.t.Context(), &route53.CreateHostedZoneInput{
		Name: aws.String("example.com"), CallerReference: aws.String(uuid.NewString()),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.zone = strings.TrimPrefix(aws.ToString(out.HostedZone.Id), "/hostedzone/")
	var changes []types.Change
	for _, r := range []struct{ name, kind, value string }{
		{"www.example.com", "A", "192.0.2.1"}, {"printer." + domain, "A", "192.0.2.2"}, {domain, "TXT", `"of somebody else"`},
	} {
		changes = append(changes, types.Change{Action: types.ChangeActionUpsert, ResourceRecordSet: &types.ResourceRecordSet{
			Name: aws.String(r.name), Type: types.RRType(r.kind), TTL: aws.Int64(60), ResourceRecords: []types.ResourceRecord{{Value: aws.String(r.value)}},
		}})
	}
	if _, err := f.route53.ChangeResourceRecordSets(f.t.Context(), &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: aws.String(f.zone), ChangeBatch: &types.ChangeBatch{Changes: changes},
	}); err != nil {
		f.t.Fatal(err)
	}
}

// records are all of the zone but its own NS and SOA: values by "name type".
func (f *cloudFleet) records() map[string]string {
	f.t.Helper()
	all, err := f.listRecords(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return all
}

func (f *cloudFleet) listRecords(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	pages := route53.NewListResourceRecordSetsPaginator(f.route53, &route53.ListResourceRecordSetsInput{HostedZoneId: aws.String(f.zone)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range page.ResourceRecordSets {
			if s.Type == types.RRTypeNs || s.Type == types.RRTypeSoa {
				continue
			}
			var values []string
			for _, r := range s.ResourceRecords {
				values = append(values, aws.ToString(r.Value))
			}
			all[strings.TrimSuffix(aws.ToString(s.Name), ".")+" "+string(s.Type)] = strings.Join(values, " ")
		}
	}
	return all, nil
}
