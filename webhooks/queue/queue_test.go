package queue_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mainstaydb/mainstay/webhooks"
	"github.com/mainstaydb/mainstay/webhooks/queue"
)

var fleet = webhooks.Repository{Owner: "acme", Name: "fleet"}

func item(number int, delivery string) webhooks.Item {
	return webhooks.Item{Repository: fleet, Number: number, Delivery: delivery, Received: time.Now()}
}

func open(t *testing.T, dir string, opt queue.Options) *queue.Queue {
	t.Helper()
	q, err := queue.Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	return q
}

func put(t *testing.T, q *queue.Queue, i webhooks.Item) bool {
	t.Helper()
	fresh, err := q.Put(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	return fresh
}

// runUntil runs a queue until nothing waits or as many tries as said were made.
func runUntil(t *testing.T, q *queue.Queue, tries int, work func(webhooks.Item) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	n := 0
	if err := q.Run(ctx, func(_ context.Context, i webhooks.Item) error {
		mu.Lock()
		defer mu.Unlock()
		if n++; n >= tries {
			time.AfterFunc(time.Millisecond, cancel) // virtual: after what the try leads to
		}
		return work(i)
	}); err != nil {
		t.Fatal(err)
	}
}

func TestItemsOfOnePullRequestAreOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	q := open(t, dir, queue.Options{})
	for i := range 5 {
		if !put(t, q, item(7, fmt.Sprint("d", i))) || put(t, q, item(7, fmt.Sprint("d", i))) {
			t.Fatal("a delivery is taken once")
		}
	}
	put(t, q, webhooks.Item{Repository: webhooks.Repository{Owner: "ACME", Name: "Fleet"}, Number: 7})
	put(t, q, item(0, ""))
	if w := q.Waiting(); len(w) != 2 {
		t.Errorf("%+v", w)
	}
	if _, err := queue.Open(dir, queue.Options{}); err == nil {
		t.Error("two processes have one directory")
	}
}

// TestAnewIsKept: what waits is done again whole when anybody asked for that, also after
// a crash.
func TestAnewIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	q := open(t, dir, queue.Options{})
	put(t, q, item(7, "a"))
	again := item(7, "b")
	again.Anew = true
	put(t, q, again)
	put(t, q, item(7, "c"))
	if w := q.Waiting(); len(w) != 1 || !w[0].Item.Anew {
		t.Errorf("%+v", w)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if w := open(t, dir, queue.Options{}).Waiting(); len(w) != 1 || !w[0].Item.Anew {
		t.Errorf("after a restart: %+v", w)
	}
}

func TestRetriesWithGrowingPauses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		q := open(t, dir, queue.Options{})
		put(t, q, item(7, "d"))
		var at []time.Time
		runUntil(t, q, 6, func(webhooks.Item) error {
			at = append(at, time.Now())
			switch len(at) {
			case 1:
				panic("a fault")
			case 3:
				return fmt.Errorf("limited: %w", patient(time.Hour))
			case 6:
				return nil
			}
			return errors.New("GitHub is away")
		})
		if len(at) != 6 || len(q.Waiting()) != 0 {
			t.Fatalf("tries %v, waiting %+v", at, q.Waiting())
		}
		if first, asked := at[1].Sub(at[0]), at[3].Sub(at[2]); first > 2*time.Second || asked < time.Hour || asked > 2*time.Hour {
			t.Errorf("pauses %s, %s", first, asked)
		}
	})
}

// patient is an error that asks for a pause.
type patient time.Duration

func (patient) Error() string               { return "ask later" }
func (p patient) RetryAfter() time.Duration { return time.Duration(p) }

func TestReasonIsVisible(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		q := open(t, dir, queue.Options{})
		put(t, q, item(7, "d"))
		runUntil(t, q, 1, func(webhooks.Item) error { return errors.New("GitHub is away") })
		w := q.Waiting()
		if len(w) != 1 || w[0].Tries == 0 || w[0].Err == nil || w[0].Busy {
			t.Errorf("%+v", w)
		}
	})
}

// TestOneWorkerForEach: never two at one pull request, never more than said at a time,
// and what is asked for meanwhile is done again.
func TestOneWorkerForEach(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		q := open(t, dir, queue.Options{Workers: 3})
		for n := range 20 {
			put(t, q, item(n, ""))
		}
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		busy, most, done := map[int]bool{}, 0, map[int]int{}
		var group errgroup.Group
		group.Go(func() error {
			return q.Run(ctx, func(_ context.Context, i webhooks.Item) error {
				mu.Lock()
				if busy[i.Number] {
					t.Errorf("two work on %d", i.Number)
				}
				busy[i.Number] = true
				most = max(most, len(busy))
				again := done[i.Number] == 0
				mu.Unlock()
				if again {
					put(t, q, item(i.Number, "")) // while it is worked on
				}
				time.Sleep(time.Second) // virtual
				mu.Lock()
				defer mu.Unlock()
				delete(busy, i.Number)
				done[i.Number]++
				return nil
			})
		})
		time.Sleep(time.Minute) // virtual
		cancel()
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		if most != 3 || len(done) != 20 || len(q.Waiting()) != 0 {
			t.Errorf("%d at a time, done %v, waiting %v", most, done, q.Waiting())
		}
		for n, times := range done {
			if times != 2 {
				t.Errorf("%d was done %d times", n, times)
			}
		}
	})
}

func TestDeliveriesAreBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	q := open(t, dir, queue.Options{Remember: 10})
	for i := range 95 {
		put(t, q, item(7, fmt.Sprint("d", i)))
	}
	if put(t, q, item(7, "d90")) || !put(t, q, item(7, "d1")) {
		t.Error("the newest are remembered, and the oldest are not")
	}
	info, err := os.Stat(filepath.Join(dir, "deliveries"))
	if err != nil || info.Size() > 20*4 {
		t.Errorf("%v, %v", info.Size(), err)
	}
}

// TestHalfWritten: what a power cut or a kill leaves is worked with.
func TestHalfWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	q := open(t, dir, queue.Options{})
	put(t, q, item(7, "one"))
	put(t, q, item(8, "two"))
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	appendTo(t, filepath.Join(dir, "deliveries"), "thr")
	appendTo(t, filepath.Join(dir, ".acme+fleet+9.json.123"), `{"Numb`)
	appendTo(t, filepath.Join(dir, "acme+fleet+10.json"), `{"Numb`)
	q = open(t, dir, queue.Options{})
	if w := q.Waiting(); len(w) != 2 {
		t.Errorf("%+v", w)
	}
	if put(t, q, item(7, "two")) || !put(t, q, item(7, "three")) || !put(t, q, item(10, "four")) {
		t.Error("whole ids are known, and a part of one is none")
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if q = open(t, dir, queue.Options{}); put(t, q, item(7, "three")) {
		t.Error("three was written after a part of itself")
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

const childDir = "MAINSTAY_TEST_QUEUE_CHILD"

// TestMain is the child too: it takes deliveries and works them off, and says on
// standard output what it took and what it did, until it is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
		return
	}
	os.Exit(m.Run())
}

func child(dir string) {
	q, err := queue.Open(dir, queue.Options{})
	if err != nil {
		fmt.Println("failed", err)
		return
	}
	prefix := os.Getenv(childDir + "_RUN")
	go func() {
		for i := 0; ; i++ {
			fresh, err := q.Put(context.Background(), item(i, fmt.Sprintf("%s-%d", prefix, i)))
			if err != nil || !fresh {
				fmt.Println("failed", fresh, err)
				return
			}
			fmt.Println("took", i)
		}
	}()
	_ = q.Run(context.Background(), func(_ context.Context, i webhooks.Item) error {
		fmt.Println("did", i.Number)
		return nil
	})
}

// TestKilled: a process that is killed while it takes and works off loses nothing
// that it said it took, and takes none of it again.
func TestKilled(t *testing.T) {
	t.Parallel()
	const rounds = 8
	for round := range rounds {
		dir := t.TempDir()
		took, did := killAfter(t, dir, fmt.Sprint("r", round), 5+7*round)
		q := open(t, dir, queue.Options{})
		waiting := map[int]bool{}
		for _, w := range q.Waiting() {
			waiting[w.Item.Number] = true
		}
		// What was being put when it was killed is whole or not there.
		next := len(took)
		if fresh := put(t, q, item(next, fmt.Sprintf("r%d-%d", round, next))); !fresh && !did[next] && !waiting[next] {
			t.Errorf("%d would be refused and was never worked off", next)
		}
		for n := range took {
			if !did[n] && !waiting[n] {
				t.Errorf("%d was taken, and is neither done nor waiting", n)
			}
			if put(t, q, item(n, fmt.Sprintf("r%d-%d", round, n))) {
				t.Errorf("%d is taken twice", n)
			}
		}
		left, err := filepath.Glob(filepath.Join(dir, ".*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind %v, %v", left, err)
		}
		if err := q.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
			t.Error(err)
		}
	}
}

// killAfter kills a child when it has said so many lines.
func killAfter(t *testing.T, dir, run string, lines int) (took, did map[int]bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childDir+"_RUN="+run)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	took, did = map[int]bool{}, map[int]bool{}
	scanner := bufio.NewScanner(out)
	for n := 0; scanner.Scan(); n++ {
		if n == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		var what string
		var number int
		if _, err := fmt.Sscan(scanner.Text(), &what, &number); err != nil {
			t.Fatalf("the child says %q", strings.TrimSpace(scanner.Text()))
		}
		map[string]map[int]bool{"took": took, "did": did}[what][number] = true
	}
	_ = cmd.Wait()
	return took, did
}
