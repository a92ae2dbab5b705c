package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestEC2Whole is scenario 1.
func TestEC2Whole(t *testing.T) {
	t.Parallel()
	f := newCloudFleet(t, false)
	const many = 30
	var rows []string
	for n := range many {
		rows = append(rows, fmt.Sprintf("('db-%02d', 'eu-west-1%c', 0)", n, 'a'+n%2))
	}
	f.change(time.Minute, "INSERT INTO deployments (name, zone, retention_days) VALUES "+strings.Join(rows, ", "))
	t.Log(f.proxy.Counts())
	t.Log(f.do("status", "-o", "wide"))
	t.Log(f.do("connect", "db-01", "-e", "SELECT dolt_version()"))
	t.Log(f.records())
}
