package route53

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"pgregory.net/rapid"
)

// jobOf changes so many records of so many characters.
func jobOf(name string, records, characters int) *job {
	var changes []types.Change
	for range records {
		changes = append(changes, types.Change{Action: types.ChangeActionCreate, ResourceRecordSet: &types.ResourceRecordSet{
			Name: aws.String(name), ResourceRecords: []types.ResourceRecord{{Value: aws.String(strings.Repeat("é", characters))}},
		}})
	}
	return &job{group: group{name: name}, verdict: verdict{changes: changes}}
}

func TestPack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		jobs, records, characters int
		want                      []int // jobs of each batch
	}{
		{0, 1, 1, nil},
		{1, 4, 15, []int{1}},
		{1000, 1, 15, []int{1000}},
		{1001, 1, 15, []int{1000, 1}},
		{400, 3, 15, []int{333, 67}}, // a job is not parted
		{500, 2, 16, []int{500}},     // 32,000 characters are not too many records, and 1,000 records not too many characters
		{321, 1, 100, []int{320, 1}},
		{3, 1, 20000, []int{1, 1, 1}},
	} {
		var jobs []*job
		for i := range c.jobs {
			jobs = append(jobs, jobOf(fmt.Sprint(i), c.records, c.characters))
		}
		var got []int
		for _, b := range pack(jobs) {
			got = append(got, len(b))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d jobs of %d records of %d characters: batches %v, want %v", c.jobs, c.records, c.characters, got, c.want)
		}
	}
}

// TestPackLosesNone: whatever the jobs are, all go out once, in order, within the limits.
func TestPackLosesNone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var jobs []*job
		for i := range rapid.IntRange(0, 60).Draw(r, "jobs") {
			jobs = append(jobs, jobOf(fmt.Sprint(i), rapid.IntRange(1, 120).Draw(r, "records"), rapid.IntRange(1, 200).Draw(r, "characters")))
		}
		var all []*job
		for _, b := range pack(jobs) {
			var changes []types.Change
			for _, j := range b {
				changes = append(changes, j.verdict.changes...)
			}
			if records, characters := size(changes); records > batchRecords || characters > batchCharacters || len(b) == 0 {
				r.Fatalf("a batch of %d jobs has %d records and %d characters", len(b), records, characters)
			}
			all = append(all, b...)
		}
		if !slices.Equal(all, jobs) {
			r.Fatal("the batches do not hold the jobs in order")
		}
	})
}

func TestAccused(t *testing.T) {
	t.Parallel()
	batch := []*job{jobOf("shop.db.example.com", 1, 1), jobOf("op.db.example.com", 1, 1), jobOf("a-b.db.example.com", 1, 1)}
	for _, c := range []struct {
		message string
		want    []string
	}{
		{"Tried to create resource record set [name='shop.db.example.com.', type='A'] but it already exists", []string{"shop.db.example.com"}},
		{"Tried to delete resource record set [name='_mainstay.shop.db.example.com.', type='TXT'] but it was not found", []string{"shop.db.example.com"}},
		{`Tried to delete resource record set [name='\137mainstay.OP.db.example.com.', type='TXT'] but the values provided do not match the current values`,
			[]string{"op.db.example.com"}},
		{"RRSet of type A with DNS name a-b.db.example.com. is not permitted because a conflicting RRSet of type  CNAME with the same DNS name already exists in zone example.com.",
			[]string{"a-b.db.example.com"}},
		{"The request contains an invalid set of changes for a resource record set 'A shop.db.example.com.', The request contains an invalid set of " +
			"changes for a resource record set 'A op.db.example.com.'", []string{"shop.db.example.com", "op.db.example.com"}},
		{"Number of records limit of 1000 exceeded.", nil},
		{"db.example.com", nil},
	} {
		for _, err := range []error{
			&types.InvalidChangeBatch{Messages: []string{"first", c.message}},
			explain(&types.InvalidChangeBatch{Message: aws.String(c.message)}, "change records"),
		} {
			var got []string
			for _, j := range accused(err, batch) {
				got = append(got, j.name)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s: accuses %v, want %v", c.message, got, c.want)
			}
		}
	}
	if len(accused(fmt.Errorf("shop.db.example.com"), batch)) != 0 {
		t.Error("an error that is no refusal of a batch accuses somebody")
	}
}
