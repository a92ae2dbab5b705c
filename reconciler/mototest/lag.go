package mototest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// listings remember what EC2 listed, to list it again when it should lag.
type listings struct {
	mu     *sync.Mutex
	last   map[string]*httptest.ResponseRecorder // by form
	lagged map[string]bool                       // actions
}

func newListings() listings {
	return listings{mu: new(sync.Mutex), last: map[string]*httptest.ResponseRecorder{}, lagged: map[string]bool{}}
}

// Lag has EC2's listing actions, such as DescribeInstances, answer as they did last
// until the returned function is called: what was made since is not listed, what was
// changed is listed as it was, and an id that was not listed yet is not found.
func (p *Proxy) Lag(actions ...string) (end func()) {
	set := func(lags bool) {
		p.listings.mu.Lock()
		defer p.listings.mu.Unlock()
		for _, a := range actions {
			p.listings.lagged[a] = lags
		}
	}
	set(true)
	return func() { set(false) }
}

func (l listings) list(q Request, send sender) *httptest.ResponseRecorder {
	form := q.Form.Encode()
	l.mu.Lock()
	lags, last := l.lagged[q.Action], l.last[form]
	l.mu.Unlock()
	switch {
	case lags && last != nil:
		return last
	case lags:
		return l.unseen(q, send)
	}
	answer := send(q)
	if answer.Code == http.StatusOK {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.last[form] = answer
	}
	return answer
}

// unseen answers what was not asked before the lag began.
func (l listings) unseen(q Request, send sender) *httptest.ResponseRecorder {
	byID := false
	for key, values := range q.Form {
		switch {
		case strings.HasPrefix(key, "InstanceId.") && !l.knows(q.Action, values[0]):
			return q.refusal(http.StatusBadRequest, "InvalidInstanceID.NotFound")
		case strings.HasPrefix(key, "VolumeId.") && !l.knows(q.Action, values[0]):
			return q.refusal(http.StatusBadRequest, "InvalidVolume.NotFound")
		case strings.HasPrefix(key, "InstanceId."), strings.HasPrefix(key, "VolumeId."):
			byID = true
		}
	}
	if byID {
		return send(q)
	}
	return nothing(q)
}

// nothing is an empty listing.
func nothing(q Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "text/xml")
	_, _ = fmt.Fprintf(w, `<%sResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>0</requestId></%[1]sResponse>`, q.Action)
	return w
}

// knows tells whether an id was ever listed.
func (l listings) knows(action, id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for form, answer := range l.last {
		if strings.Contains(form, "Action="+action+"&") && strings.Contains(answer.Body.String(), ">"+id+"<") {
			return true
		}
	}
	return false
}
