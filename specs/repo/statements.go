package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/vt/sqlparser"
)

// A Result is the answer to one statement. A value is nil or text.
type Result struct {
	Columns  []string // none for a statement that gives no rows
	Rows     [][]any
	Affected int64 // rows changed, for a statement that gives none
}

// A statement is one of several, with its text.
type statement struct {
	text   string
	parsed sqlparser.Statement
}

// split takes several statements apart with the engine's own parser.
func split(ctx context.Context, text string) ([]statement, error) {
	var all []statement
	for strings.TrimSpace(text) != "" {
		parsed, next, err := sqlparser.ParseOne(ctx, text)
		if errors.Is(err, sqlparser.ErrEmpty) {
			break
		}
		if err != nil {
			return nil, &StatementError{Number: len(all) + 1, Statement: text, Err: err}
		}
		one := text
		if next > 0 && next <= len(text) {
			one, text = text[:next], text[next:]
		} else {
			text = ""
		}
		one = strings.TrimSuffix(strings.TrimSpace(one), ";")
		if parsed != nil {
			all = append(all, statement{text: strings.TrimSpace(one), parsed: parsed})
		}
	}
	return all, nil
}

// run carries out several statements on the session's branch.
func (s *session) run(text string) ([]*Result, error) {
	statements, err := split(s.ctx, text)
	if err != nil {
		return nil, err
	}
	var results []*Result
	for i, st := range statements {
		err := refuseHistory(st.parsed)
		if err == nil {
			var result *Result
			result, err = s.result(st.text)
			results = append(results, result)
		}
		if err != nil {
			return nil, &StatementError{Number: i + 1, Statement: st.text, Err: err}
		}
	}
	return results, nil
}

// refuseHistory keeps statements from leaving the scratch branch: where a change
// is made, committed and pushed is this package's part.
func refuseHistory(parsed sqlparser.Statement) error {
	switch st := parsed.(type) {
	case *sqlparser.Use:
		return errors.New("USE is not possible here; name the branch on the command line")
	case *sqlparser.Call:
		if name := strings.ToLower(st.ProcName.Name.String()); strings.HasPrefix(name, "dolt_") {
			return fmt.Errorf("%s is not possible here: what the statements change is committed and pushed by itself; use mainstay branch and mainstay pr", name)
		}
	}
	return nil
}

// refuseWrites lets only statements pass that read.
func refuseWrites(parsed sqlparser.Statement) error {
	switch st := parsed.(type) {
	case *sqlparser.Select:
		if st.Into == nil {
			return nil
		}
	case *sqlparser.SetOp:
		if st.Into == nil {
			return nil
		}
	case *sqlparser.Show, *sqlparser.Explain, *sqlparser.OtherRead, *sqlparser.ParenSelect:
		return nil
	}
	return ErrReadOnly
}

func (s *session) result(text string) (*Result, error) {
	r := &Result{}
	err := s.each(func(columns []string, values []any) error {
		if ok, is := values[0].(types.OkResult); is && len(values) == 1 {
			r.Affected += int64(ok.RowsAffected)
			return nil
		}
		r.Columns = append(r.Columns[:0], columns...)
		row := make([]any, len(values))
		for i, v := range values {
			row[i] = shown(v)
		}
		r.Rows = append(r.Rows, row)
		return nil
	}, text)
	return r, err
}
