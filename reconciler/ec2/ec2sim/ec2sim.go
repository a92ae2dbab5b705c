// Package ec2sim is EC2's API in memory, over a world of package sim: for running
// the adapter and the loop against AWS's published limits, lag and refusals in
// virtual time.
//
// It promises what AWS documents and safety rests on: a client token launches once,
// listings come in pages and carry ClientToken and AmiLaunchIndex, and whoever asks
// for more than a limit allows is throttled. It counts every request. A test may
// have any request fail, before or after its effect, and listings lag.
//
// It knows the requests that package ec2 sends and no others, and no quotas. What it
// says about machines comes from the world, so agents of that world fit it.
package ec2sim

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/aws/smithy-go"
	"golang.org/x/time/rate"

	"github.com/mainstaydb/mainstay/reconciler/ec2"
	"github.com/mainstaydb/mainstay/reconciler/sim"
)

// An API is what one account and region of AWS answers. Make it with New in the
// time that it is to live in.
type API struct {
	world *sim.World

	mu        sync.Mutex
	limits    map[string][]limit
	calls     map[string]int
	throttled int
	fault     func(Call) *Fault
	tags      map[string]map[string]string // by resource
	tokens    map[string]launched
	lag       time.Duration
	history   []view
	snapshots map[string]snapshot
}

// A Call is one request, as a fault sees it.
type Call struct {
	Action string
	Number int // of this action, from 1
	Zone   string
}

// A Fault is what a request fails with.
type Fault struct {
	Code  string // AWS's
	After bool   // the effect happens all the same
}

type limit struct {
	ec2.Bucket
	*rate.Limiter
}

// New makes an account in which there is nothing yet. limits are AWS's own as
// ec2.Buckets gives them, or a test's.
func New(world *sim.World, limits []ec2.Bucket) *API {
	a := &API{world: world, limits: map[string][]limit{}, calls: map[string]int{}, tags: map[string]map[string]string{},
		tokens: map[string]launched{}, snapshots: map[string]snapshot{}}
	for _, b := range limits {
		for _, action := range b.Actions {
			a.limits[action] = append(a.limits[action], limit{b, rate.NewLimiter(rate.Limit(b.PerSecond), b.Burst)})
		}
	}
	return a
}

// Calls are the requests so far by action, those that were throttled among them.
func (a *API) Calls() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.calls)
}

// Throttled is how many requests went beyond a limit.
func (a *API) Throttled() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.throttled
}

// Failing sets what fails from now on; nil: nothing.
func (a *API) Failing(f func(Call) *Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault = f
}

// Lag has listings show what was so long ago.
func (a *API) Lag(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lag = d
}

// answer counts a request and lets it happen, unless a limit or a fault says no.
// Units is how many instances it is about.
func (a *API) answer(_ context.Context, action, zone string, units int, effect func() error) error {
	fault, err := a.admit(action, zone, units)
	if err != nil {
		return err
	}
	if fault != nil && !fault.After {
		return refusal(fault.Code)
	}
	if err := effect(); err != nil {
		return err
	}
	if fault != nil {
		return refusal(fault.Code)
	}
	return nil
}

func (a *API) admit(action, zone string, units int) (*Fault, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls[action]++
	for _, l := range a.limits[action] {
		n := 1
		if l.Instances {
			n = units
		}
		if !l.AllowN(time.Now(), n) {
			a.throttled++
			return nil, refusal("RequestLimitExceeded")
		}
	}
	if a.fault == nil {
		return nil, nil
	}
	return a.fault(Call{Action: action, Number: a.calls[action], Zone: zone}), nil
}

func refusal(code string) error {
	return &smithy.GenericAPIError{Code: code, Message: "said by the simulated EC2", Fault: smithy.FaultClient}
}
