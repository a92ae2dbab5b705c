package githubtest

// json is a pull request; full is as it is alone, and not in a list.
func (pr *PullRequest) json(full bool) object {
	r := pr.repo
	n := itoa(pr.Number)
	self, issue := r.api("/pulls/"+n), r.api("/issues/"+n)
	html := r.html("/pull/" + n)
	links := object{}
	o := object{"url": self, "id": pr.id, "node_id": node("PR", pr.id), "html_url": html, "diff_url": html + ".diff", "patch_url": html + ".patch",
		"issue_url": issue, "commits_url": self + "/commits", "review_comments_url": self + "/comments", "review_comment_url": r.api("/pulls/comments{/number}"),
		"comments_url": issue + "/comments", "statuses_url": r.api("/statuses/" + pr.headSHA), "number": pr.Number, "state": pr.state, "locked": false,
		"title": pr.title, "user": pr.g.user(pr.author), "body": orNull(pr.body), "labels": []object{}, "milestone": nil, "active_lock_reason": nil,
		"created_at": stamp(pr.made), "updated_at": stamp(pr.updated), "closed_at": stampOrNull(pr.closed), "merged_at": stampOrNull(pr.merged),
		"merge_commit_sha": orNull(pr.mergeOrTrial()), "assignee": nil, "assignees": []object{}, "requested_reviewers": []object{},
		"requested_teams": []object{}, "head": pr.end(pr.headRepo, pr.Branch, pr.headSHA), "base": pr.end(r, pr.base, pr.baseSHA), "_links": links,
		"author_association": "COLLABORATOR", "auto_merge": nil, "draft": pr.draft}
	for key, url := range map[string]any{"self": self, "html": html, "issue": issue, "comments": o["comments_url"], "review_comments": o["review_comments_url"],
		"review_comment": o["review_comment_url"], "commits": o["commits_url"], "statuses": o["statuses_url"]} {
		links[key] = object{"href": url}
	}
	if full {
		pr.detail(o)
	}
	return o
}

func (pr *PullRequest) mergeOrTrial() string {
	if pr.mergeSHA != "" {
		return pr.mergeSHA
	}
	return pr.trial()
}

func (pr *PullRequest) end(r *Repository, branch, sha string) object {
	return object{"label": r.Owner + ":" + branch, "ref": branch, "sha": sha, "user": pr.g.user(r.owner), "repo": r.json()}
}

func (pr *PullRequest) detail(o object) {
	r := pr.repo
	o["merged"], o["merged_by"], o["mergeable"], o["mergeable_state"] = !pr.merged.IsZero(), nil, nil, "unknown"
	if pr.mergedBy != nil {
		o["merged_by"] = pr.g.user(pr.mergedBy)
	}
	if pr.state == open {
		can := pr.trial() != ""
		o["mergeable"], o["rebaseable"], o["mergeable_state"] = can, can, "clean"
		switch {
		case !can:
			o["mergeable_state"] = "dirty"
		case pr.draft:
			o["mergeable_state"] = "draft"
		}
	}
	added, deleted := 0, 0
	files := pr.files()
	for _, f := range files {
		added += f.added
		deleted += f.deleted
	}
	o["comments"], o["review_comments"], o["maintainer_can_modify"] = len(r.conversation(pr.Number)), 0, pr.headRepo != r
	o["commits"], o["additions"], o["deletions"], o["changed_files"] = len(r.objects.between(pr.baseSHA, pr.headSHA)), added, deleted, len(files)
}
