package agent

import (
	"strings"
	"testing"
	"time"
)

func TestShortage(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	type look struct {
		after time.Duration
		free  int64
		over  bool
	}
	for name, c := range map[string]struct {
		size  int64
		looks []look
	}{
		"there is room":              {10 << 30, []look{{0, 5000 * mb, false}, {1, 65 * mb, false}, {2, 5000 * mb, false}}},
		"full, and room again":       {10 << 30, []look{{0, 0, false}, {1, 0, false}, {2, 128 * mb, true}, {3, 128 * mb, false}}},
		"hardly any room again":      {10 << 30, []look{{0, 63 * mb, false}, {1, 127 * mb, false}, {2, 128 * mb, true}}},
		"a small disk":               {16 * mb, []look{{0, 1 * mb, false}, {1, 3 * mb, false}, {2, mb / 2, false}, {3, 3 * mb, true}}},
		"full again within a minute": {10 << 30, []look{{0, 0, false}, {1, 200 * mb, true}, {2, 0, false}, {59, 200 * mb, false}, {61, 200 * mb, true}}},
	} {
		begin, last := time.Now(), time.Time{}
		var s shortage
		for i, l := range c.looks {
			now := begin.Add(l.after * time.Second)
			full := s.look(c.size, l.free, now)
			if !full.IsZero() != l.over || l.over && !full.Equal(last) {
				t.Errorf("%s: look %d says %v, want %t: %v", name, i, full, l.over, last)
			}
			if l.free < min(tightRoom, c.size/tightPart) {
				last = now
			}
		}
	}
}

// TestAFullDiskRenews: a database that met the end of its disk may refuse every write from
// then on, and answers all the same. It is started anew when there is room, and one that
// began since is not.
func TestAFullDiskRenews(t *testing.T) {
	t.Parallel()
	r, first := fullRig(t)
	r.makeRoom()
	second := r.another(first.GetPid())
	if second.GetRestarts() != 0 {
		t.Errorf("it did not die, and counts %d restarts", second.GetRestarts())
	}
	if _, err := r.query("the password", "CREATE DATABASE shop"); err != nil && !strings.Contains(err.Error(), "no rows") {
		t.Fatal(err)
	}
	if now := r.serving(); now.GetPid() != second.GetPid() {
		t.Errorf("process %d took over from %d, which began when there was room", now.GetPid(), second.GetPid())
	}
}
