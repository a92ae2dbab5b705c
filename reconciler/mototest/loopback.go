package mototest

import (
	"regexp"
	"strings"
)

// Loopback has EC2 list private addresses that are this computer's, from now on:
// all of 127.0.0.0/8 is, where the system is Linux.
func (p *Proxy) Loopback() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loopback = true
}

// OnLoopback is the address that Loopback makes of a private one: its own for each,
// as moto gives the addresses of one network.
func OnLoopback(private string) string {
	_, rest, _ := strings.Cut(private, ".")
	return "127." + rest
}

var privateAddress = regexp.MustCompile(`<privateIpAddress>[0-9.]+<`)

// addressed is an answer with the addresses that are wanted.
func (p *Proxy) addressed(q Request, answer string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.loopback || q.Service != ec2 {
		return answer
	}
	return privateAddress.ReplaceAllStringFunc(answer, func(found string) string {
		_, private, _ := strings.Cut(found, ">")
		return "<privateIpAddress>" + OnLoopback(private)
	})
}

// Changed gets a value after requests that may have changed something in EC2.
func (p *Proxy) Changed() <-chan struct{} { return p.changed }

func (p *Proxy) tell(q Request) {
	if q.Service != ec2 || strings.HasPrefix(q.Action, "Describe") {
		return
	}
	select {
	case p.changed <- struct{}{}:
	default:
	}
}
