package webhooks_test

import (
	"context"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstaydb/mainstay/webhooks"
)

// handed hands one body to an endpoint, and gives the status and what is queued.
func handed(event, id, signature, body string) (int, []webhooks.Item) {
	box := &inbox{seen: map[string]bool{}}
	e := webhooks.NewEndpoint(webhooks.EndpointConfig{Repository: fleetRepo, Base: "main", Inbox: box,
		Secrets: func(context.Context) ([][]byte, error) { return [][]byte{[]byte("s")}, nil }})
	req := httptest.NewRequest("POST", "/github", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", event)
	req.Header.Set("X-GitHub-Delivery", id)
	req.Header.Set("X-Hub-Signature-256", signature)
	w := httptest.NewRecorder()
	e.Handler().ServeHTTP(w, req)
	return w.Code, box.items
}

// bodies are deliveries of every kind that is listened to, by event, and of others.
var bodies = []struct{ event, body string }{
	{"pull_request", `{"action":"opened","pull_request":{"number":7,"head":{"sha":"a lie"}},` + repositoryJSON + `}`},
	{"pull_request", `{"pull_request":{"number":"7"},` + repositoryJSON + `}`},
	{"pull_request", `{"pull_request":{"number":99999999999999999999},` + repositoryJSON + `}`},
	{"pull_request", `{"pull_request":{"number":7},"pull_request":{"number":-8},` + repositoryJSON + `}`},
	{"issue_comment", `{"action":"created","issue":{"number":8,"pull_request":{}},"comment":{"body":"/mainstay approve"},` + repositoryJSON + `}`},
	{"issue_comment", `{"action":"edited","issue":{"number":8,"pull_request":{}},` + repositoryJSON + `}`},
	{"issue_comment", `{"action":"created","issue":{"number":8},` + repositoryJSON + `}`},
	{"check_run", `{"action":"rerequested","check_run":{"pull_requests":[{"number":0},{"number":3}]},` + repositoryJSON + `}`},
	{"check_suite", `{"action":"rerequested","check_suite":{"pull_requests":[{"number":3},{"number":4}]},` + repositoryJSON + `}`},
	{"push", `{"ref":"refs/heads/main",` + repositoryJSON + `}`},
	{"push", `{"ref":"refs/heads/x","repository":{"name":"Fleet","owner":{"login":"evil"}}}`},
	{"star", `not even JSON`}, {"", ``}, {"pull_request", `[]`}, {"push", `null`}, {"check_run", `{"check_run":{"pull_requests":null}}`},
}

// FuzzBody: whatever is delivered, it is answered; and what comes into the queue is of
// a kind that is listened to, about the repository that is configured, and a number
// that stands in the body, or all of them after a push to the base.
func FuzzBody(f *testing.F) {
	for _, b := range bodies {
		f.Add(b.event, b.body)
	}
	f.Fuzz(func(t *testing.T, event, body string) {
		status, items := handed(event, "d", sign("s", body), body)
		if status != 202 && status != 400 {
			t.Errorf("status %d", status)
		}
		for i, item := range items {
			heard := slices.Contains([]string{"pull_request", "issue_comment", "check_run", "check_suite", "push"}, event)
			if !heard || item.Repository != fleetRepo || !strings.Contains(strings.ToLower(body), "fleet") || !strings.Contains(strings.ToLower(body), "acme") {
				t.Errorf("queued %+v", item)
			}
			if item.Number < 0 || (item.Number == 0) != (event == "push") || item.Number > 0 && !strings.Contains(body, strconv.Itoa(item.Number)) {
				t.Errorf("queued %+v", item)
			}
			if (item.Delivery == "d") != (i == len(items)-1) || item.Anew && !strings.Contains(body, "rerequested") {
				t.Errorf("queued %+v as %d of %d", item, i, len(items))
			}
		}
	})
}

var signedForm = regexp.MustCompile(`^sha256=[0-9a-fA-F]{64}$`)

// FuzzSignature: nothing is queued that is not signed with the secret, over the very
// body, nor with an id that is none.
func FuzzSignature(f *testing.F) {
	body := bodies[0].body
	for _, signature := range []string{"", sign("s", body), strings.ToUpper(sign("s", body)), sign("", body), sign("s", ""), "sha256=", "sha256=" + strings.Repeat("0", 64), "sha1=00", sign("s", body) + "0"} {
		f.Add("d-1", signature, body)
	}
	f.Add("../d", sign("s", body), body)
	f.Add(strings.Repeat("d", 65), sign("s", body), body)
	f.Add("", sign("s", body), body+" ")
	f.Fuzz(func(t *testing.T, id, signature, body string) {
		status, items := handed("pull_request", id, signature, body)
		right := signedForm.MatchString(signature) && "sha256="+strings.ToLower(strings.TrimPrefix(signature, "sha256=")) == sign("s", body)
		if (len(items) > 0 || status == 202) && !right {
			t.Errorf("believed %q of %q: %d, %v", signature, body, status, items)
		}
		if !right && status != 401 && status != 400 {
			t.Errorf("status %d", status)
		}
		for _, item := range items {
			if item.Delivery != id || strings.ContainsAny(id, "/.\x00\n") || id == "" || len(id) > 64 {
				t.Errorf("kept as %q: %+v", id, item)
			}
		}
	})
}

var ticks = regexp.MustCompile("`+")

// FuzzCommands: a comment gives at most four commands, each a line that begins with our
// name; told again line by line they are the same; and what is quoted as a block of
// code says nothing, whatever is in it, and keeps nothing from being said after it.
func FuzzCommands(f *testing.F) {
	for _, body := range []string{
		"", "/mainstay", "/mainstay PLAN\r\nthanks", "/mainstay\tapprove  abc x", "a\n/mainstay plan\n/mainstay plan\n/mainstay check", " /mainstay plan", "/mainstayplan",
		"~~~\n/mainstay plan\n```\n/mainstay plan\n~~~\n/mainstay check", "```\n/mainstay approve\n```\n", "````\n```\n/mainstay approve\n```\n````",
		"```go\n```go\n/mainstay approve\n```", "```inline``` code\n/mainstay check", "/mainstay \u0130\xff \u00a0", "> /mainstay approve", "```\r\n/mainstay approve",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		commands := webhooks.CommandsIn(body)
		if len(commands) > 4 || len(commands) > strings.Count("\n"+body, "\n/mainstay") {
			t.Fatalf("%q says %q", body, commands)
		}
		again := ""
		for _, c := range commands {
			if strings.ContainsAny(c[0]+c[1], " \t\r\n") || c[0] == "" && c[1] != "" {
				t.Errorf("%q says %q", body, c)
			}
			again += "/mainstay " + c[0] + " " + c[1] + "\n"
		}
		if diff := cmp.Diff(commands, webhooks.CommandsIn(again)); diff != "" {
			t.Errorf("%q told again: %s", body, diff)
		}
		longest := 2
		for _, run := range ticks.FindAllString(body, -1) {
			longest = max(longest, len(run))
		}
		quote := strings.Repeat("`", longest+1)
		if got := webhooks.CommandsIn(quote + "\n" + body + "\n" + quote + "\n/mainstay check\n"); len(got) != 1 || got[0][0] != "check" {
			t.Errorf("%q quoted says %q", body, got)
		}
	})
}
