package githubtest

// routes are the operations there are. Where two match a path, the first counts.
func routes() []route {
	const r = "/repos/{owner}/{repo}"
	const writesPull, readsPull = "issues:write|pull_requests:write", "issues:read|pull_requests:read"
	all := []route{
		{method: "GET", template: "/app", needs: "app", handle: getApp},
		{method: "GET", template: "/app/installations", needs: "app", handle: listInstallations},
		{method: "POST", template: "/app/installations/{installation_id}/access_tokens", needs: "app", handle: createToken},
		{method: "GET", template: r + "/installation", needs: "app", handle: getInstallation},
		{method: "GET", template: "/installation/repositories", handle: listInstalled},
		{method: "GET", template: "/rate_limit", handle: getRateLimit},
		{method: "GET", template: "/user", handle: getUser},
		{method: "GET", template: "/users/{username}", handle: getNamed},

		{method: "GET", template: r, needs: "metadata:read", handle: getRepository},
		{method: "GET", template: r + "/collaborators/{username}/permission", needs: "metadata:read", handle: getPermission},
		{method: "GET", template: r + "/branches", needs: "contents:read", handle: listBranches},
		{method: "GET", template: r + "/branches/{branch}", needs: "contents:read", handle: getBranch},
		{method: "GET", template: r + "/contents/{path}", needs: "contents:read", handle: getContents},
		{method: "GET", template: r + "/tarball/{ref}", needs: "contents:read", handle: getTarball},
		{method: "GET", template: r + "/compare/{basehead}", needs: "contents:read", handle: compare},

		{method: "GET", template: r + "/commits", needs: "contents:read", handle: listCommits},
		{method: "GET", template: r + "/commits/{ref}/check-runs", needs: "checks:read", handle: listCheckRuns},
		{method: "GET", template: r + "/commits/{ref}/status", needs: "statuses:read", handle: getCombined},
		{method: "GET", template: r + "/commits/{ref}/statuses", needs: "statuses:read", handle: listStatuses},
		{method: "GET", template: r + "/commits/{commit_sha}/pulls", needs: "pull_requests:read", handle: listPullsOf},
		{method: "GET", template: r + "/commits/{ref}", needs: "contents:read", handle: getCommit},
		{method: "POST", template: r + "/statuses/{sha}", needs: "statuses:write", handle: createStatus},

		{method: "POST", template: r + "/git/blobs", needs: "contents:write", handle: createBlob},
		{method: "GET", template: r + "/git/blobs/{file_sha}", needs: "contents:read", handle: getBlob},
		{method: "POST", template: r + "/git/trees", needs: "contents:write", handle: createTree},
		{method: "GET", template: r + "/git/trees/{tree_sha}", needs: "contents:read", handle: getTree},
		{method: "POST", template: r + "/git/commits", needs: "contents:write", handle: createCommit},
		{method: "GET", template: r + "/git/commits/{commit_sha}", needs: "contents:read", handle: getGitCommit},
		{method: "GET", template: r + "/git/ref/{ref}", needs: "contents:read", handle: getRef},
		{method: "GET", template: r + "/git/matching-refs/{ref}", needs: "contents:read", handle: matchingRefs},
		{method: "POST", template: r + "/git/refs", needs: "contents:write", handle: createRef},
		{method: "PATCH", template: r + "/git/refs/{ref}", needs: "contents:write", handle: updateRef},
		{method: "DELETE", template: r + "/git/refs/{ref}", needs: "contents:write", handle: deleteRef},

		{method: "GET", template: r + "/pulls", needs: "pull_requests:read", handle: listPulls},
		{method: "POST", template: r + "/pulls", needs: "pull_requests:write", handle: createPull},
		{method: "GET", template: r + "/pulls/{pull_number}", needs: "pull_requests:read", handle: onPull("pull_number", getPull)},
		{method: "PATCH", template: r + "/pulls/{pull_number}", needs: "pull_requests:write", handle: onPull("pull_number", updatePull)},
		{method: "GET", template: r + "/pulls/{pull_number}/files", needs: "pull_requests:read", handle: onPull("pull_number", listPullFiles)},
		{method: "GET", template: r + "/pulls/{pull_number}/commits", needs: "pull_requests:read", handle: onPull("pull_number", listPullCommits)},
		{method: "PUT", template: r + "/pulls/{pull_number}/merge", needs: "contents:write", handle: onPull("pull_number", mergePull)},

		{method: "GET", template: r + "/issues/{issue_number}/comments", needs: readsPull, handle: onPull("issue_number", listComments)},
		{method: "POST", template: r + "/issues/{issue_number}/comments", needs: writesPull, handle: onPull("issue_number", createComment)},
		{method: "GET", template: r + "/issues/comments", needs: readsPull, handle: listAllComments},
		{method: "GET", template: r + "/issues/comments/{comment_id}", needs: readsPull, handle: onComment(getComment)},
		{method: "PATCH", template: r + "/issues/comments/{comment_id}", needs: writesPull, handle: onComment(updateComment)},
		{method: "DELETE", template: r + "/issues/comments/{comment_id}", needs: writesPull, handle: onComment(deleteComment)},

		{method: "POST", template: r + "/check-runs", needs: "checks:write", handle: createCheckRun},
		{method: "GET", template: r + "/check-runs/{check_run_id}", needs: "checks:read", handle: onCheckRun(getCheckRun)},
		{method: "PATCH", template: r + "/check-runs/{check_run_id}", needs: "checks:write", handle: onCheckRun(updateCheckRun)},
		{method: "GET", template: r + "/check-runs/{check_run_id}/annotations", needs: "checks:read", handle: onCheckRun(listAnnotations)},

		{method: "GET", template: r + "/deployments", needs: "deployments:read", handle: listDeployments},
		{method: "POST", template: r + "/deployments", needs: "deployments:write", handle: createDeployment},
		{method: "GET", template: r + "/deployments/{deployment_id}", needs: "deployments:read", handle: onDeployment(getDeployment)},
		{method: "GET", template: r + "/deployments/{deployment_id}/statuses", needs: "deployments:read", handle: onDeployment(listDeploymentStatuses)},
		{method: "POST", template: r + "/deployments/{deployment_id}/statuses", needs: "deployments:write", handle: onDeployment(createDeploymentStatus)},
	}
	for i := range all {
		all[i] = all[i].compile()
	}
	return all
}

// Routes are the operations that the server knows, as Requests names them.
func Routes() []string {
	var all []string
	for _, r := range routes() {
		all = append(all, r.String())
	}
	return all
}
