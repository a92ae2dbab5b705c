package mototest

// A Fault is what goes wrong with one request. The zero Fault is a request that
// nothing happens to.
type Fault struct {
	Before  func() // happens first
	Status  int    // of a refusal; 0: none, unless Code is set
	Code    string // AWS's, of a refusal
	Message string // of a refusal
	// Cut: the connection is broken off, in place of an answer.
	Cut bool
	// After: moto does as it is asked, and the answer is lost.
	After bool
	// Hang: nothing is answered until the caller gives up. With After, moto has done
	// as it was asked by then.
	Hang bool
	// Edit changes moto's answer, which is XML or JSON.
	Edit func(answer string) string
	// Only is how many machines a launch makes at most; 0: as many as it may.
	Only int
}

// Failing sets what goes wrong from now on: f is asked about each request, one at a
// time, and may change its form. Nil, as function or answer: nothing.
func (p *Proxy) Failing(f func(Request) *Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.since = f, map[string]int{}
}

// On is for Failing: one action goes wrong, always in the same way.
func On(action string, f Fault) func(Request) *Fault {
	return func(r Request) *Fault {
		if r.Action != action {
			return nil
		}
		return &f
	}
}

// take counts a request and says what goes wrong with it.
func (p *Proxy) take(q *Request) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests[[2]string{q.Service, q.Action}]++
	p.since[q.Action]++
	q.Times = p.since[q.Action]
	if p.fault != nil {
		if f := p.fault(*q); f != nil {
			return *f
		}
	}
	return Fault{}
}
