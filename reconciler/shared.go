package reconciler

import (
	"context"
	"errors"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// shared are the requests that several deployments' actions go out with.
type shared struct {
	launches map[string]*launchRequest // by token
	names    *namesRequest
}

// A launchRequest is the launch of one batch.
type launchRequest struct {
	actions  []plan.Action
	done     chan struct{}
	machines []plan.Machine
	err      error
}

// A namesRequest is the change of many names.
type namesRequest struct {
	changes []plan.AddressChange
	done    chan struct{}
	errs    []error
}

// share begins the requests that jobs have in common.
func (e *effects) share(ctx context.Context, jobs []job) shared {
	s := shared{launches: map[string]*launchRequest{}}
	for _, j := range jobs {
		for _, a := range j.Actions {
			switch a.Kind {
			case plan.LaunchMachine:
				if s.launches[a.Token] == nil {
					s.launches[a.Token] = &launchRequest{done: make(chan struct{})}
				}
				s.launches[a.Token].actions = append(s.launches[a.Token].actions, a)
			case plan.PublishNames:
				if s.names == nil {
					s.names = &namesRequest{done: make(chan struct{})}
				}
				s.names.changes = append(s.names.changes, a.Addresses...)
			}
		}
	}
	for _, l := range s.launches {
		e.running.Go(func() { e.launch(ctx, l) })
	}
	if s.names != nil {
		e.running.Go(func() { e.publish(ctx, s.names) })
	}
	return s
}

func (e *effects) launch(ctx context.Context, l *launchRequest) {
	defer close(l.done)
	ctx, cancel := context.WithTimeout(ctx, timeouts[plan.LaunchMachine])
	defer cancel()
	l.machines, l.err = e.cloud.Launch(ctx, l.actions)
	e.metrics.called(string(plan.LaunchMachine), outcomeOf(l.err))
}

func (e *effects) publish(ctx context.Context, n *namesRequest) {
	defer close(n.done)
	ctx, cancel := context.WithTimeout(ctx, timeouts[plan.PublishNames])
	defer cancel()
	n.errs = e.names.Apply(ctx, n.changes)
	e.metrics.called(string(plan.PublishNames), outcomeOf(errors.Join(n.errs...)))
}

// launched takes an action's machine from the answer to its request.
func launched(a plan.Action, l *launchRequest, res *result) error {
	<-l.done
	if l.err != nil {
		return l.err
	}
	for _, m := range l.machines {
		if m.Index == a.Index && m.Token == a.Token {
			res.launched = &m
			return nil
		}
	}
	res.void = &a.Slot
	return nil
}

// published takes what became of an action's changes from the answer.
func published(a plan.Action, n *namesRequest, res *result) error {
	<-n.done
	var failed []error
	for i, c := range n.changes {
		if c.Deployment != a.Deployment {
			continue
		}
		if i < len(n.errs) && n.errs[i] != nil {
			failed = append(failed, n.errs[i])
		} else {
			res.published = append(res.published, c)
		}
	}
	return errors.Join(failed...)
}
