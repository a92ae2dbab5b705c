package repo_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/specs/repo"
)

// The sizes of fleet that the measures are for.
var sizes = []int{1_000, 100_000}

// bigFleet makes a repository with n deployments.
func bigFleet(b *testing.B, n int) (*repo.Repo, string) {
	b.Helper()
	hub := "file://" + b.TempDir() + "/hub"
	r, err := repo.Open(context.Background(), repo.Options{Dir: b.TempDir(), Hub: hub, Author: author})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.Close() })
	var seed strings.Builder
	for i := 0; i < n; i += 1000 {
		seed.WriteString("INSERT INTO deployments (name) VALUES ")
		for j := range 1000 {
			fmt.Fprintf(&seed, "('d%d'),", i+j)
		}
		seed.WriteString("('x" + fmt.Sprint(i) + "');\n")
	}
	if err := r.Init(context.Background(), seed.String()); err != nil {
		b.Fatal(err)
	}
	return r, hub
}

func BenchmarkRepo(b *testing.B) {
	ctx := context.Background()
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r, _ := bigFleet(b, n)
			h, err := r.Fetch(ctx)
			if err != nil {
				b.Fatal(err)
			}
			c, err := r.Change(ctx, "main", "UPDATE deployments SET owner = 'x' WHERE name = 'd7'", "own")
			if err != nil {
				b.Fatal(err)
			}
			snapshot, err := r.Snapshot(ctx, h.Main)
			if err != nil {
				b.Fatal(err)
			}
			b.Run("snapshot", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := r.Snapshot(ctx, h.Main); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("fetch-nothing", func(b *testing.B) {
				for b.Loop() {
					if _, err := r.Fetch(ctx); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("changes-one-row", func(b *testing.B) {
				for b.Loop() {
					changes, err := r.Changes(ctx, c.Base, c.Commit)
					if err != nil || len(changes) != 1 {
						b.Fatal(changes, err)
					}
					snapshot.Apply(changes)
				}
			})
			b.Run("steps", func(b *testing.B) {
				for b.Loop() {
					if _, ok, err := r.Steps(ctx, c.Base, c.Commit); err != nil || !ok {
						b.Fatal(ok, err)
					}
				}
			})
			b.Run("publish", func(b *testing.B) {
				status, i := h.Status, 0
				for b.Loop() {
					i++
					if status, err = r.Publish(ctx, status, []repo.Edit{claim(fmt.Sprint(i), "me")}, "claim"); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
