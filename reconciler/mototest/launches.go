package mototest

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
)

// sender has moto answer a request.
type sender func(Request) *httptest.ResponseRecorder

// launches are EC2's promises about machines that moto does not keep.
type launches struct {
	mu     *sync.Mutex
	tokens map[string]*launched
	ended  map[string]bool // terminated machines
}

// launched is a token's first use.
type launched struct {
	mu     sync.Mutex
	form   string
	answer *httptest.ResponseRecorder
}

func newLaunches() launches {
	return launches{mu: new(sync.Mutex), tokens: map[string]*launched{}, ended: map[string]bool{}}
}

// launch makes a token's machines once, as many as it may, and answers a repetition
// as the first time. A launch that failed did not use its token.
func (l launches) launch(q Request, only int, send sender) *httptest.ResponseRecorder {
	form := maps.Clone(q.Form)
	if most, err := strconv.Atoi(form.Get("MaxCount")); err == nil && only > 0 && only < most {
		form.Set("MaxCount", strconv.Itoa(only))
	}
	full := q
	full.Form = maps.Clone(form)
	full.Form.Set("MinCount", form.Get("MaxCount"))
	token := q.Form.Get("ClientToken")
	if token == "" {
		return send(full)
	}
	first := l.first(token)
	first.mu.Lock()
	defer first.mu.Unlock()
	if first.answer == nil {
		answer := send(full)
		if answer.Code != http.StatusOK {
			return answer
		}
		first.form, first.answer = q.Form.Encode(), answer
	}
	if first.form != q.Form.Encode() {
		return q.refusal(http.StatusBadRequest, "IdempotentParameterMismatch")
	}
	return first.answer
}

func (l launches) first(token string) *launched {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tokens[token] == nil {
		l.tokens[token] = new(launched)
	}
	return l.tokens[token]
}

func (l launches) start(q Request, send sender) *httptest.ResponseRecorder {
	l.mu.Lock()
	over := l.ended[q.Form.Get("InstanceId.1")]
	l.mu.Unlock()
	if over {
		return q.refusal(http.StatusBadRequest, "IncorrectInstanceState")
	}
	return send(q)
}

func (l launches) end(q Request, send sender) *httptest.ResponseRecorder {
	answer := send(q)
	if answer.Code != http.StatusOK {
		return answer
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, values := range q.Form {
		if strings.HasPrefix(key, "InstanceId.") {
			l.ended[values[0]] = true
		}
	}
	return answer
}
