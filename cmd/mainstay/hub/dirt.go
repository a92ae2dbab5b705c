package hub

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// mostNamed is how many uncommitted rows a sentence names: more would not be read.
const mostNamed = 5

// describeDirt names the rows that somebody left uncommitted on main, and says
// what to do about them. Nobody can push to main while they are there.
func describeDirt(ctx context.Context, db *sql.DB) (string, error) {
	tables, err := column(ctx, db, "SELECT DISTINCT table_name FROM dolt_status ORDER BY table_name")
	if err != nil {
		return "", fmt.Errorf("ask for uncommitted tables: %w", err)
	}
	var named []string
	for _, table := range tables {
		rows, err := dirtyRows(ctx, db, table)
		if err != nil {
			// A table with a changed schema has no row diff to show: the table is named.
			rows = []string{table}
		}
		named = append(named, rows...)
	}
	return sayDirt(named), nil
}

func sayDirt(named []string) string {
	more := ""
	if n := len(named) - mostNamed; n > 0 {
		named, more = named[:mostNamed], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("somebody left rows uncommitted on the hub's branch main, and nobody can push to main until that ends: %s%s; "+
		"keep them with: mainstay connect hub -e \"CALL dolt_commit('-Am', 'why')\", or drop them with: mainstay connect hub -e \"CALL dolt_reset('--hard')\"",
		strings.Join(named, ", "), more)
}

// dirtyRows names the rows of one table, deployments as people call them.
func dirtyRows(ctx context.Context, db *sql.DB, table string) ([]string, error) {
	key, err := keyColumn(ctx, db, table)
	if err != nil {
		return nil, err
	}
	quoted := strings.ReplaceAll(table, "'", "''")
	rows, err := column(ctx, db, fmt.Sprintf(
		"SELECT CONCAT(diff_type, ' ', COALESCE(`to_%[1]s`, `from_%[1]s`)) FROM dolt_diff('HEAD', 'WORKING', '%[2]s') ORDER BY 1", key, quoted))
	if err != nil {
		return nil, err
	}
	for i, row := range rows {
		kind, name, _ := strings.Cut(row, " ")
		rows[i] = fmt.Sprintf("%s %s (%s)", table, name, kind)
	}
	return slices.Compact(rows), nil
}

// keyColumn is the column that people know a row by.
func keyColumn(ctx context.Context, db *sql.DB, table string) (string, error) {
	columns, err := column(ctx, db,
		"SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? AND (column_key = 'PRI' OR column_name = 'name') ORDER BY column_name = 'name' DESC, ordinal_position",
		table)
	if err != nil {
		return "", err
	}
	if len(columns) == 0 {
		return "", fmt.Errorf("table %s has no key", table)
	}
	return strings.ReplaceAll(columns[0], "`", "``"), nil
}

func column(ctx context.Context, db *sql.DB, query string, args ...any) ([]string, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var values []string
	for rows.Next() {
		var v sql.NullString
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		values = append(values, v.String)
	}
	return values, rows.Err()
}
