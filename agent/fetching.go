package agent

import (
	"errors"
	"fmt"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/doltserver"
	"github.com/mainstaydb/mainstay/agent/fetch"
)

// progress tells of every tenth of a download: each message is news to watchers.
func (p *programs) progress(t target) fetch.Progress {
	told := int64(0)
	return func(done, total int64) {
		step := total / 10
		if total <= 0 {
			step = 64 << 20 // of a length that nobody told
		}
		if done-told < step {
			return
		}
		told = done
		message := fmt.Sprintf(": %d MB so far", done/1e6)
		if total > 0 {
			message = fmt.Sprintf(": %d of %d MB", done/1e6, total/1e6)
		}
		p.tell(t, message)
	}
}

// tell shows that t is on its way.
func (p *programs) tell(t target, how string) {
	p.show(t, trouble{Fetching, "Download", "Dolt " + t.version + " is being fetched from " + t.source.URL + how})
}

// show puts one trouble of t on the board, unless t is no longer wanted.
func (p *programs) show(t target, now trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.want != t {
		return
	}
	p.board.update(func(s *agentpb.StatusResponse) {
		if now.kind != "" {
			raise(s, now)
		}
		for _, kind := range programTroubles {
			if kind != now.kind {
				lower(s, kind)
			}
		}
	})
}

// conclude notes how a try ended. It is true when nothing is left to do.
func (p *programs) conclude(t target, err error) bool {
	if err == nil {
		p.log.Info("Dolt is ready", "version", t.version)
		p.show(t, trouble{})
	} else {
		p.log.Warn("Dolt is not ready", "version", t.version, "err", err)
		p.show(t, whyMissing(t, err))
	}
	p.mu.Lock()
	if p.want == t {
		if p.proven, p.failure = err == nil, ""; err != nil {
			p.failure = err.Error()
		}
	}
	p.mu.Unlock()
	p.changed()
	return err == nil
}

func whyMissing(t target, err error) trouble {
	var problem *doltserver.Problem
	switch {
	case errors.As(err, &problem):
		return trouble{problem.Type, problem.Reason, problem.Message}
	case errors.Is(err, fetch.ErrBusy):
		return trouble{Fetching, "Elsewhere", fmt.Sprintf("Dolt %s: %v", t.version, err)}
	case errors.Is(err, fetch.ErrWrong):
		return trouble{doltserver.VersionMissing, "WrongProgram", fmt.Sprintf("Dolt %s cannot be used: %v", t.version, err)}
	default:
		return trouble{doltserver.VersionMissing, "FetchFailed", fmt.Sprintf("Dolt %s cannot be installed, and is tried again: %v", t.version, err)}
	}
}
