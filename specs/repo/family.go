package repo

import "github.com/mainstaydb/mainstay/specs"

// settleFamily keeps a deployment and its settings together where one side
// deleted the deployment and the other changed something of it: the side that is
// taken gives all of it. Its settings were not in conflict, and went by themselves.
func (s *session) settleFamily(m merging, c *clash) error {
	id := ""
	switch c.table {
	case specs.TableDeployments:
		id, _ = c.some()["id"].(string)
	case specs.TableSettings:
		id, _ = c.some()["deployment"].(string)
	}
	if id == "" || c.ours != nil && c.theirs != nil {
		return nil
	}
	taken, other := m.ours, m.theirs
	if m.resolve == Theirs {
		taken, other = m.theirs, m.ours
	}
	there, err := s.hasDeployment(id, taken)
	if err != nil {
		return err
	}
	if also, err := s.hasDeployment(id, other); err != nil || also == there {
		return err // a setting alone
	}
	statements := []string{"DELETE FROM settings WHERE deployment = ?"}
	if there {
		statements = append(statements, "INSERT INTO settings SELECT * FROM settings AS OF '"+taken+"' WHERE deployment = ?")
		if here, err := s.value("SELECT id FROM deployments WHERE id = ?", id); err != nil {
			return err
		} else if here == "" {
			statements = append(statements, "INSERT INTO deployments SELECT * FROM deployments AS OF '"+taken+"' WHERE id = ?")
		}
	}
	for _, statement := range statements {
		if err := s.exec(statement, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) hasDeployment(id, commit string) (bool, error) {
	found, err := s.value("SELECT id FROM deployments AS OF ? WHERE id = ?", commit, id)
	return found != "", err
}
