package githubtest

import (
	"net/http"
	"strconv"
	"time"
)

// limits are GitHub's, of requests in an hour and of points in a minute.
type limits struct {
	primary   rate
	secondary rate // points; 0: none
}

// A rate is so much in a window of time.
type rate struct {
	most int
	per  time.Duration
}

// A window is what was used of a rate.
type window struct {
	used int
	ends time.Time
}

// A usage is what somebody used of both. All tokens of a person, and of an installation,
// have one.
type usage struct{ window, points window }

// newLimits are what an App's installation and a person have at least. The secondary
// limit is off, as a test is as fast as it can be.
func newLimits() limits { return limits{primary: rate{most: 5000, per: time.Hour}} }

// Limit sets how many requests each person and installation has in a window, which
// begins anew.
func (g *GitHub) Limit(requests int, per time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limits.primary = rate{requests, per}
	g.forget()
}

// LimitPoints sets the secondary limit: reading costs a point and writing five. GitHub
// allows 900 in a minute. 0: no limit.
func (g *GitHub) LimitPoints(points int, per time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limits.secondary = rate{points, per}
	g.forget()
}

// Throttled is how many requests were refused as too many.
func (g *GitHub) Throttled() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.throttled
}

func (g *GitHub) forget() {
	for _, p := range g.people {
		p.usage = usage{}
	}
	for _, a := range g.apps {
		a.usage, *a.self.usage = usage{}, usage{}
	}
}

// at begins the window anew when it is over.
func (w *window) at(now time.Time, r rate) *window {
	if !now.Before(w.ends) {
		*w = window{ends: now.Add(r.per)}
	}
	return w
}

// exceeded refuses one who used all of it.
func (l limits) exceeded(c *call) *answer {
	now := c.g.clock()
	if w := c.who.window.at(now, l.primary); w.used >= l.primary.most && c.route.template != "/rate_limit" {
		c.g.throttled++
		l.tell(c, *w)
		a := refuse(http.StatusForbidden, "API rate limit exceeded for "+c.who.name()+".")
		return &a
	}
	if l.secondary.most == 0 {
		return nil
	}
	if w := c.who.points.at(now, l.secondary); w.used+cost(c) > l.secondary.most {
		c.g.throttled++
		c.header.Set("Retry-After", seconds(w.ends.Sub(now)))
		a := refuse(http.StatusForbidden, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
		a.body.(object)["documentation_url"] = secondaryDocs
		return &a
	}
	return nil
}

func cost(c *call) int {
	const reading, writing = 1, 5 // points, as GitHub documents
	if c.r.Method == http.MethodGet {
		return reading
	}
	return writing
}

// spend takes a request off. What had not changed is free.
func (l limits) spend(c *call, status int) {
	if status != http.StatusNotModified && c.route.template != "/rate_limit" {
		c.who.window.used++
		c.who.points.used += cost(c)
	}
	l.tell(c, c.who.window)
}

func (l limits) tell(c *call, w window) {
	for key, n := range map[string]int{"Limit": l.primary.most, "Remaining": max(0, l.primary.most-w.used), "Used": w.used, "Reset": int(reset(w))} {
		c.header.Set("X-RateLimit-"+key, strconv.Itoa(n))
	}
	c.header.Set("X-RateLimit-Resource", "core")
}

// reset is a whole second that is not before the window's end.
func reset(w window) int64 { return w.ends.Add(time.Second - 1).Unix() }

func getRateLimit(c *call) answer {
	w, most := c.who.window, c.g.limits.primary.most
	core := object{"limit": most, "remaining": max(0, most-w.used), "used": w.used, "reset": reset(w)}
	return ok(object{"resources": object{"core": core, "search": core}, "rate": core})
}
