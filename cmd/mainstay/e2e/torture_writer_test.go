package e2e

import (
	"context"
	"database/sql"
	"sync/atomic"
	"time"
)

// A writer writes numbered rows, one transaction each, and remembers those that were
// acknowledged.
type writer struct {
	fleet        *fleet
	name         string
	acknowledged atomic.Int64
	refused      atomic.Int64 // or not answered

	numbers []int
	lost    int
}

func (w *writer) begin() {
	db := w.fleet.open(w.name)
	for _, statement := range []string{"CREATE DATABASE torture", "CREATE TABLE torture.numbers (n INT PRIMARY KEY)"} {
		if _, err := db.ExecContext(w.fleet.t.Context(), statement); err != nil {
			w.fleet.t.Fatalf("%s: %s: %v", w.name, statement, err)
		}
	}
}

// commitEvery is how many rows go into one commit of Dolt.
const commitEvery = 20

func (w *writer) write(ctx context.Context) {
	var db *sql.DB
	drop := func() {
		if db != nil {
			db.Close()
			db = nil
		}
	}
	defer drop()
	for n := 1; ctx.Err() == nil; n++ {
		if db == nil {
			var err error
			if db, err = w.fleet.dial(w.name); err != nil {
				time.Sleep(pause)
				continue
			}
		}
		if err := w.put(ctx, db, n); err != nil {
			w.refused.Add(1)
			drop() // it may be there or not; the next has another number
			time.Sleep(pause)
			continue
		}
		w.numbers = append(w.numbers, n)
		w.acknowledged.Add(1)
		time.Sleep(5 * time.Millisecond)
	}
}

func (w *writer) put(ctx context.Context, db *sql.DB, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second) // a process that stands still answers nobody
	defer cancel()
	_, err := db.ExecContext(ctx, "INSERT INTO torture.numbers VALUES (?)", n)
	if err == nil && n%commitEvery == 0 {
		_, _ = db.ExecContext(ctx, "CALL `torture`.dolt_commit('-Am', 'some more')") // what was acknowledged is there with or without
	}
	return err
}

// check looks for every acknowledged row.
func (w *writer) check() {
	db := w.fleet.open(w.name)
	rows, err := db.QueryContext(w.fleet.t.Context(), "SELECT n FROM torture.numbers")
	if err != nil {
		w.fleet.t.Errorf("%s: %v", w.name, err)
		return
	}
	defer rows.Close()
	there := map[int]bool{}
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			w.fleet.t.Fatal(err)
		}
		there[n] = true
	}
	if err := rows.Err(); err != nil {
		w.fleet.t.Errorf("%s: %v", w.name, err)
	}
	for _, n := range w.numbers {
		if !there[n] {
			w.lost++
			w.fleet.t.Errorf("%s: row %d was acknowledged and is not there", w.name, n)
		}
	}
}
