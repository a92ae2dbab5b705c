package repo

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/specs"
)

// textOf gives a value of the engine as the MySQL text protocol would: nil or text.
func textOf(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return v
	case []byte:
		return string(v)
	case bool:
		if v {
			return "1"
		}
		return "0"
	case int8:
		return strconv.FormatInt(int64(v), 10)
	case int32:
		return strconv.FormatInt(int64(v), 10)
	case int64:
		return strconv.FormatInt(v, 10)
	case time.Time:
		return timeText(v)
	}
	return fmt.Sprint(v)
}

// timeText writes microseconds always: every time in the fleet's tables is a
// DATETIME(6), and the same time must be the same text.
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000000") }

// words keeps texts that repeat once, and each as its own: the engine's are parts of
// the page that they were read from, and who keeps one keeps the page.
type words map[string]string

// longestShared is the length up to which texts repeat: names, hashes, times. Longer
// ones are what somebody said.
const longestShared = 64

func (w words) own(v any) any {
	text, ok := v.(string)
	if !ok {
		return v
	}
	if len(text) > longestShared {
		return strings.Clone(text)
	}
	known, ok := w[text]
	if !ok {
		known = strings.Clone(text)
		w[known] = known
	}
	return known
}

// rowOf copies one answer into a row.
func rowOf(columns []string, values []any) specs.Row {
	row := make(specs.Row, len(columns))
	for i, column := range columns {
		row[column] = textOf(values[i])
	}
	return row
}

// rows reads a whole answer. Another query may run on the session when it returns.
func (s *session) rows(statement string, args ...any) ([]specs.Row, error) {
	var all []specs.Row
	err := s.each(func(columns []string, values []any) error {
		all = append(all, rowOf(columns, values))
		return nil
	}, statement, args...)
	return all, err
}

// column reads an answer's first column, in order.
func (s *session) column(statement string, args ...any) ([]string, error) {
	var all []string
	err := s.each(func(_ []string, values []any) error {
		all = append(all, fmt.Sprint(values[0]))
		return nil
	}, statement, args...)
	slices.Sort(all)
	return all, err
}

// keyColumns are the primary keys of the tables of the desired state.
var keyColumns = map[string][]string{
	specs.TableApprovals:   {"commit_hash"},
	specs.TableDeployments: {"id"},
	specs.TableLimits:      {"name"},
	specs.TableReviewers:   {"branch", "owner", "person"},
	specs.TableSchema:      {"version"},
	specs.TableSettings:    {"deployment", "name"},
	specs.TableVersions:    {"version"},
}

// keyOf gives the key of a row as specs.RowChange has it.
func keyOf(table string, row specs.Row) string {
	var parts []string
	for _, column := range keyColumns[table] {
		parts = append(parts, fmt.Sprint(row[column]))
	}
	return specs.KeyOf(parts...)
}
