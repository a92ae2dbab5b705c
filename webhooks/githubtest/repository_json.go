package githubtest

func (r *Repository) api(path string) string  { return r.g.api("/repos/" + r.fullName() + path) }
func (r *Repository) html(path string) string { return r.g.URL + "/" + r.fullName() + path }

// urls are where a repository points at, by what comes after its own.
var urls = map[string]string{
	"archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}", "blobs_url": "/git/blobs{/sha}", "branches_url": "/branches{/branch}",
	"collaborators_url": "/collaborators{/collaborator}", "comments_url": "/comments{/number}", "commits_url": "/commits{/sha}",
	"compare_url": "/compare/{base}...{head}", "contents_url": "/contents/{+path}", "contributors_url": "/contributors", "deployments_url": "/deployments",
	"downloads_url": "/downloads", "events_url": "/events", "forks_url": "/forks", "git_commits_url": "/git/commits{/sha}", "git_refs_url": "/git/refs{/sha}",
	"git_tags_url": "/git/tags{/sha}", "issue_comment_url": "/issues/comments{/number}", "issue_events_url": "/issues/events{/number}",
	"issues_url": "/issues{/number}", "keys_url": "/keys{/key_id}", "labels_url": "/labels{/name}", "languages_url": "/languages", "merges_url": "/merges",
	"milestones_url": "/milestones{/number}", "notifications_url": "/notifications{?since,all,participating}", "pulls_url": "/pulls{/number}",
	"releases_url": "/releases{/id}", "stargazers_url": "/stargazers", "statuses_url": "/statuses/{sha}", "subscribers_url": "/subscribers",
	"subscription_url": "/subscription", "tags_url": "/tags", "teams_url": "/teams", "trees_url": "/git/trees{/sha}", "hooks_url": "/hooks",
}

// json is a repository as within everything else.
func (r *Repository) json() object {
	o := object{"id": r.id, "node_id": node("R", r.id), "name": r.Name, "full_name": r.fullName(), "owner": r.g.user(r.owner), "private": true,
		"html_url": r.html(""), "description": nil, "fork": r.fork != nil, "url": r.api(""), "license": nil, "forks": 0, "git_url": r.html(".git"),
		"ssh_url": r.html(".git"), "clone_url": r.html(".git"), "svn_url": r.html(""), "mirror_url": nil, "homepage": nil, "language": nil, "forks_count": 0,
		"stargazers_count": 0, "watchers_count": 0, "size": 1, "default_branch": r.main, "open_issues_count": r.open(), "has_issues": true,
		"has_projects": false, "has_wiki": false, "has_pages": false, "has_downloads": false, "has_discussions": false, "archived": false, "disabled": false,
		"visibility": "private", "topics": []string{}, "pushed_at": stamp(r.pushed), "created_at": stamp(r.made), "updated_at": stamp(r.pushed), "open_issues": r.open(), "watchers": 0}
	for key, path := range urls {
		o[key] = r.api(path)
	}
	return o
}

func (r *Repository) open() int {
	n := 0
	for _, pr := range r.pulls {
		if pr.state == open {
			n++
		}
	}
	return n
}

func getRepository(c *call) answer {
	o := c.repo.json()
	o["subscribers_count"], o["network_count"] = 0, 0
	o["allow_merge_commit"], o["allow_squash_merge"], o["allow_rebase_merge"] = true, true, false
	if c.who.person != nil {
		o["permissions"] = c.repo.level(c.who.person.Login).json()
	}
	if c.repo.fork != nil {
		o["parent"], o["source"] = c.repo.fork.json(), c.repo.fork.json()
	}
	return ok(o)
}
