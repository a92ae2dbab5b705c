package github

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/mainstaydb/mainstay/webhooks"
)

// TestDeploymentStatus: one deployment for a commit, and a status only when it tells
// something new, whichever answer is lost.
func TestDeploymentStatus(t *testing.T) {
	t.Parallel()
	const make1, make2 = "POST /repos/acme/fleet/deployments", "POST /repos/acme/fleet/deployments/1/statuses"
	for _, lost := range []string{"", make1, make2} {
		t.Run("lost "+lost, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				deployments, statuses := []obj{}, []obj{}
				f.json(make1, func(r *http.Request) (int, any) {
					d := decode(r)
					if contexts, ok := d["required_contexts"].([]any); !ok || len(contexts) != 0 || d["auto_merge"] != false {
						return 409, obj{"message": "Conflict: Commit status checks failed"}
					}
					d["id"], d["sha"] = f.id(), d["ref"]
					deployments = append(deployments, d)
					return 201, d
				})
				f.list("GET /repos/acme/fleet/deployments", func(r *http.Request) []obj {
					q := r.URL.Query()
					return slices.DeleteFunc(slices.Clone(deployments), func(d obj) bool { return d["sha"] != q.Get("sha") || d["environment"] != q.Get("environment") })
				})
				f.list("GET /repos/acme/fleet/deployments/{id}/statuses", func(*http.Request) []obj { return statuses })
				f.json(make2, func(r *http.Request) (int, any) {
					s := decode(r)
					s["id"] = f.id()
					statuses = append([]obj{s}, statuses...)
					return 201, s
				})
				f.lose[lost] = 1
				gh := client(t, f)
				for _, state := range []string{"queued", "in_progress", "in_progress", "failure", "in_progress", "success", "success"} {
					s := webhooks.DeploymentStatus{Ref: sha(1), State: state, Description: "It is " + state + ".\n" + strings.Repeat("é ", 200), URL: "https://mainstay.example.com"}
					if err := gh.PutDeploymentStatus(t.Context(), repo, s); err != nil {
						t.Fatal(err)
					}
				}
				var states []any
				for _, s := range slices.Backward(statuses) {
					states = append(states, s["state"])
				}
				if len(deployments) != 1 || deployments[0]["environment"] != "mainstay" || fmt.Sprint(states) != "[queued in_progress failure in_progress success]" {
					t.Errorf("%d deployments, statuses %v", len(deployments), states)
				}
				if d := statuses[0]["description"].(string); utf8.RuneCountInString(d) > 140 || !strings.HasPrefix(d, "It is success. é") || !strings.HasSuffix(d, "é…") {
					t.Errorf("the description is %q", d)
				}
			})
		})
	}
}
