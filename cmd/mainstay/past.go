package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
)

// past finds the commits of status and main that describe the fleet at a time or
// at a commit of either branch.
func (c *client) past(ctx context.Context, at string) (status, main string, err error) {
	if t, err := parseTime(at); err == nil {
		status, err = c.statusNotAfter(ctx, t)
		if err != nil {
			return "", "", err
		}
		main, err = c.Resolve(ctx, t.UTC().Format(time.RFC3339Nano))
		return status, main, err
	}
	hash, err := c.Resolve(ctx, at)
	if err != nil {
		return "", "", err
	}
	status, err = c.statusOf(ctx, hash)
	if err != nil {
		return "", "", err
	}
	main, err = c.cell(ctx, status, "SELECT commit_hash FROM applied")
	return status, main, err
}

// statusNotAfter is the newest commit of status at a time.
func (c *client) statusNotAfter(ctx context.Context, t time.Time) (string, error) {
	hash, err := c.cell(ctx, "status", fmt.Sprintf(
		"SELECT commit_hash FROM dolt_log WHERE date <= '%s' ORDER BY date DESC LIMIT 1", t.UTC().Format("2006-01-02 15:04:05.999999")))
	if err == nil && hash == "" {
		err = fmt.Errorf("there was no fleet yet at %s; choose a later time", t.Format(time.RFC3339))
	}
	return hash, err
}

// statusOf is the commit of status itself, or the newest one at which that commit
// of main was in force.
func (c *client) statusOf(ctx context.Context, hash string) (string, error) {
	// A hash comes from Resolve: letters and digits, nothing to quote.
	own, err := c.cell(ctx, "status", fmt.Sprintf("SELECT commit_hash FROM dolt_log WHERE commit_hash = '%s'", hash))
	if err != nil || own != "" {
		return own, err
	}
	left, err := c.cell(ctx, "status", fmt.Sprintf(
		"SELECT from_commit FROM dolt_diff_applied WHERE from_commit_hash = '%s' AND to_commit_hash <> '%[1]s' ORDER BY to_commit_date DESC LIMIT 1", hash))
	if err != nil || left != "" {
		return left, err
	}
	now, err := c.cell(ctx, "status", "SELECT commit_hash FROM applied")
	if err != nil {
		return "", err
	}
	if now != hash {
		return "", fmt.Errorf("commit %s was never in force; mainstay log lists the commits of main", view.Short(hash))
	}
	return c.Resolve(ctx, "status")
}

// cell runs a query that gives one value, empty where there is no row.
func (c *client) cell(ctx context.Context, ref, query string) (string, error) {
	result, err := c.Query(ctx, ref, query)
	if err != nil || len(result.Rows) == 0 {
		return "", err
	}
	s, _ := result.Rows[0][0].(string)
	return s, nil
}

// parseTime reads the ways in which people write a moment. Without a zone it is
// the reader's own.
func parseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("%q is no time; write it like 2026-11-22T10:00:00Z or 2026-11-22 10:00", s)
}
