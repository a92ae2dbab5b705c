package ledger

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/specs"
)

const (
	// layout is how DATETIME(6) columns are written as text; always UTC.
	layout = "2006-01-02 15:04:05.000000"
	// lenient reads the same with or without trailing zeros.
	lenient = "2006-01-02 15:04:05.999999"
)

// moments are the columns that hold a time, in any table.
var moments = []string{"deleted_at", "delete_after", "claimed_at", "until_at", "applied_at", "since", "listener_expires", "planned_at",
	"not_after", "renew", "retry"}

func text(s string) any { return s }

// Bytes that columns hold which repeat what others said: errors of clouds and machines,
// and rows that were pushed past their own columns' lengths. A row that does not fit
// would keep all others from being published.
const (
	longestProse   = 65535 // TEXT
	longestTrouble = 4096
	longestKey     = 255
)

// words gives what others wrote as far as its column holds it: text, and so much.
func words(s string, most int) any {
	const more = "…"
	if s = strings.ToValidUTF8(s, "?"); len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-len(more)], "") + more
}

func prose(s string) any { return words(s, longestProse) }

func number[N int | int64](n N) any { return strconv.FormatInt(int64(n), 10) }

func flag(b bool) any {
	if b {
		return "1"
	}
	return "0"
}

// moment gives NULL for the zero time.
func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Truncate(time.Microsecond).Format(layout)
}

// A reader takes typed values out of a row and keeps the first fault.
type reader struct {
	table string
	row   specs.Row
	err   error
}

func (r *reader) text(column string) string {
	s, _ := r.row[column].(string)
	return s
}

func (r *reader) int64(column string) int64 {
	s, ok := r.row[column].(string)
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	r.fault(column, s, err)
	return n
}

func (r *reader) int(column string) int { return int(r.int64(column)) }

func (r *reader) flag(column string) bool { return r.int64(column) != 0 }

func (r *reader) moment(column string) time.Time {
	s, ok := r.row[column].(string)
	if !ok || s == "" {
		return time.Time{}
	}
	t, err := time.ParseInLocation(lenient, s, time.UTC)
	r.fault(column, s, err)
	return t
}

func (r *reader) fault(column, value string, err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("branch status, table %s, column %s: cannot read %q: %w", r.table, column, value, err)
	}
}

// normal gives the row with every time as this package writes it, so that a row
// read back equals the row written.
func normal(row specs.Row) specs.Row {
	for _, c := range moments {
		s, ok := row[c].(string)
		if !ok {
			continue
		}
		if t, err := time.ParseInLocation(lenient, s, time.UTC); err == nil {
			row[c] = t.Format(layout)
		}
	}
	return row
}
