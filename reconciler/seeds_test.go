package reconciler_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// seedSample is how many seeds are tried on every commit, fresh ones each time.
const seedSample = 60

// TestSeeds lets faults come over a fleet that people change meanwhile, with one to
// three control planes, of which some are killed and some stand still. What must never
// be never is, and once it is calm everything converges. A failing seed's story is made
// short and printed. MAINSTAY_SIM_SEEDS says how many are tried, MAINSTAY_SIM_SEED from
// which on.
func TestSeeds(t *testing.T) {
	t.Parallel()
	from, n := rand.Uint64N(1<<40), uint64(seedSample)
	if s := os.Getenv("MAINSTAY_SIM_SEEDS"); s != "" {
		n, _ = strconv.ParseUint(s, 10, 64)
	}
	if s := os.Getenv("MAINSTAY_SIM_SEED"); s != "" {
		from, _ = strconv.ParseUint(s, 10, 64)
		if os.Getenv("MAINSTAY_SIM_SEEDS") == "" {
			n = 1
		}
	}
	// The engine that the other tests keep open is most of the heap, and collecting it
	// a third of the time.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	t.Logf("%d seeds from %d", n, from)
	s := &sowing{from: from, n: n, began: time.Now()}
	t.Run("all", func(t *testing.T) {
		for range min(uint64(runtime.GOMAXPROCS(0)), n) {
			t.Run("side-by-side", func(t *testing.T) {
				t.Parallel()
				s.sow(t)
			})
		}
	})
}

// A sowing is many seeds that are tried.
type sowing struct {
	from, n uint64
	next    atomic.Uint64 // how many were begun
	failed  atomic.Bool
	began   time.Time
}

// progressEvery is how many seeds are tried from one line about it to the next: about a
// minute's.
const progressEvery = 2000

func (s *sowing) sow(t *testing.T) {
	var seed uint64
	defer func() {
		if t.Failed() && !s.failed.Swap(true) {
			shrink(t, storyOf(seed))
		}
	}()
	for !s.failed.Load() {
		i := s.next.Add(1) - 1
		if i >= s.n {
			return
		}
		if i%progressEvery == 0 && s.n > progressEvery {
			fmt.Fprintf(os.Stderr, "%d of %d seeds after %s\n", i, s.n, time.Since(s.began).Round(time.Second))
		}
		seed = s.from + i
		simulate(t, seed, func(sim *simulation) { endure(sim, storyOf(seed)) })
	}
}

// TestKeptStories tries again for ever what found something. MAINSTAY_SIM_STORY is a file
// with another story to be tried instead, and MAINSTAY_SIM_TRACE=1 tells all that is done.
func TestKeptStories(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/seeds/*.txt")
	if one := os.Getenv("MAINSTAY_SIM_STORY"); one != "" {
		files = []string{one}
	}
	if err != nil || len(files) == 0 {
		t.Fatal("there are no stories", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			told, err := parseStory(string(text))
			if err != nil {
				t.Fatal(file, err)
			}
			simulate(t, told.seed, func(s *simulation) {
				if s.traced = os.Getenv("MAINSTAY_SIM_TRACE") != ""; s.traced {
					defer func() { s.Log("all that was done:\n" + strings.Join(s.marks, "\n")) }()
				}
				endure(s, told)
			})
		})
	}
}

// TestASeedIsOneStory plays some twice: the same is done at the same moments.
func TestASeedIsOneStory(t *testing.T) {
	t.Parallel()
	for range 4 {
		seed := rand.Uint64N(1 << 40)
		if s := os.Getenv("MAINSTAY_SIM_SEED"); s != "" {
			seed, _ = strconv.ParseUint(s, 10, 64)
		}
		var first, second []string
		for _, marks := range []*[]string{&first, &second} {
			simulate(t, seed, func(s *simulation) {
				s.traced = true
				endure(s, storyOf(seed))
				*marks = s.marks
			})
		}
		for n, line := range first {
			if n >= len(second) || second[n] != line {
				t.Errorf("MAINSTAY_SIM_SEED=%d is not the same twice; of %d and %d lines these are the first to differ:\n%s\n\n%s", seed, len(first), len(second),
					strings.Join(first[max(0, n-5):min(n+3, len(first))], "\n"), strings.Join(second[min(len(second), max(0, n-5)):min(n+3, len(second))], "\n"))
				break
			}
		}
	}
}

// TestStoriesAsText: a story that is written down is the same story.
func TestStoriesAsText(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		told := storyOf(seed)
		again, err := parseStory(told.String())
		if err != nil || again.String() != told.String() {
			t.Fatalf("seed %d: %v\n%s\n%s", seed, err, told, again)
		}
	}
	for _, bad := range []string{"", "fleet 3", "fleet 3\nclocks x", "fleet 3\nclocks 0s\n3s flood 1", "fleet 3\nclocks 0s\n3 calm 1", "fleet 3\nclocks 0s\nwhat is this"} {
		if _, err := parseStory(bad); err == nil {
			t.Errorf("%q is taken for a story", bad)
		}
	}
}

// shrinkFor bounds how long a story is made shorter: each attempt is a process of its
// own and takes some tenths of a second.
const shrinkFor = 2 * time.Minute

// shrink tells the shortest story found that fails as well.
func shrink(t *testing.T, told story) {
	t.Helper()
	fails, tried := failing(t), 0
	end := time.Now().Add(shrinkFor)
	still := func(s story) bool {
		tried++
		return time.Now().Before(end) && fails(s)
	}
	if !still(told) {
		t.Logf("seed %d fails, and its story in a process of its own does not:\n%s", told.seed, told)
		return
	}
	told = shorter(told, still)
	t.Logf("the shortest story found after %d attempts; put it into a file in testdata/seeds, and try it again with make sim STORY=FILE:\n%s", tried, told)
}

// shorter leaves out what a story fails without: ever smaller parts of its steps, control
// planes, deployments and differences of clocks.
func shorter(told story, fails func(story) bool) story {
	for size := len(told.steps) / 2; size > 0; size /= 2 {
		for from := 0; from+size <= len(told.steps); {
			without := told
			without.steps = slices.Delete(slices.Clone(told.steps), from, from+size)
			if fails(without) {
				told = without
			} else {
				from += size
			}
		}
	}
	for len(told.clocks) > 1 {
		fewer := told
		fewer.clocks = told.clocks[:len(told.clocks)-1]
		if !fails(fewer) {
			break
		}
		told = fewer
	}
	for n, ahead := range told.clocks {
		right := told
		right.clocks = slices.Clone(told.clocks)
		if right.clocks[n] = 0; ahead != 0 && fails(right) {
			told = right
		}
	}
	for told.fleet > 1 {
		fewer := told
		if fewer.fleet--; !fails(fewer) {
			break
		}
		told = fewer
	}
	return told
}

// attemptFor is far more than a story takes; one that goes on for ever has failed.
const attemptFor = 20 * time.Second

// failing says whether a story fails in a process of its own.
func failing(t *testing.T) func(story) bool {
	file := filepath.Join(t.TempDir(), "story.txt")
	return func(s story) bool {
		if err := os.WriteFile(file, []byte(s.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), attemptFor)
		defer cancel()
		again := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestKeptStories$")
		again.Env = append(os.Environ(), "MAINSTAY_SIM_STORY="+file)
		return again.Run() != nil
	}
}
