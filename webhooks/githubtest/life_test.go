package githubtest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/mainstaydb/mainstay/webhooks/githubtest"
)

const file = "specs/orders.yaml"

// A world is a server with a fleet's repository, an App in it, and people.
type world struct {
	*githubtest.GitHub
	repo *githubtest.Repository
	app  *githubtest.App
	jwt  *github.Client
	bot  *github.Client
	ann  *github.Client
}

func newWorld(t *testing.T, v githubtest.Validator) world {
	t.Helper()
	g := githubtest.New(t)
	if v != nil {
		g.Validate(v)
	}
	key := newKey(t)
	g.Person("ann", "Ann Lee", "ann@acme.example")
	repo := g.Repository("acme", "fleet")
	repo.Allow("ann", githubtest.Write)
	repo.Commit("ann", "main", "Add orders", githubtest.Files{file: "name: orders\nsize: small\n", "README.md": "Fleet\n"})
	app := g.App("mainstay", &key.PublicKey, githubtest.AppPermissions(), repo)
	return world{g, repo, app, client(t, g, signed(t, key, claims(app, time.Minute))), installed(t, g, app, key), client(t, g, g.Token("ann"))}
}

func TestLife(t *testing.T) {
	t.Parallel()
	life(t, newWorld(t, nil))
}

// life asks every route there is, as a program does that reviews pull requests.
func life(t *testing.T, w world) {
	ctx := t.Context()
	fork := w.repo.Fork("eve")
	pr := w.repo.Open(githubtest.Opening{By: "eve", Title: "Grow orders", Body: "They are many.", From: fork, Files: githubtest.Files{file: "name: orders\nsize: large\n"}})
	lookAround(ctx, t, w, pr)
	review(ctx, t, w, pr)
	write(ctx, t, w)

	merged := done[*github.PullRequestMergeResult](t)(w.ann.PullRequests.Merge(ctx, "acme", "fleet", pr.Number, "", nil))
	equal(t, "merged", merged.GetMerged(), true)
	equal(t, "state", pr.State(), "merged")
	equal(t, "file on main", w.repo.Files("main")[file], "name: orders\nsize: large\n")
	got := done[*github.PullRequest](t)(w.bot.PullRequests.Get(ctx, "acme", "fleet", pr.Number))
	equal(t, "merged by", got.GetMergedBy().GetLogin(), "ann")
	equal(t, "merge commit", got.GetMergeCommitSHA(), w.repo.Head("main"))
	of := done[[]*github.PullRequest](t)(w.bot.PullRequests.ListPullRequestsWithCommit(ctx, "acme", "fleet", merged.GetSHA(), nil))
	equal(t, "pull requests of the merge", len(of), 1)
	deploy(ctx, t, w, merged.GetSHA())
}

// lookAround reads what there is.
func lookAround(ctx context.Context, t *testing.T, w world, pr *githubtest.PullRequest) {
	equal(t, "app", done[*github.App](t)(w.jwt.Apps.Get(ctx, "")).GetID(), w.app.ID)
	equal(t, "installations", len(done[[]*github.Installation](t)(w.jwt.Apps.ListInstallations(ctx, nil))), 1)
	equal(t, "installation", done[*github.Installation](t)(w.jwt.Apps.FindRepositoryInstallation(ctx, "acme", "fleet")).GetID(), w.app.Installation)
	equal(t, "installed on", done[*github.ListRepositories](t)(w.bot.Apps.ListRepos(ctx, nil)).GetTotalCount(), 1)
	equal(t, "limit", done[*github.RateLimits](t)(w.bot.RateLimit.Get(ctx)).GetCore().Limit, 5000)
	equal(t, "me", done[*github.User](t)(w.ann.Users.Get(ctx, "")).GetLogin(), "ann")
	equal(t, "her name", done[*github.User](t)(w.bot.Users.Get(ctx, "ann")).GetName(), "Ann Lee")

	equal(t, "default branch", done[*github.Repository](t)(w.bot.Repositories.Get(ctx, "acme", "fleet")).GetDefaultBranch(), "main")
	for login, want := range map[string]string{"ann": "write", "eve": "none", "acme": "admin"} {
		level := done[*github.RepositoryPermissionLevel](t)(w.bot.Repositories.GetPermissionLevel(ctx, "acme", "fleet", login))
		equal(t, "permission of "+login, level.GetPermission(), want)
	}
	equal(t, "branches", len(done[[]*github.Branch](t)(w.bot.Repositories.ListBranches(ctx, "acme", "fleet", nil))), 1)
	branch := done[*github.Branch](t)(w.bot.Repositories.GetBranch(ctx, "acme", "fleet", "main", 0))
	equal(t, "branch", branch.GetCommit().GetSHA(), w.repo.Head("main"))
	_, dir, _, err := w.bot.Repositories.GetContents(ctx, "acme", "fleet", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "root", len(dir), 2)
	one, _, _, err := w.bot.Repositories.GetContents(ctx, "acme", "fleet", file, &github.RepositoryContentGetOptions{Ref: pr.Head()})
	if err != nil {
		t.Fatal(err)
	}
	text, err := one.GetContent()
	if err != nil || text != "name: orders\nsize: large\n" {
		t.Errorf("the file at the fork's head is %q, %v", text, err)
	}
	equal(t, "files of the tarball", untarred(ctx, t, w, pr.Head())[file], "name: orders\nsize: large\n")
	comparison := done[*github.CommitsComparison](t)(w.bot.Repositories.CompareCommits(ctx, "acme", "fleet", "main", "eve:"+pr.Branch, nil))
	equal(t, "merge base", comparison.GetMergeBaseCommit().GetSHA(), w.repo.Head("main"))
	equal(t, "ahead", comparison.GetAheadBy(), 1)
	equal(t, "commits", len(done[[]*github.RepositoryCommit](t)(w.bot.Repositories.ListCommits(ctx, "acme", "fleet", &github.CommitsListOptions{Path: file}))), 1)
	commit := done[*github.RepositoryCommit](t)(w.bot.Repositories.GetCommit(ctx, "acme", "fleet", pr.Head(), nil))
	equal(t, "lines changed", commit.GetStats().GetTotal(), 2)

	open := done[[]*github.PullRequest](t)(w.bot.PullRequests.List(ctx, "acme", "fleet", &github.PullRequestListOptions{Base: "main", Sort: "updated", Direction: "desc"}))
	equal(t, "open", len(open), 1)
	got := done[*github.PullRequest](t)(w.bot.PullRequests.Get(ctx, "acme", "fleet", pr.Number))
	equal(t, "head", got.GetHead().GetRepo().GetFullName(), "eve/fleet")
	equal(t, "mergeable", got.GetMergeable(), true)
	equal(t, "additions", got.GetAdditions(), 1)
	files := done[[]*github.CommitFile](t)(w.bot.PullRequests.ListFiles(ctx, "acme", "fleet", pr.Number, nil))
	equal(t, "file", files[0].GetFilename(), file)
	equal(t, "its commits", len(done[[]*github.RepositoryCommit](t)(w.bot.PullRequests.ListCommits(ctx, "acme", "fleet", pr.Number, nil))), 1)
}

// review leaves check run, comment and status.
func review(ctx context.Context, t *testing.T, w world, pr *githubtest.PullRequest) {
	run := done[*github.CheckRun](t)(w.bot.Checks.CreateCheckRun(ctx, "acme", "fleet", github.CreateCheckRunOptions{Name: "mainstay", HeadSHA: pr.Head(),
		Status: github.String("in_progress")}))
	note := &github.CheckRunAnnotation{Path: github.String(file), StartLine: github.Int(2), EndLine: github.Int(2), AnnotationLevel: github.String("warning"),
		Message: github.String("restarts")}
	for range 2 { // annotations are added to those there are
		done[*github.CheckRun](t)(w.bot.Checks.UpdateCheckRun(ctx, "acme", "fleet", run.GetID(), github.UpdateCheckRunOptions{Name: "mainstay",
			Conclusion: github.String("success"), CompletedAt: &github.Timestamp{Time: time.Now()}, Output: &github.CheckRunOutput{Title: github.String("1 change"),
				Summary: github.String("A restart."), Annotations: []*github.CheckRunAnnotation{note}}}))
	}
	all := w.repo.CheckRuns(pr.Head())
	if len(all) != 1 || all[0].Conclusion != "success" || len(all[0].Annotations) != 2 || all[0].App != "mainstay" {
		t.Errorf("check runs are %+v", all)
	}
	w.repo.Rerequest("ann", run.GetID())
	equal(t, "status of the run", done[*github.CheckRun](t)(w.bot.Checks.GetCheckRun(ctx, "acme", "fleet", run.GetID())).GetStatus(), "completed")
	equal(t, "annotations", len(done[[]*github.CheckRunAnnotation](t)(w.bot.Checks.ListCheckRunAnnotations(ctx, "acme", "fleet", run.GetID(), nil))), 2)
	runs := done[*github.ListCheckRunsResults](t)(w.bot.Checks.ListCheckRunsForRef(ctx, "acme", "fleet", "refs/pull/1/head", &github.ListCheckRunsOptions{CheckName: github.String("mainstay")}))
	equal(t, "runs", runs.GetTotal(), 1)

	comment := done[*github.IssueComment](t)(w.bot.Issues.CreateComment(ctx, "acme", "fleet", pr.Number, &github.IssueComment{Body: github.String("plan")}))
	done[*github.IssueComment](t)(w.bot.Issues.EditComment(ctx, "acme", "fleet", comment.GetID(), &github.IssueComment{Body: github.String("new plan")}))
	equal(t, "comment", done[*github.IssueComment](t)(w.bot.Issues.GetComment(ctx, "acme", "fleet", comment.GetID())).GetBody(), "new plan")
	pr.Comment("ann", "/mainstay approve")
	since := time.Now().Add(-time.Hour)
	equal(t, "comments", len(done[[]*github.IssueComment](t)(w.bot.Issues.ListComments(ctx, "acme", "fleet", pr.Number, &github.IssueListCommentsOptions{Since: &since}))), 2)
	later := time.Now().Add(time.Hour)
	equal(t, "comments of tomorrow", len(done[[]*github.IssueComment](t)(w.bot.Issues.ListComments(ctx, "acme", "fleet", 0, &github.IssueListCommentsOptions{Since: &later}))), 0)
	if _, err := w.bot.Issues.DeleteComment(ctx, "acme", "fleet", comment.GetID()); err != nil {
		t.Fatal(err)
	}
	if said := pr.Comments(); len(said) != 1 || said[0].By != "ann" {
		t.Errorf("the conversation is %+v", said)
	}
	done[*github.RepoStatus](t)(w.ann.Repositories.CreateStatus(ctx, "acme", "fleet", pr.Head(), &github.RepoStatus{State: github.String("success"), Context: github.String("mainstay")}))
	equal(t, "combined", done[*github.CombinedStatus](t)(w.bot.Repositories.GetCombinedStatus(ctx, "acme", "fleet", pr.Head(), nil)).GetState(), "success")
	equal(t, "statuses", len(done[[]*github.RepoStatus](t)(w.bot.Repositories.ListStatuses(ctx, "acme", "fleet", pr.Head(), nil))), 1)
}

// write commits to a branch and proposes it.
func write(ctx context.Context, t *testing.T, w world) {
	parent := done[*github.Reference](t)(w.bot.Git.GetRef(ctx, "acme", "fleet", "heads/main")).GetObject().GetSHA()
	at := done[*github.Commit](t)(w.bot.Git.GetCommit(ctx, "acme", "fleet", parent))
	blob := done[*github.Blob](t)(w.bot.Git.CreateBlob(ctx, "acme", "fleet", &github.Blob{Content: github.String("aGVsbG8="), Encoding: github.String("base64")}))
	equal(t, "blob", blob.GetSHA(), "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0") // git hash-object of hello
	equal(t, "its size", done[*github.Blob](t)(w.bot.Git.GetBlob(ctx, "acme", "fleet", blob.GetSHA())).GetSize(), 5)
	tree := done[*github.Tree](t)(w.bot.Git.CreateTree(ctx, "acme", "fleet", at.GetTree().GetSHA(), []*github.TreeEntry{
		{Path: github.String("specs/new.yaml"), Mode: github.String("100644"), Type: github.String("blob"), SHA: blob.SHA},
		{Path: github.String("README.md"), Mode: github.String("100644"), Type: github.String("blob")}}))
	whole := done[*github.Tree](t)(w.bot.Git.GetTree(ctx, "acme", "fleet", tree.GetSHA(), true))
	equal(t, "entries", len(whole.Entries), 3)
	commit := done[*github.Commit](t)(w.bot.Git.CreateCommit(ctx, "acme", "fleet", &github.Commit{Message: github.String("Render"), Tree: tree, Parents: []*github.Commit{{SHA: &parent}},
		Author: &github.CommitAuthor{Name: github.String("Ann Lee"), Email: github.String("ann@acme.example")}}, nil))
	done[*github.Reference](t)(w.bot.Git.CreateRef(ctx, "acme", "fleet", &github.Reference{Ref: github.String("refs/heads/render"), Object: &github.GitObject{SHA: &parent}}))
	done[*github.Reference](t)(w.bot.Git.UpdateRef(ctx, "acme", "fleet", &github.Reference{Ref: github.String("refs/heads/render"), Object: &github.GitObject{SHA: commit.SHA}}, false))
	equal(t, "refs", len(done[[]*github.Reference](t)(w.bot.Git.ListMatchingRefs(ctx, "acme", "fleet", &github.ReferenceListOptions{Ref: "heads/ren"}))), 1)
	if files := w.repo.Files("render"); files["specs/new.yaml"] != "hello" || files["README.md"] != "" || len(files) != 2 {
		t.Errorf("the branch has %v", files)
	}
	_, _, err := w.bot.Git.UpdateRef(ctx, "acme", "fleet", &github.Reference{Ref: github.String("refs/heads/render"), Object: &github.GitObject{SHA: &parent}}, false)
	if err == nil || !strings.Contains(err.Error(), "not a fast forward") {
		t.Errorf("moving back without force: %v", err)
	}
	opened := done[*github.PullRequest](t)(w.bot.PullRequests.Create(ctx, "acme", "fleet", &github.NewPullRequest{Title: github.String("Render main"), Head: github.String("render"),
		Base: github.String("main"), Body: github.String("As it is now.")}))
	equal(t, "by", opened.GetUser().GetLogin(), "mainstay[bot]")
	done[*github.PullRequest](t)(w.bot.PullRequests.Edit(ctx, "acme", "fleet", opened.GetNumber(), &github.PullRequest{Title: github.String("Render main again")}))
	if _, err := w.bot.Git.DeleteRef(ctx, "acme", "fleet", "heads/render"); err != nil {
		t.Fatal(err)
	}
	equal(t, "state without its branch", done[*github.PullRequest](t)(w.bot.PullRequests.Get(ctx, "acme", "fleet", opened.GetNumber())).GetState(), "closed")
}

// deploy tells how far the fleet is.
func deploy(ctx context.Context, t *testing.T, w world, sha string) {
	d := done[*github.Deployment](t)(w.bot.Repositories.CreateDeployment(ctx, "acme", "fleet", &github.DeploymentRequest{Ref: &sha, Environment: github.String("fleet"),
		AutoMerge: github.Bool(false), RequiredContexts: &[]string{}}))
	for _, state := range []string{"queued", "in_progress", "success"} {
		done[*github.DeploymentStatus](t)(w.bot.Repositories.CreateDeploymentStatus(ctx, "acme", "fleet", d.GetID(), &github.DeploymentStatusRequest{State: github.String(state),
			Description: github.String("3 of 3")}))
	}
	all := w.repo.DeploymentStatuses(sha)
	if len(all) != 3 || all[2].State != "success" || all[2].Environment != "fleet" {
		t.Errorf("deployment statuses are %+v", all)
	}
	equal(t, "deployments", len(done[[]*github.Deployment](t)(w.bot.Repositories.ListDeployments(ctx, "acme", "fleet", &github.DeploymentsListOptions{SHA: sha}))), 1)
	equal(t, "deployment", done[*github.Deployment](t)(w.bot.Repositories.GetDeployment(ctx, "acme", "fleet", d.GetID())).GetSHA(), sha)
	statuses := done[[]*github.DeploymentStatus](t)(w.bot.Repositories.ListDeploymentStatuses(ctx, "acme", "fleet", d.GetID(), nil))
	equal(t, "newest first", statuses[0].GetState(), "success")
}
