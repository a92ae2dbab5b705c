package hub

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestWatcherTellsOfMovesAndForgottenRows(t *testing.T) {
	t.Parallel()
	h := start(t, testConfig(t))
	moved, dirty := make(chan string, 100), make(chan string, 100)
	w := &Watcher{
		Files: h.Files(), Port: h.SQLPort(), Password: h.cfg.Password, Log: h.cfg.Log,
		Moved: func(branch, commit string) { moved <- branch + " " + commit },
		Dirty: func(message string) { dirty <- message },
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	receive(t, moved) // the first look

	for _, statement := range []string{
		"CREATE TABLE deployments (id INT PRIMARY KEY, name VARCHAR(20))",
		"CALL dolt_commit('-Am', 'schema')",
	} {
		if err := query(t, h, statement); err != nil {
			t.Fatal(err)
		}
	}
	if got := receive(t, moved); !strings.HasPrefix(got, "main ") {
		t.Errorf("got %q, want main's new commit", got)
	}
	if err := query(t, h, "INSERT INTO deployments VALUES (1, 'orders')"); err != nil {
		t.Fatal(err)
	}
	got := receive(t, dirty)
	for !strings.Contains(got, "deployments orders (added)") { // the table itself, on a machine that was busy for seconds
		got = receive(t, dirty)
	}
	if err := query(t, h, "CALL dolt_reset('--hard')"); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, dirty); got != "" {
		t.Errorf("got %q, want the end of it", got)
	}
}

// receive bounds the wait: rows are told of after a few seconds, all else sooner.
func receive(t *testing.T, from chan string) string {
	t.Helper()
	select {
	case s := <-from:
		return s
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was told")
		return ""
	}
}
