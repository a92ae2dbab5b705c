package specs

// An ownerIndex counts the deployments of every owner, so that a question about
// an owner does not cost a walk through the fleet.
type ownerIndex map[string]int

func (x ownerIndex) add(owner string) { x[owner]++ }

func (x ownerIndex) remove(owner string) {
	if x[owner]--; x[owner] <= 0 {
		delete(x, owner)
	}
}

// ownersOf lists the owners that a changed row names, before and after. Only rows
// of deployments and reviewers name one.
func ownersOf(c RowChange) []string {
	if c.Table != TableDeployments && c.Table != TableReviewers {
		return nil
	}
	var owners []string
	for _, row := range []Row{c.From, c.To} {
		if owner, ok := row["owner"].(string); ok {
			owners = append(owners, owner)
		}
	}
	return owners
}

// Owners lists whose deployments the changes touch, in order and without
// repetition: by the rows before and after, and by those of s, because a chain of
// commits can arrive as one change whose From is not what s has. A row of
// reviewers is touched in the name of its owner: else anybody could first make
// himself a reviewer. Owner "" is not listed.
func Owners(s *Snapshot, changes []RowChange) []string {
	all := map[string]struct{}{}
	for _, c := range changes {
		for _, owner := range ownersOf(c) {
			all[owner] = struct{}{}
		}
		if d := s.Deployments[DeploymentOf(c)]; d != nil {
			all[d.Owner] = struct{}{}
		}
		if r, ok := s.Reviewers[c.Key]; ok && c.Table == TableReviewers {
			all[r.Owner] = struct{}{}
		}
	}
	delete(all, "")
	return sortedKeys(all)
}

// DeploymentOf gives the id of the deployment that a changed row belongs to; "":
// to none.
func DeploymentOf(c RowChange) string {
	switch c.Table {
	case TableDeployments:
		return c.Key
	case TableSettings:
		id, _ := splitSettingKey(c.Key)
		return id
	}
	return ""
}
