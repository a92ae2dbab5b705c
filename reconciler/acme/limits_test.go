package acme

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func at(hours ...float64) []time.Time {
	var times []time.Time
	for _, h := range hours {
		times = append(times, epoch.Add(time.Duration(h*float64(time.Hour))))
	}
	return times
}

func TestLimit(t *testing.T) {
	t.Parallel()
	five := Limit{5, 7 * 24 * time.Hour} // one in 33.6 hours
	tests := []struct {
		name  string
		limit Limit
		used  []time.Time
		want  time.Time // one more is possible, from epoch on
	}{
		{"nothing used", five, nil, epoch},
		{"one left", five, at(0, 0, 0, 0), epoch},
		{"all at once", five, at(0, 0, 0, 0, 0), at(33.6)[0]},
		{"in any order", five, at(-10, 0, -30, -20, 0), at(3.6)[0]},
		{"evenly", five, at(0, -33.6, -67.2, -100.8, -134.4, -168), epoch},
		{"a week ago", five, at(-168, -168, -168, -168, -168), epoch},
		{"no limit", Limit{-1, time.Hour}, at(0, 0, 0), epoch},
		{"one at a time", Limit{1, time.Hour}, at(-0.5), at(0.5)[0]},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := later(epoch, test.limit.next(test.used)); got.Sub(test.want).Abs() > time.Second {
				t.Errorf("one more is possible at %s, want %s", got, test.want)
			}
		})
	}
}

// TestLimitIsABucket compares with a bucket that is counted minute by minute.
func TestLimitIsABucket(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := Limit{rapid.IntRange(1, 6).Draw(t, "count"), 0}
		each := rapid.IntRange(1, 20).Draw(t, "minutes for each")
		limit.Period = time.Duration(limit.Count*each) * time.Minute
		var used []time.Time
		left := float64(limit.Count)
		for minute := range 200 {
			left = min(left+1/float64(each), float64(limit.Count))
			if minute == 0 {
				left = float64(limit.Count)
			}
			now := epoch.Add(time.Duration(minute) * time.Minute)
			if possible, is := left > 1-1e-6, !limit.next(used).After(now); possible != is {
				t.Fatalf("minute %d: %f left, and one more is possible at %s", minute, left, limit.next(used))
			}
			if left > 1-1e-6 && rapid.Bool().Draw(t, "use") {
				used = append(used, now)
				left--
			}
		}
	})
}

func TestLimitsOfNames(t *testing.T) {
	t.Parallel()
	limits := newBook(Limits{}).limits
	issues := func(n int, names string, renewal bool) []issue {
		var all []issue
		for i := range n {
			all = append(all, issue{at: epoch.Add(-time.Minute), names: strings.ReplaceAll(names, "#", fmt.Sprint(i)), renewal: renewal})
		}
		return all
	}
	tests := []struct {
		name   string
		issued []issue
		orders []time.Time
		want   string // empty: no wait
	}{
		{"nothing", nil, nil, ""},
		{"four of this set", issues(4, "a.example.com", false), nil, ""},
		{"five of this set", issues(5, "a.example.com", false), nil, "at most 5 certificates for the same names in 7 days"},
		{"five renewals of this set", issues(5, "a.example.com", true), nil, "at most 5 certificates for the same names in 7 days"},
		{"five of another set", issues(5, "a.example.com b.example.com", false), nil, ""},
		{"fifty of the domain", issues(50, "#.example.com", false), nil, "at most 50 certificates for names of example.com in 7 days"},
		{"fifty with two names", issues(50, "#.example.com #.example.org", false), nil, "at most 50 certificates for names of example.com in 7 days"},
		{"fifty renewals of the domain", issues(50, "#.example.com", true), nil, ""},
		{"fifty of another domain", issues(50, "#.example.co.uk", false), nil, ""},
		{"three hundred orders", nil, at(make([]float64, 300)...), "at most 300 orders of one account in 3h"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := limits.of("a.example.com", test.issued, test.orders)
			if waits := h.until.After(epoch); waits != (test.want != "") || waits && !strings.Contains(h.reason, test.want) {
				t.Errorf("waits until %s because %s; want %q", h.until, h.reason, test.want)
			}
		})
	}
}

func TestBookCountsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	b := newBook(Limits{Names: Limit{2, time.Hour}})
	first, _ := b.reserve("a.example.com", false, epoch)
	second, _ := b.reserve("a.example.com", false, epoch)
	if third, h := b.reserve("a.example.com", false, epoch); first == nil || second == nil || third != nil || h.until.IsZero() {
		t.Fatal("three orders side by side passed a limit of two")
	}
	if renewal, _ := b.reserve("a.example.com", true, epoch); renewal == nil {
		t.Error("a renewal was held back")
	} else {
		b.release(renewal)
	}
	b.release(first)
	b.keep(second)
	b.release(second)
	if again, _ := b.reserve("a.example.com", false, epoch); again == nil {
		t.Error("an order that came to nothing is counted")
	}
	if more, _ := b.reserve("a.example.com", false, epoch); more != nil {
		t.Error("an order whose end is not known is not counted")
	}
}

func TestRegisteredDomains(t *testing.T) {
	t.Parallel()
	for names, want := range map[string]string{
		"a.b.example.com":               "example.com",
		"*.example.com example.com":     "example.com",
		"db.example.co.uk":              "example.co.uk",
		"com":                           "com",
		"a.example.com b.example.org":   "example.com example.org",
		"x.github.io":                   "x.github.io",
		"ec2-1.eu.compute.amazonaws.io": "amazonaws.io",
	} {
		if got := strings.Join(registeredDomains(names), " "); got != want {
			t.Errorf("%s is of %s, want %s", names, got, want)
		}
	}
}
