package ec2

import (
	"fmt"
	"sync"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// shortageFor is how long AWS is not asked again for what it had none of, or allows no more of.
// Capacity comes back in minutes to hours and a quota is raised by people; every
// attempt takes as many launches out of the limit as the batch has machines, which
// others of the fleet wait for.
const shortageFor = 3 * time.Minute

// shortages remember which machines AWS had none of, or allows no more of.
type shortages struct {
	mu    sync.Mutex
	known map[market]shortage
}

// A market is where capacity is short, by type and zone. Quotas are kept apart, and
// those of volumes from those of machines that bring none: a database that is to move
// needs no new volume.
type market struct{ zone, instanceType, quota string }

type shortage struct {
	until time.Time
	err   error
}

func newShortages() *shortages { return &shortages{known: make(map[market]shortage)} }

// check fails while there is a shortage of the shape.
func (s *shortages) check(shape plan.Shape) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range []market{marketOf(shape), quotaOf(shape)} {
		if short, ok := s.known[m]; ok && time.Now().Before(short.until) {
			return fmt.Errorf("not asked again before %s: %w", short.until.UTC().Format(time.TimeOnly), short.err)
		}
	}
	return nil
}

// learn takes in how a launch ended.
func (s *shortages) learn(shape plan.Shape, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		delete(s.known, marketOf(shape))
		delete(s.known, quotaOf(shape))
	case awserr.KindOf(err) == NoCapacity:
		s.known[marketOf(shape)] = shortage{until: time.Now().Add(shortageFor), err: err}
	case awserr.KindOf(err) == awserr.Quota:
		s.known[quotaOf(shape)] = shortage{until: time.Now().Add(shortageFor), err: err}
	}
}

func marketOf(shape plan.Shape) market {
	return market{zone: shape.Zone, instanceType: shape.InstanceType}
}

func quotaOf(shape plan.Shape) market {
	m := marketOf(shape)
	m.quota = "machines"
	if shape.Volume != nil {
		m.quota = "machines with volumes"
	}
	return m
}
