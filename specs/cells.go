package specs

// A CellChange is what happened to one cell between two commits. From and To
// are nil or text.
type CellChange struct {
	Table  string `json:"table"`
	Key    string `json:"key"` // as people know it: the deployment's name where there is one
	Column string `json:"column"`
	From   any    `json:"from"`
	To     any    `json:"to"`
}

// Cells takes a change of a row apart into its cells, in the order of the table's
// columns where that is known and by name otherwise. nameOf gives the name of a
// deployment by its id for rows that hold the id alone; nil: the id is shown.
func Cells(c RowChange, nameOf func(id string) string) []CellChange {
	key := PeopleKey(c, nameOf)
	var cells []CellChange
	for _, column := range columnsOf(c) {
		from, to := c.From[column], c.To[column]
		if from == to {
			continue
		}
		cells = append(cells, CellChange{Table: c.Table, Key: key, Column: column, From: from, To: to})
	}
	return cells
}

// PeopleKey gives the key of a changed row as people know it.
func PeopleKey(c RowChange, nameOf func(id string) string) string {
	switch c.Table {
	case TableDeployments:
		return firstText(c.To["name"], c.From["name"], c.Key)
	case TableSettings:
		deployment, name := splitSettingKey(c.Key)
		if nameOf != nil {
			deployment = nameOf(deployment)
		}
		return KeyOf(deployment, name)
	}
	return c.Key
}

// columnsOf lists the columns of a changed row. The order of people reading: ours
// as declared, all others by name.
func columnsOf(c RowChange) []string {
	both := union(c.From, c.To)
	var columns []string
	if c.Table == TableDeployments {
		for _, column := range deploymentColumns {
			if _, ok := both[column]; ok {
				columns = append(columns, column)
				delete(both, column)
			}
		}
	}
	return append(columns, sortedKeys(both)...)
}
