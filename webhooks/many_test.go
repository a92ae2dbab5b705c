package webhooks_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstaydb/mainstay/webhooks"
	"github.com/mainstaydb/mainstay/webhooks/github"
	"github.com/mainstaydb/mainstay/webhooks/githubtest"
)

const (
	manyPulls = 60 // when nothing else is asked for; 500 take half a minute of a processor
	// GitHub's limits for an App's installation: requests an hour, and points a minute
	// with its secondary limit, of which a read is one and a write five.
	requestsPerHour = 5000
	pointsPerMinute = 900
)

// TestManyPullRequests: many pull requests are open and main moves. In virtual time,
// with the real client and pace against a GitHub with GitHub's limits, all are judged
// anew, none of its limits is hit, and what did not change is not written again.
// MAINSTAY_TEST_PULLS sets how many: make bench has 500.
func TestManyPullRequests(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	dir, many := t.TempDir(), manyPulls
	if s := os.Getenv("MAINSTAY_TEST_PULLS"); s != "" {
		if many, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		g := githubtest.NewOffline(t)
		repo := g.Repository("acme", "fleet")
		files := githubtest.Files{}
		fleet := newFleet()
		for n := range many {
			files[pathOf(n)], fleet.main[pathOf(n)] = "10", "10"
		}
		repo.Commit("acme", "main", "The fleet", files)
		app := g.App("mainstay", &key.PublicKey, githubtest.AppPermissions(), repo)
		gh, err := github.New(github.Options{BaseURL: g.URL, App: fmt.Sprint(app.ID), PrivateKey: pemOf(key), Transport: g})
		if err != nil {
			t.Fatal(err)
		}
		var pulls []*githubtest.PullRequest
		for n := range many {
			pulls = append(pulls, repo.Open(githubtest.Opening{By: "acme", Title: fmt.Sprint("Grow ", n), Branch: fmt.Sprint("grow-", n), Files: githubtest.Files{pathOf(n): "11"}}))
		}
		g.Limit(requestsPerHour, time.Hour)
		g.LimitPoints(pointsPerMinute, time.Minute)
		w := &world{t: t, fleet: fleet, cfg: webhooks.Config{Repository: fleetRepo, GitHub: gh, Fleet: fleet}}
		stop := start(t, w, dir, nil)

		took := until(t, "all are judged for the first time", func() bool { return judgedAll(repo, pulls, "success") })
		report(t, many, "first judged", took, g.Requests(), nil)
		quiet(t, g)

		before := g.Requests()
		fleet.judgedSince(0)
		fleet.edit("specs/other.yaml", "1") // touches none of them
		took = until(t, "all were looked at again", func() bool { return fleet.judgedSince(many) })
		again := report(t, many, "judged again, nothing new", took, g.Requests(), before)
		for route, n := range again {
			if writes := strings.HasPrefix(route, "POST") && !strings.HasSuffix(route, "/access_tokens") || strings.HasPrefix(route, "PATCH"); writes && n > 0 {
				t.Errorf("%d times %s, though nothing of them changed", n, route)
			}
		}
		quiet(t, g)

		before = g.Requests()
		fleet.edit(pathOf(many-1), "12") // in conflict with the last
		fleet.touched(pulls[many-1].Number)
		took = until(t, "the one in conflict is red", func() bool { return judgedAll(repo, pulls[many-1:], "failure") })
		report(t, many, "one in conflict", took, g.Requests(), before)
		if took > 2*webhooks.DefaultSweep {
			t.Errorf("the one in conflict waited %s for others", took)
		}
		if n := g.Throttled(); n > 0 {
			t.Errorf("GitHub refused %d requests as too many", n)
		}
		stop()
		gh.Close()
	})
}

func pathOf(n int) string { return fmt.Sprintf("specs/db-%03d.yaml", n) }

func pemOf(key *rsa.PrivateKey) github.Secret {
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return func(context.Context) ([]byte, error) { return text, nil }
}

func judgedAll(r *githubtest.Repository, pulls []*githubtest.PullRequest, conclusion string) bool {
	return !slices.ContainsFunc(pulls, func(pr *githubtest.PullRequest) bool {
		runs := r.CheckRuns(pr.Head())
		return len(runs) != 1 || runs[0].Conclusion != conclusion
	})
}

// judgedSince says whether that many judgements were asked for since it said so last.
func (f *fakeFleet) judgedSince(n int) bool {
	defer f.in()()
	if f.proposes-f.counted < n {
		return false
	}
	f.counted = f.proposes
	return true
}

// until waits in virtual time, and gives how long it took.
func until(t *testing.T, what string, met func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !met() {
		time.Sleep(time.Second)
		if time.Since(began) > 6*time.Hour {
			t.Fatalf("after six hours it is not so that %s", what)
		}
	}
	return time.Since(began)
}

// quiet waits until a minute brings no more than a sweep.
func quiet(t *testing.T, g *githubtest.GitHub) {
	t.Helper()
	until(t, "all is quiet", func() bool {
		before := g.Count("POST") + g.Count("PATCH")
		time.Sleep(15 * time.Minute)
		return g.Count("POST")+g.Count("PATCH") == before
	})
}

// report prints the requests by kind and gives those since before.
func report(t *testing.T, many int, what string, took time.Duration, now, before map[string]int) map[string]int {
	t.Helper()
	since := maps.Clone(now)
	total, kinds := 0, map[string]int{}
	for route, n := range before {
		since[route] -= n
	}
	for route, n := range since {
		total += n
		method, _, _ := strings.Cut(route, " ")
		kinds[method] += n
	}
	t.Logf("%s: %d pull requests in %s, %d requests, %.2f each %v", what, many, took, total, float64(total)/float64(many), kinds)
	return since
}
