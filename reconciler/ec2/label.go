package ec2

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/sync/errgroup"

	"github.com/mainstaydb/mainstay/reconciler"
)

// labelsPerCall are written side by side, so that a call takes as long as one.
const labelsPerCall = 10

// Label implements reconciler.Labeller.
func (c *Cloud) Label(ctx context.Context, labels []reconciler.Label) (left int, err error) {
	var due []label
	for _, l := range labels {
		tags := labelTags(l)
		if stale := c.memory.without(l.Resources, tags); len(stale) > 0 {
			due = append(due, label{stale, tags})
		}
	}
	var written atomic.Int64
	group, ctx := errgroup.WithContext(ctx) // after one failure the rest would likely fail alike
	for n := range min(len(due), labelsPerCall) {
		if !c.limiter.Spare("CreateTags") {
			break
		}
		group.Go(func() error {
			if err := c.writeTags(ctx, due[n].resources, due[n].tags...); err != nil {
				return err
			}
			written.Add(1)
			return nil
		})
	}
	err = group.Wait()
	return len(due) - int(written.Load()), err
}

// A label is the tags to be written on some resources.
type label struct {
	resources []string
	tags      []types.Tag
}

func labelTags(l reconciler.Label) []types.Tag {
	title := l.Name
	if l.Ordinal > 0 {
		title += "-" + strconv.Itoa(l.Ordinal)
	}
	return append(owner{l.Deployment, l.Ordinal}.tags(), tag(titleTag, title), tag(nameTag, l.Name), tag(whoseTag, l.Owner))
}

// without are the listed resources that do not carry all of the tags.
func (m *memory) without(ids []string, tags []types.Tag) []string {
	var stale []string
	for _, id := range ids {
		if old, listed := m.tags(id); listed && !carries(old, tags) {
			stale = append(stale, id)
		}
	}
	return stale
}

func carries(old, tags []types.Tag) bool {
	for _, t := range tags {
		if !has(old, *t.Key) || tagOf(old, *t.Key) != *t.Value {
			return false
		}
	}
	return true
}

// writeTags sets tags: the same again change nothing.
func (c *Cloud) writeTags(ctx context.Context, resources []string, tags ...types.Tag) error {
	in := &sdk.CreateTagsInput{Resources: resources, Tags: tags}
	doing := "label " + strings.Join(resources, " and ")
	if _, err := call(ctx, c, "CreateTags", 0, doing, c.opts.Client.CreateTags, in); err != nil {
		return err
	}
	c.memory.tagged(resources, tags)
	return nil
}

func has(tags []types.Tag, key string) bool {
	for _, t := range tags {
		if aws.ToString(t.Key) == key {
			return true
		}
	}
	return false
}
