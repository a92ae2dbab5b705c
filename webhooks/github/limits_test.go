package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const refBody = `{"ref":"refs/heads/main","object":{"type":"commit","sha":"00000000000000000000000000000000000000aa"}}`

// A script answers calls in order, the last answer for ever, and notes when they came.
type script struct {
	mu      sync.Mutex
	answers []func() *http.Response
	at      []time.Time
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = append(s.at, time.Now())
	answer := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	resp := answer()
	resp.Request = r
	return resp, nil
}

func ok() *http.Response { return answered(200, refBody) }

// limits are headers of an hour's limit that is over after a time.
func limits(limit, remaining int, in time.Duration) []string {
	return []string{"X-RateLimit-Limit", fmt.Sprint(limit), "X-RateLimit-Remaining", fmt.Sprint(remaining), "X-RateLimit-Reset", fmt.Sprint(time.Now().Add(in).Unix())}
}

// TestWaits: after an answer, the next call that is carried out comes not before a
// time, and not much later.
func TestWaits(t *testing.T) {
	t.Parallel()
	const secondary = `{"message":"You have exceeded a secondary rate limit.","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`
	for _, c := range []struct {
		name   string
		first  []func() *http.Response
		waits  []time.Duration // of the calls after the first, from the one before
		within time.Duration
	}{
		{"nothing is wrong", []func() *http.Response{ok}, []time.Duration{0}, 0},
		{"the hour is used up", []func() *http.Response{func() *http.Response { return answered(200, refBody, limits(5000, 0, 20*time.Minute)...) }}, []time.Duration{20 * time.Minute}, 2 * time.Second},
		{"a refusal for the hour", []func() *http.Response{func() *http.Response {
			return answered(403, `{"message":"API rate limit exceeded"}`, limits(5000, 0, 20*time.Minute)...)
		}}, []time.Duration{20 * time.Minute}, 2 * time.Second},
		{"a refusal that says how long", []func() *http.Response{func() *http.Response { return answered(403, secondary, "Retry-After", "37") }}, []time.Duration{37 * time.Second}, time.Second},
		{"too many requests", []func() *http.Response{func() *http.Response { return answered(429, `{}`, "Retry-After", "5") }}, []time.Duration{5 * time.Second}, time.Second},
		{"refusals that do not say", []func() *http.Response{
			func() *http.Response { return answered(403, secondary) }, func() *http.Response { return answered(403, secondary) },
		}, []time.Duration{time.Minute, 2 * time.Minute}, time.Second},
		{"a time that cannot be", []func() *http.Response{func() *http.Response { return answered(429, `{}`, "Retry-After", "1000000") }}, []time.Duration{longest}, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: append(c.first, ok)}
				gh := client(t, s)
				for range 2 {
					if _, err := gh.Head(t.Context(), repo, "main"); err != nil {
						t.Fatal(err)
					}
				}
				for i, want := range c.waits {
					if got := s.at[i+1].Sub(s.at[i]); got < want || got > want+c.within {
						t.Errorf("call %d came after %v, want %v", i+1, got, want)
					}
				}
			})
		})
	}
}

// TestClockAhead: when GitHub's clock is not ours, the time to wait is by its own.
func TestClockAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func() *http.Response{func() *http.Response {
			theirs := time.Now().Add(-3 * time.Hour)
			return answered(200, refBody, "X-RateLimit-Limit", "60", "X-RateLimit-Remaining", "0",
				"X-RateLimit-Reset", fmt.Sprint(theirs.Add(5*time.Minute).Unix()), "Date", theirs.UTC().Format(http.TimeFormat))
		}, ok}}
		gh := client(t, s)
		for range 2 {
			if _, err := gh.Head(t.Context(), repo, "main"); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.at[1].Sub(s.at[0]); got < 5*time.Minute || got > 5*time.Minute+2*time.Second {
			t.Errorf("the second call came after %v", got)
		}
	})
}

// TestRefusedForGood: a call that is refused again and again ends with an error.
func TestRefusedForGood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func() *http.Response{func() *http.Response { return answered(429, `{}`, "Retry-After", "1") }}}
		_, err := client(t, s).Head(t.Context(), repo, "main")
		if KindOf(err) != Throttled || len(s.at) != throttledAttempts {
			t.Errorf("%d calls, and %v", len(s.at), err)
		}
	})
}

// TestDeadlineBeforeTurn: who cannot wait so long is told at once until when.
func TestDeadlineBeforeTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func() *http.Response{func() *http.Response { return answered(200, refBody, limits(5000, 0, time.Hour)...) }, ok}}
		gh := client(t, s)
		if _, err := gh.Head(t.Context(), repo, "main"); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := gh.Head(ctx, repo, "main")
		var e *Error
		if !errors.As(err, &e) || e.Kind != Throttled || e.Until.Sub(begun) < time.Hour || !time.Now().Equal(begun) {
			t.Fatalf("after %v: %v", time.Since(begun), err)
		}
		if !strings.Contains(err.Error(), "5000 calls") {
			t.Errorf("it does not say which limit: %v", err)
		}
		cancel()
		if len(s.at) != 1 {
			t.Errorf("%d calls were made", len(s.at))
		}
	})
}

// TestScarce: the last tenth of an hour's calls is spread over what is left of it.
func TestScarce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		end, left := time.Now().Add(1000*time.Second), 100
		s := &script{}
		s.answers = []func() *http.Response{func() *http.Response {
			left--
			return answered(200, refBody, "X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", fmt.Sprint(left), "X-RateLimit-Reset", fmt.Sprint(end.Unix()))
		}}
		gh := client(t, s)
		for range 90 {
			if _, err := gh.Head(t.Context(), repo, "main"); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.at[89].Sub(s.at[0]); got < 850*time.Second || got > 910*time.Second {
			t.Errorf("90 of 100 calls in 1000 s took %v", got)
		}
	})
}

// TestSpreadAfterHold: those who waited for the same moment do not come at once.
func TestSpreadAfterHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func() *http.Response{func() *http.Response { return answered(429, `{}`, "Retry-After", "60") }, ok}}
		gh := client(t, s)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := gh.Head(t.Context(), repo, "main"); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		for i := 2; i < len(s.at); i++ {
			if gap := s.at[i].Sub(s.at[i-1]); gap < calmGap {
				t.Errorf("call %d came %v after the one before", i, gap)
			}
		}
		if wait := s.at[1].Sub(s.at[0]); wait < time.Minute {
			t.Errorf("the first came after %v", wait)
		}
	})
}

// TestPace: what is asked at once goes at GitHub's pace, for each kind of call.
func TestPace(t *testing.T) {
	t.Parallel()
	head := func(ctx context.Context, gh *Client) error { _, err := gh.Head(ctx, repo, "main"); return err }
	post := func(ctx context.Context, gh *Client) error {
		_, _, err := gh.api.Issues.CreateComment(about(ctx, repo), repo.Owner, repo.Name, 1, nil)
		return err
	}
	edit := func(ctx context.Context, gh *Client) error {
		_, _, err := gh.api.Issues.EditComment(about(ctx, repo), repo.Owner, repo.Name, 1, nil)
		return err
	}
	for _, c := range []struct {
		name         string
		call         func(context.Context, *Client) error
		n            int
		least, most  time.Duration
		mostInMinute int
	}{
		{"a few reads do not wait", head, 100, 0, 0, 100},
		{"reads", head, 2000, 175 * time.Second, 185 * time.Second, 900},
		{"a few writes do not wait", edit, 20, 0, 0, 20},
		{"writes", edit, 200, 178 * time.Second, 182 * time.Second, 81},
		{"posts", post, 700, 90 * time.Minute, 92 * time.Minute, 80},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: []func() *http.Response{func() *http.Response { return answered(200, refBody) }}}
				gh := clientOf(t, Options{BaseURL: "https://github.example.com", Token: secretOf("t"), Transport: s})
				begun := time.Now()
				var wg sync.WaitGroup
				for range c.n {
					wg.Go(func() {
						if err := c.call(t.Context(), gh); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if took := time.Since(begun); took < c.least || took > c.most {
					t.Errorf("%d calls took %v, want %v to %v", c.n, took, c.least, c.most)
				}
				for i, from := 0, 0; i < len(s.at); i++ {
					for s.at[i].Sub(s.at[from]) >= time.Minute {
						from++
					}
					if n := i - from + 1; n > c.mostInMinute {
						t.Fatalf("%d calls within a minute", n)
					}
				}
			})
		})
	}
}
