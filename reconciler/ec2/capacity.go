package ec2

import (
	"fmt"
	"sync"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// shortageFor is how long AWS is not asked again for what it had none of. Capacity
// comes back in minutes to hours, and every attempt costs a launch request.
const shortageFor = 3 * time.Minute

// shortages remember which machines AWS had none of, by type and zone.
type shortages struct {
	mu    sync.Mutex
	known map[market]shortage
}

type market struct{ zone, instanceType string }

type shortage struct {
	until time.Time
	err   error
}

func newShortages() *shortages { return &shortages{known: make(map[market]shortage)} }

// check fails while there is a shortage of the shape.
func (s *shortages) check(shape plan.Shape) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	short, ok := s.known[marketOf(shape)]
	if !ok || !time.Now().Before(short.until) {
		return nil
	}
	return fmt.Errorf("not asked again before %s: %w", short.until.UTC().Format(time.TimeOnly), short.err)
}

// learn takes in how a launch ended.
func (s *shortages) learn(shape plan.Shape, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		delete(s.known, marketOf(shape))
	case awserr.KindOf(err) == NoCapacity:
		s.known[marketOf(shape)] = shortage{until: time.Now().Add(shortageFor), err: err}
	}
}

func marketOf(shape plan.Shape) market { return market{shape.Zone, shape.InstanceType} }
