package route53

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// Route 53's limits for a batch. It counts values, not sets, and for an UPSERT twice;
// we send none.
const (
	batchRecords    = 1000
	batchCharacters = 32000
)

// A job is a group with what is to be sent for it.
type job struct {
	group
	verdict
	again bool // it was judged again, after a batch with it was refused
}

// size is what a batch's limits count.
func size(changes []types.Change) (records, characters int) {
	for _, c := range changes {
		for _, r := range c.ResourceRecordSet.ResourceRecords {
			records++
			characters += utf8.RuneCountInString(aws.ToString(r.Value))
		}
	}
	return records, characters
}

// pack puts jobs into batches within the limits, in order. A job is never parted.
func pack(jobs []*job) [][]*job {
	var batches [][]*job
	records, characters := batchRecords, batchCharacters
	for _, j := range jobs {
		r, c := size(j.verdict.changes)
		records, characters = records+r, characters+c
		if records > batchRecords || characters > batchCharacters {
			batches = append(batches, nil)
			records, characters = r, c
		}
		last := len(batches) - 1
		batches[last] = append(batches[last], j)
	}
	return batches
}

var nameIn = regexp.MustCompile(`[A-Za-z0-9_\\.-]+`)

// accused are the jobs whose names stand in Route 53's reasons for refusing a batch.
// There are many forms of reasons, and all have the name in them.
func accused(err error, batch []*job) []*job {
	said := map[string]bool{}
	for _, message := range messages(err) {
		for _, name := range nameIn.FindAllString(message, -1) {
			said[strings.TrimPrefix(canonical(name), ownerLabel)] = true
		}
	}
	var found []*job
	for _, j := range batch {
		if said[j.name] {
			found = append(found, j)
		}
	}
	return found
}
