package acme

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
)

// A Limit is how many there may be at once, and the time after which as many are
// possible again. It refills evenly: 5 in 7 days means that one more is possible
// 33.6 hours after the fifth. A negative Count is no limit.
type Limit struct {
	Count  int
	Period time.Duration
}

// Limits are those of an authority. Renewals that replace a certificate do not count
// against them.
type Limits struct {
	Domain Limit // certificates for one registered domain
	Names  Limit // certificates for one exact set of names
	Orders Limit // orders of one account
}

// LetsEncrypt is what Let's Encrypt publishes.
func LetsEncrypt() Limits {
	const week = 7 * 24 * time.Hour
	return Limits{Domain: Limit{50, week}, Names: Limit{5, week}, Orders: Limit{300, 3 * time.Hour}}
}

// next is when one more is possible after what was used.
func (l Limit) next(used []time.Time) time.Time {
	if l.Count <= 0 || len(used) == 0 {
		return time.Time{}
	}
	each := l.Period / time.Duration(l.Count)
	var full time.Time // when nothing is used any more
	for _, at := range slices.SortedFunc(slices.Values(used), time.Time.Compare) {
		if full.Before(at) {
			full = at
		}
		full = full.Add(each)
	}
	return full.Add(-each * time.Duration(l.Count-1))
}

// An issue is one certificate as far as limits go.
type issue struct {
	at      time.Time
	names   string
	renewal bool
}

// A hold is a limit that has to be waited for.
type hold struct {
	until  time.Time
	reason string // follows "because"
}

// of is the limit that holds an order for names back longest; a zero one: none does.
func (l Limits) of(names string, issued []issue, orders []time.Time) hold {
	var worst hold
	check := func(limit Limit, used []time.Time, reason string) {
		if until := limit.next(used); until.After(worst.until) {
			worst = hold{until, reason}
		}
	}
	check(l.Orders, orders, fmt.Sprintf("the authority takes at most %s", l.Orders.sentence("orders of one account")))
	check(l.Names, times(issued, func(i issue) bool { return i.names == names }),
		fmt.Sprintf("the authority issues at most %s", l.Names.sentence("certificates for the same names")))
	for _, domain := range registeredDomains(names) {
		used := times(issued, func(i issue) bool {
			return !i.renewal && slices.Contains(registeredDomains(i.names), domain)
		})
		check(l.Domain, used, fmt.Sprintf("the authority issues at most %s", l.Domain.sentence("certificates for names of "+domain)))
	}
	return worst
}

func (l Limit) sentence(what string) string {
	if days := l.Period / (24 * time.Hour); days > 1 && l.Period%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d %s in %d days", l.Count, what, days)
	}
	return fmt.Sprintf("%d %s in %s", l.Count, what, strings.TrimSuffix(strings.TrimSuffix(l.Period.String(), "0s"), "0m"))
}

func times(issued []issue, counts func(issue) bool) []time.Time {
	var at []time.Time
	for _, i := range issued {
		if counts(i) {
			at = append(at, i.at)
		}
	}
	return at
}

// registeredDomains are the parts of names that somebody bought: what authorities
// count by. A name that is a public suffix itself stands for itself.
func registeredDomains(names string) []string {
	var domains []string
	for _, name := range splitNames(names) {
		name = strings.TrimPrefix(name, "*.")
		domain, err := publicsuffix.EffectiveTLDPlusOne(name)
		if err != nil {
			domain = name
		}
		if !slices.Contains(domains, domain) {
			domains = append(domains, domain)
		}
	}
	return domains
}
