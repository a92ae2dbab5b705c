package github

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstaydb/mainstay/webhooks"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// aPull is a pull request as GitHub shows one.
func aPull(number int, change obj) obj {
	p := obj{
		"number": number, "state": "open", "draft": false, "title": fmt.Sprintf("Change %d", number), "body": nil, "html_url": fmt.Sprintf("https://github.example.com/acme/fleet/pull/%d", number),
		"user": obj{"login": "ada", "id": 5}, "updated_at": noon, "merge_commit_sha": sha(0x7e57), "merged": false, "merged_at": nil,
		"base": obj{"ref": "main", "sha": sha(1), "repo": obj{"id": 1}}, "head": obj{"ref": "grow", "sha": sha(2), "repo": obj{"id": 1}},
	}
	for k, v := range change {
		p[k] = v
	}
	return p
}

func TestPullRequest(t *testing.T) {
	t.Parallel()
	ada := webhooks.Person{Login: "ada", Name: "Ada Lovelace", Email: "5+ada@users.noreply.github.example.com"}
	bob := webhooks.Person{Login: "bob", Name: "bob", Email: "bob@example.com"}
	base := webhooks.PullRequest{
		Number: 7, State: "open", Title: "Change 7", Author: ada, URL: "https://github.example.com/acme/fleet/pull/7",
		Base: "main", BaseSHA: sha(1), Head: "grow", HeadSHA: sha(2), UpdatedAt: noon,
	}
	for _, c := range []struct {
		name   string
		change obj
		want   func(*webhooks.PullRequest)
	}{
		{"open", nil, func(*webhooks.PullRequest) {}},
		{"draft with a body", obj{"draft": true, "body": "why"}, func(p *webhooks.PullRequest) { p.Draft, p.Body = true, "why" }},
		{"of a fork", obj{"head": obj{"ref": "grow", "sha": sha(2), "repo": obj{"id": 2}}}, func(p *webhooks.PullRequest) { p.Fork = true }},
		{"of a fork that was deleted", obj{"head": obj{"ref": "grow", "sha": sha(2), "repo": nil}}, func(p *webhooks.PullRequest) { p.Fork = true }},
		{"merged", obj{"state": "closed", "merged": true, "merged_at": noon, "merged_by": obj{"login": "bob", "id": 6}}, func(p *webhooks.PullRequest) {
			p.State, p.Merged, p.MergeCommit, p.MergedBy = "closed", true, sha(0x7e57), bob
		}},
		{"of nobody any more", obj{"user": nil}, func(p *webhooks.PullRequest) {
			p.Author = webhooks.Person{Login: "ghost", Name: "ghost", Email: "ghost@users.noreply.github.example.com"}
		}},
		{"of somebody whose name is not shown", obj{"user": obj{"login": "eve", "id": 8}}, func(p *webhooks.PullRequest) {
			p.Author = webhooks.Person{Login: "eve", Name: "eve", Email: "8+eve@users.noreply.github.example.com"}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFake()
			f.json("GET /repos/acme/fleet/pulls/7", func(*http.Request) (int, any) { return 200, aPull(7, c.change) })
			f.json("GET /users/ada", func(*http.Request) (int, any) {
				return 200, obj{"login": "ada", "id": 5, "name": "Ada Lovelace", "email": nil}
			})
			f.json("GET /users/bob", func(*http.Request) (int, any) {
				return 200, obj{"login": "bob", "id": 6, "name": nil, "email": "bob@example.com"}
			})
			gh := client(t, f)
			want := base
			c.want(&want)
			for range 2 {
				got, err := gh.PullRequest(t.Context(), repo, 7)
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Fatalf("%v\n%s", err, diff)
				}
			}
			if n := f.count("GET /users/ada"); n > 1 {
				t.Errorf("a name was asked for %d times", n)
			}
		})
	}
}

// TestOpenPullRequests: all pages, and one that moved between pages once.
func TestOpenPullRequests(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.list("GET /repos/acme/fleet/pulls", func(r *http.Request) []obj {
		q := r.URL.Query()
		if q.Get("state") != "open" || q.Get("base") != "main" || q.Get("per_page") != "100" {
			return nil
		}
		var all []obj
		for i := range 250 {
			all = append(all, aPull(max(i, 1), nil))
		}
		return all
	})
	got, err := client(t, f).OpenPullRequests(t.Context(), repo, "main")
	if err != nil || len(got) != 249 || got[248].Number != 249 || got[0].MergeCommit != "" {
		t.Errorf("%d, %v", len(got), err)
	}
	if len(f.calls) != 3 {
		t.Errorf("calls: %v", f.calls)
	}
}

// TestClosedSince: it stops where nothing newer follows, and who merged is asked for.
func TestClosedSince(t *testing.T) {
	t.Parallel()
	f := newFake()
	merged := obj{"state": "closed", "merged_at": noon, "closed_at": noon, "updated_at": noon}
	f.list("GET /repos/acme/fleet/pulls", func(*http.Request) []obj {
		all := []obj{
			aPull(4, merged),
			aPull(3, obj{"state": "closed", "closed_at": noon.Add(-time.Hour), "updated_at": noon}), // only commented on since
			aPull(2, obj{"state": "closed", "closed_at": noon, "updated_at": noon}),
		}
		for i := range 300 {
			all = append(all, aPull(1000+i, obj{"state": "closed", "closed_at": noon.Add(-time.Hour), "updated_at": noon.Add(-time.Hour)}))
		}
		return all
	})
	f.json("GET /repos/acme/fleet/pulls/4", func(*http.Request) (int, any) {
		p := aPull(4, merged)
		p["merged"], p["merged_by"] = true, obj{"login": "bob", "id": 6}
		return 200, p
	})
	got, err := client(t, f).ClosedSince(t.Context(), repo, "main", noon.Add(-time.Minute))
	if err != nil || len(got) != 2 || got[0].Number != 4 || got[0].MergedBy.Login != "bob" || got[0].MergeCommit == "" || got[1].Number != 2 || got[1].Merged {
		t.Errorf("%+v, %v", got, err)
	}
	if n := f.count("GET /repos/acme/fleet/pulls"); n != 1 {
		t.Errorf("%d pages were read", n)
	}
}

// TestOpenPullRequest: it is opened once, also when the answer is lost.
func TestOpenPullRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		var open []obj
		f.list("GET /repos/acme/fleet/pulls", func(r *http.Request) []obj {
			if r.URL.Query().Get("head") != "acme:mainstay/render" {
				return nil
			}
			return open
		})
		f.json("POST /repos/acme/fleet/pulls", func(r *http.Request) (int, any) {
			c := decode(r)
			if len(open) > 0 {
				return 422, obj{"message": "Validation Failed", "errors": []obj{{"message": "A pull request already exists for acme:mainstay/render."}}}
			}
			open = append(open, aPull(9, obj{"title": c["title"], "head": obj{"ref": c["head"], "sha": sha(2), "repo": obj{"id": 1}}}))
			return 201, open[0]
		})
		f.lose["POST /repos/acme/fleet/pulls"] = 1
		gh := client(t, f)
		for range 2 {
			p, err := gh.OpenPullRequest(t.Context(), repo, "Render", "body", "mainstay/render", "main")
			if err != nil || p.Number != 9 || p.Title != "Render" || p.Fork {
				t.Fatalf("%+v, %v", p, err)
			}
		}
		if n := f.count("POST /repos/acme/fleet/pulls"); n != 1 {
			t.Errorf("it was opened %d times", n)
		}
	})
}

func TestMergeBase(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.json("GET /repos/acme/fleet/compare/{range}", func(r *http.Request) (int, any) {
		if r.PathValue("range") != sha(1)+"..."+sha(2) {
			return 404, obj{"message": "Not Found"}
		}
		return 200, obj{"merge_base_commit": obj{"sha": sha(3)}}
	})
	gh := client(t, f)
	for range 2 {
		if got, err := gh.MergeBase(t.Context(), repo, sha(1), sha(2)); err != nil || got != sha(3) {
			t.Errorf("%s, %v", got, err)
		}
	}
	if len(f.calls) != 1 {
		t.Errorf("%d calls for what cannot change", len(f.calls))
	}
	if _, err := gh.MergeBase(t.Context(), repo, sha(1), sha(9)); KindOf(err) != NotFound {
		t.Errorf("%v", err)
	}
}

func TestMayWrite(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.json("GET /repos/acme/fleet/collaborators/{login}/permission", func(r *http.Request) (int, any) {
		kind, _, _ := strings.Cut(r.PathValue("login"), "-")
		switch kind {
		case "nobody":
			return 404, obj{"message": "nobody is not a user"}
		case "forbidden":
			return 403, obj{"message": "Resource not accessible by integration"}
		}
		return 200, obj{"permission": kind, "user": obj{"login": r.PathValue("login")}}
	})
	gh := client(t, f)
	for login, want := range map[string]bool{
		"admin-1": true, "maintain-1": true, "write-1": true, "triage-1": false, "read-1": false, "none-1": false, "ADMIN-1": false, "nobody-1": false,
	} {
		if may, err := gh.MayWrite(t.Context(), repo, login); err != nil || may != want {
			t.Errorf("%s: %v, %v", login, may, err)
		}
	}
	if may, err := gh.MayWrite(t.Context(), repo, "forbidden-1"); may || KindOf(err) != Denied {
		t.Errorf("%v, %v", may, err)
	}
}
