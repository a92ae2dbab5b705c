package repo_test

import "testing"

// TestOrigin: copies of a hub began alike, and no two hubs did.
func TestOrigin(t *testing.T) {
	t.Parallel()
	first, hub := newFleet(t, "")
	other, _ := newFleet(t, "")
	begin, err := first.Origin(t.Context(), "main")
	if err != nil || begin == "" {
		t.Fatal(begin, err)
	}
	if _, err := first.Change(t.Context(), "main", "INSERT INTO deployments (name) VALUES ('orders')", "more history"); err != nil {
		t.Fatal(err)
	}
	if again, err := open(t, hub).Origin(t.Context(), "main"); err != nil || again != begin {
		t.Errorf("a copy began with %s (%v), want %s", again, err, begin)
	}
	if another, err := other.Origin(t.Context(), "main"); err != nil || another == begin {
		t.Errorf("another hub began with %s too (%v)", another, err)
	}
}
