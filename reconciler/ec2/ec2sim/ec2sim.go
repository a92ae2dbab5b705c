// Package ec2sim is EC2's API in memory, over a world of package sim: for running
// the adapter and the loop against AWS's published limits, lag and refusals in
// virtual time.
//
// It promises what AWS documents and safety rests on: a client token launches once,
// listings come in pages and carry ClientToken and AmiLaunchIndex, and whoever asks
// for more than a limit allows is throttled. It counts every request. A test may
// have any request fail, before or after its effect, or take its time, listings lag, and
// volumes be stuck on their way to a machine.
//
// It knows the requests that package ec2 sends and no others. What it says about
// machines comes from the world, so agents of that world fit it.
package ec2sim

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"golang.org/x/time/rate"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/awslimit"
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
	failed    int
	fault     func(Call) *Fault
	tags      map[string]map[string]string // by resource
	tokens    map[string]launched
	lag       time.Duration
	history   []view
	page      int // 0: as many as a request asks for
	snapshots map[string]snapshot
	unwell    map[string]types.InstanceStatus // by machine
	delay     func(Caller, Call) time.Duration
	stuck     bool
	attaching map[string]string // machine by volume
}

// A Caller is a process that asks, as its contexts say.
type Caller struct {
	Name  string
	Clock time.Duration // how far its clock is ahead: times in answers seem so much older to it
}

type callerKey struct{}

// As is a context whose requests are a process's.
func As(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

func callerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// A Call is one request, as a fault sees it.
type Call struct {
	Action string
	About  string // ids, a token or a page
	Number int    // of this action, from 1
	Zone   string // of a launch
	Type   string // of the machines of a launch
	Page   bool   // of a listing, not the first
}

// A Fault is what a request fails with.
type Fault struct {
	Code  string // AWS's
	After bool   // the effect happens all the same
	Hang  bool   // nobody answers until the caller gives up
}

type limit struct {
	awslimit.Bucket
	*rate.Limiter
}

// New makes an account in which there is nothing yet. limits are AWS's own as
// ec2.Buckets gives them, or a test's.
func New(world *sim.World, limits []awslimit.Bucket) *API {
	a := &API{world: world, limits: map[string][]limit{}, calls: map[string]int{}, tags: map[string]map[string]string{},
		tokens: map[string]launched{}, attaching: map[string]string{}, snapshots: map[string]snapshot{}, unwell: map[string]types.InstanceStatus{}}
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

// Slow sets how long each request is on its way from now on; nil: no time at all.
func (a *API) Slow(delay func(Caller, Call) time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.delay = delay
}

// Lag has listings show what was so long ago.
func (a *API) Lag(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lag = d
}

// PageSize has listings come in pages of so many: AWS may give fewer than were asked
// for. 0: as many as were asked for.
func (a *API) PageSize(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.page = n
}

// answer counts a request and lets it happen, unless a limit or a fault says no.
// About is the ids of what it is about.
func (a *API) answer(ctx context.Context, action string, about []string, effect func() error) error {
	return a.said(action, a.happen(ctx, Call{Action: action, About: strings.Join(about, " ")}, len(about), effect))
}

// list is answer for a page of a listing.
func (a *API) list(ctx context.Context, action string, token *string, effect func() error) error {
	return a.said(action, a.happen(ctx, Call{Action: action, About: aws.ToString(token), Page: aws.ToString(token) != ""}, 0, effect))
}

func (a *API) happen(ctx context.Context, call Call, units int, effect func() error) error {
	if err := a.travel(ctx, call); err != nil {
		return err
	}
	fault, err := a.admit(call, units)
	if err != nil {
		return err
	}
	if fault != nil && !fault.After {
		return fault.err(ctx)
	}
	if err := effect(); err != nil {
		return err
	}
	if fault != nil {
		return fault.err(ctx)
	}
	return nil
}

// travel is a request's way to AWS.
func (a *API) travel(ctx context.Context, call Call) error {
	a.mu.Lock()
	delay := a.delay
	a.mu.Unlock()
	if delay == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return reconciler.Pause(ctx, delay(callerOf(ctx), call))
}

func (f *Fault) err(ctx context.Context) error {
	if f.Hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return refusal(f.Code)
}

// said puts an error into the words of the SDK, which names every request.
func (a *API) said(action string, err error) error {
	if err == nil {
		return nil
	}
	return &smithy.OperationError{ServiceID: "EC2", OperationName: action, Err: fmt.Errorf("https response error StatusCode: 400, RequestID: %s, %w", a.requestID(), err)}
}

// requestID differs from one failure to the next, as AWS's do.
func (a *API) requestID() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failed++
	return fmt.Sprintf("00000000-0000-0000-0000-%012d", a.failed)
}

func (a *API) admit(call Call, units int) (*Fault, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	action := call.Action
	a.calls[action]++
	call.Number = a.calls[action]
	for _, l := range a.limits[action] {
		n := 1
		if l.Units {
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
	return a.fault(call), nil
}

func refusal(code string) error {
	return &smithy.GenericAPIError{Code: code, Message: "said by the simulated EC2", Fault: smithy.FaultClient}
}
