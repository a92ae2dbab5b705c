package mototest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Count is how often an action was asked for, of whatever service.
func (p *Proxy) Count(action string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for key, times := range p.requests {
		if key[1] == action {
			n += times
		}
	}
	return n
}

// Since is how often an action was asked for since Failing was called last.
func (p *Proxy) Since(action string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.since[action]
}

// Requests are the numbers of requests by service and action, as in "ec2 RunInstances".
func (p *Proxy) Requests() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[string]int, len(p.requests))
	for key, n := range p.requests {
		all[key[0]+" "+key[1]] = n
	}
	return all
}

// Counts tells of all requests in a line, the most frequent first.
func (p *Proxy) Counts() string {
	requests := p.Requests()
	total := 0
	var all []string
	for _, key := range slices.SortedFunc(maps.Keys(requests), func(a, b string) int {
		if d := requests[b] - requests[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	}) {
		total += requests[key]
		all = append(all, fmt.Sprintf("%s %d", key, requests[key]))
	}
	return fmt.Sprintf("%d in all: %s", total, strings.Join(all, ", "))
}
