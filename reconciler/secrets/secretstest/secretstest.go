// Package secretstest is the suite that every secrets.Store passes. A store that
// does can take another's place: the fleet's CA and its passwords behave alike in a
// directory and in AWS Secrets Manager.
//
// It promises nothing about how a store keeps values: what is on the disk or in
// the cloud is for each store's own tests.
package secretstest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

// bound is how long one test may take: a store in a cloud answers in a fraction of
// a second, and repeats what is throttled.
const bound = 60 * time.Second

// Open opens the store at a place, which is a name of its own. Every call with one
// place is of the same store, as two control planes would open it.
type Open func(t *testing.T, place string) secrets.Store

// Run runs the suite.
func Run(t *testing.T, open Open) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, context.Context, func() secrets.Store){
		"the first value stands":                 firstStands,
		"what one control plane makes all see":   othersSee,
		"creates that race agree":                racesAgree,
		"what was never made is not found":       notFound,
		"names lie beside and below one another": neighbours,
		"names are checked":                      namesAreChecked,
		"values are checked":                     valuesAreChecked,
		"values come back as they went":          valuesComeBack,
		"what is returned is the caller's own":   noSharing,
		"the fleet's CA is made once":            oneCA,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), bound)
			defer cancel()
			place := "place-" + uuid.NewString()
			test(t, ctx, func() secrets.Store { return open(t, place) })
		})
	}
}

func firstStands(t *testing.T, ctx context.Context, open func() secrets.Store) {
	s := open()
	for _, value := range []string{"first", "second"} {
		got, err := s.Create(ctx, "a/b", []byte(value))
		if err != nil || string(got) != "first" {
			t.Fatalf("Create(%s) = %q, %v; want first", value, got, err)
		}
	}
	want(t, ctx, s, "a/b", "first")
}

func othersSee(t *testing.T, ctx context.Context, open func() secrets.Store) {
	one, other := open(), open()
	if _, err := other.Get(ctx, "a"); !errors.Is(err, secrets.ErrNotFound) {
		t.Fatalf("before it is made: %v, want ErrNotFound", err)
	}
	create(t, ctx, one, "a", "first")
	want(t, ctx, other, "a", "first") // that it was not there is not remembered
	if got, err := other.Create(ctx, "a", []byte("second")); err != nil || string(got) != "first" {
		t.Fatalf("Create by another: %q, %v; want first", got, err)
	}
}

func racesAgree(t *testing.T, ctx context.Context, open func() secrets.Store) {
	const racers = 16
	got := make([]string, racers)
	var group errgroup.Group
	for i := range racers {
		group.Go(func() error {
			value, err := open().Create(ctx, "fleet/one", []byte(strings.Repeat("x", i+1)))
			got[i] = string(value)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if len(slices.Compact(got)) != 1 {
		t.Fatalf("the racers do not agree: %q", got)
	}
	want(t, ctx, open(), "fleet/one", got[0])
}

func notFound(t *testing.T, ctx context.Context, open func() secrets.Store) {
	s := open()
	create(t, ctx, s, "deployments/d/password", "x")
	for _, name := range []string{"deployments/d/passwor", "deployments/d/password2", "deployments/d/password/more", "password"} {
		if value, err := s.Get(ctx, name); !errors.Is(err, secrets.ErrNotFound) || value != nil {
			t.Errorf("Get(%s) = %q, %v; want ErrNotFound", name, value, err)
		}
	}
}

func neighbours(t *testing.T, ctx context.Context, open func() secrets.Store) {
	s := open()
	// AWS appends a hyphen and six characters to names; ours may end like that.
	names := []string{"a", "ab", "b/a", "b/a-abcdef", "b/c/a", "0.a_b-c"}
	for _, name := range names {
		create(t, ctx, s, name, "value of "+name)
	}
	for _, name := range names {
		want(t, ctx, open(), name, "value of "+name)
	}
}

func namesAreChecked(t *testing.T, ctx context.Context, open func() secrets.Store) {
	s := open()
	for _, name := range []string{"", "/a", "a/", "a//b", "..", "a/../b", ".hidden", "A", "a b", "ä", strings.Repeat("a", 256)} {
		if _, err := s.Create(ctx, name, []byte("x")); err == nil {
			t.Errorf("Create took the name %q", name)
		}
		if _, err := s.Get(ctx, name); err == nil || errors.Is(err, secrets.ErrNotFound) {
			t.Errorf("Get(%q): %v, want that the name is not valid", name, err)
		}
	}
	create(t, ctx, s, strings.Repeat("a", 255), "long")
}

func valuesAreChecked(t *testing.T, ctx context.Context, open func() secrets.Store) {
	s := open()
	for _, size := range []int{0, 65537} {
		if _, err := s.Create(ctx, "a", make([]byte, size)); err == nil {
			t.Errorf("Create took %d bytes", size)
		}
	}
	if _, err := s.Get(ctx, "a"); !errors.Is(err, secrets.ErrNotFound) {
		t.Errorf("after what was refused: %v, want ErrNotFound", err)
	}
}

func valuesComeBack(t *testing.T, ctx context.Context, open func() secrets.Store) {
	binary := make([]byte, 256)
	for i := range binary {
		binary[i] = byte(i)
	}
	large := make([]byte, 60<<10)
	rand.Read(large)
	for name, value := range map[string][]byte{
		"binary": binary, "zero": {0}, "large": large, "largest": bytes.Repeat([]byte{0xff}, 65536),
		"text": []byte("with a line's end\n"), "not-utf-8": {0xc3, 0x28},
	} {
		got, err := open().Create(ctx, name, value)
		if err != nil || !bytes.Equal(got, value) {
			t.Errorf("%s: Create returns %d bytes, %v; want the %d that went in", name, len(got), err, len(value))
		}
		got, err = open().Get(ctx, name)
		if err != nil || !bytes.Equal(got, value) {
			t.Errorf("%s: Get returns %d bytes, %v; want the %d that went in", name, len(got), err, len(value))
		}
	}
}

func noSharing(t *testing.T, ctx context.Context, open func() secrets.Store) {
	s, given := open(), []byte("value")
	created, err := s.Create(ctx, "a", given)
	if err != nil {
		t.Fatal(err)
	}
	read, err := s.Get(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	clear(given)
	clear(created)
	clear(read)
	want(t, ctx, s, "a", "value")
}

func oneCA(t *testing.T, ctx context.Context, open func() secrets.Store) {
	const planes = 4
	got := make([]string, planes)
	var group errgroup.Group
	for i := range planes {
		group.Go(func() error {
			ca, err := secrets.OpenCA(ctx, open())
			if err == nil {
				got[i] = string(ca.PEM())
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if len(slices.Compact(got)) != 1 {
		t.Fatal("control planes that start together have different CAs")
	}
}

func create(t *testing.T, ctx context.Context, s secrets.Store, name, value string) {
	t.Helper()
	if got, err := s.Create(ctx, name, []byte(value)); err != nil || string(got) != value {
		t.Fatalf("Create(%s) = %q, %v; want %s", name, got, err, value)
	}
}

func want(t *testing.T, ctx context.Context, s secrets.Store, name, value string) {
	t.Helper()
	if got, err := s.Get(ctx, name); err != nil || string(got) != value {
		t.Fatalf("Get(%s) = %q, %v; want %s", name, got, err, value)
	}
}
