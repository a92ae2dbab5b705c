package github

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mainstaydb/mainstay/webhooks"
)

const runsRoute = "POST /repos/acme/fleet/check-runs"

// checksFake keeps check runs as GitHub does: annotations add up. shown is each state
// that a run was in.
func checksFake(t *testing.T) (f *fake, opts Options, runs *[]obj, shown *[]string) {
	f, opts, _ = appFake(t)
	runs, shown = &[]obj{}, &[]string{}
	write := func(run, change obj) (int, any) {
		output := change["output"].(obj)
		added, _ := output["annotations"].([]any)
		if len(added) > 50 || output["title"] == "" || output["summary"] == nil {
			return 422, obj{"message": "Invalid request"}
		}
		kept, _ := run["kept"].([]any)
		kept = append(kept, added...)
		for k, v := range change {
			run[k] = v
		}
		if change["status"] != "completed" {
			delete(run, "conclusion")
		}
		run["kept"], run["output"] = kept, obj{"title": output["title"], "summary": output["summary"], "annotations_count": len(kept)}
		*shown = append(*shown, fmt.Sprintf("%v %v %d", run["status"], run["conclusion"], len(kept)))
		return 200, run
	}
	f.json(runsRoute, func(r *http.Request) (int, any) {
		run := obj{"id": f.id(), "app": obj{"id": 12345}}
		*runs = append(*runs, run)
		_, body := write(run, decode(r))
		return 201, body
	})
	f.json("PATCH /repos/acme/fleet/check-runs/{id}", func(r *http.Request) (int, any) {
		for _, run := range *runs {
			if fmt.Sprint(run["id"]) == r.PathValue("id") {
				return write(run, decode(r))
			}
		}
		return 404, obj{"message": "Not Found"}
	})
	f.json("GET /repos/acme/fleet/commits/{sha}/check-runs", func(r *http.Request) (int, any) {
		found := []obj{}
		for _, run := range *runs {
			if run["head_sha"] == r.PathValue("sha") && run["name"] == r.URL.Query().Get("check_name") && r.URL.Query().Get("app_id") == "12345" {
				found = append(found, run)
			}
		}
		return 200, obj{"total_count": len(found), "check_runs": found}
	})
	f.list("GET /repos/acme/fleet/check-runs/{id}/annotations", func(r *http.Request) []obj {
		var all []obj
		for _, run := range *runs {
			for _, a := range run["kept"].([]any) {
				all = append(all, a.(obj))
			}
		}
		return all
	})
	return f, opts, runs, shown
}

func checkRunWith(findings int, external string) webhooks.CheckRun {
	run := webhooks.CheckRun{Name: "mainstay", HeadSHA: sha(1), Status: "completed", Conclusion: "failure", Title: "Refused", Summary: "It does not fit.", ExternalID: external}
	for i := range findings {
		run.Annotations = append(run.Annotations, webhooks.Annotation{Path: "specs/a.yaml", Line: i, Level: "error", Title: "t", Message: fmt.Sprintf("finding %d", i)})
	}
	return run
}

// TestCheckRunInParts: fifty annotations at a time, the conclusion with the last, one
// run, and each annotation once, whichever answer is lost.
func TestCheckRunInParts(t *testing.T) {
	t.Parallel()
	const patch = "PATCH /repos/acme/fleet/check-runs/2" // 1 is the token
	for _, lost := range []string{"", runsRoute, patch} {
		t.Run("lost "+lost, func(t *testing.T) {
			t.Parallel()
			f, opts, runs, shown := checksFake(t)
			synctest.Test(t, func(t *testing.T) {
				f.lose[lost] = 1
				gh := clientOf(t, opts)
				for range 2 {
					if err := gh.PutCheckRun(t.Context(), repo, checkRunWith(120, "h1")); err != nil {
						t.Fatal(err)
					}
				}
			})
			last := (*shown)[len(*shown)-1]
			if len(*runs) != 1 || last != "completed failure 120" || (*runs)[0]["external_id"] != "h1" {
				t.Errorf("%d runs, shown: %q", len(*runs), *shown)
			}
			if lost == "" && strings.Join(*shown, ",") != "in_progress <nil> 50,in_progress <nil> 100,completed failure 120" {
				t.Errorf("shown: %q", *shown)
			}
			for _, state := range (*shown)[:len(*shown)-1] {
				if strings.HasPrefix(state, "completed") {
					t.Errorf("it was completed before it was whole: %q", *shown)
				}
			}
		})
	}
}

// TestCheckRunChanges: a run that is judged anew is changed in place, and says which
// annotations do not hold any more.
func TestCheckRunChanges(t *testing.T) {
	t.Parallel()
	f, opts, runs, shown := checksFake(t)
	// Another's run of the same name on the same commit is not ours to change.
	*runs = append(*runs, obj{"id": int64(1000), "name": "mainstay", "head_sha": sha(1), "app": obj{"id": 1}, "kept": []any{}})
	gh := clientOf(t, opts)
	put := func(run webhooks.CheckRun) {
		t.Helper()
		if err := gh.PutCheckRun(t.Context(), repo, run); err != nil {
			t.Fatal(err)
		}
	}
	running := checkRunWith(0, "")
	running.Status, running.Conclusion = "in_progress", ""
	put(running)
	put(checkRunWith(3, "h1"))
	better := checkRunWith(1, "h2")
	better.Conclusion, better.Annotations[0].Line = "success", 0
	put(better)
	if len(*runs) != 2 || strings.Join(*shown, ",") != "in_progress <nil> 0,completed failure 3,completed success 3" {
		t.Fatalf("%d runs, shown: %q", len(*runs), *shown)
	}
	output := (*runs)[1]["output"].(obj)
	if summary := output["summary"].(string); !strings.HasPrefix(summary, "It does not fit.\n") || !strings.Contains(summary, "2 of the annotations are of an earlier check") {
		t.Errorf("the summary is %q", summary)
	}
	if a := (*runs)[1]["kept"].([]any)[0].(obj); a["start_line"] != 1.0 || a["end_line"] != 1.0 || a["annotation_level"] != "failure" || a["path"] != "specs/a.yaml" {
		t.Errorf("an annotation is %v", a)
	}
	if n := f.count(runsRoute); n != 1 {
		t.Errorf("%d runs were made", n)
	}
}

// TestStatus: with a personal token the check is a commit status, and one that is there
// is not made again.
func TestStatus(t *testing.T) {
	t.Parallel()
	f := newFake()
	var made []obj
	f.json("POST /repos/acme/fleet/statuses/{sha}", func(r *http.Request) (int, any) {
		made = append([]obj{decode(r)}, made...)
		return 201, made[0]
	})
	f.json("GET /repos/acme/fleet/commits/{sha}/status", func(*http.Request) (int, any) {
		latest := []obj{}
		if len(made) > 0 {
			latest = append(latest, made[0])
		}
		return 200, obj{"state": "pending", "statuses": latest}
	})
	gh := client(t, f)
	running := webhooks.CheckRun{Name: "mainstay", HeadSHA: sha(1), Status: "in_progress"}
	done := webhooks.CheckRun{Name: "mainstay", HeadSHA: sha(1), Status: "completed", Conclusion: "action_required", Title: strings.Repeat("long ", 50), DetailsURL: "https://mainstay.example.com/7"}
	fine := done
	fine.Conclusion = "neutral"
	for _, run := range []webhooks.CheckRun{running, running, done, done, fine} {
		if err := gh.PutCheckRun(t.Context(), repo, run); err != nil {
			t.Fatal(err)
		}
	}
	var states []any
	for _, s := range made {
		states = append(states, s["state"])
	}
	if fmt.Sprint(states) != "[success failure pending]" || len([]rune(made[0]["description"].(string))) > 140 || made[0]["target_url"] != done.DetailsURL {
		t.Errorf("statuses: %v", made)
	}
}
