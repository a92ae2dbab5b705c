package local

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mainstaydb/mainstay/reconciler"
)

// Run watches the machines until ctx ends, so that whoever reads Changed need
// not poll, and forgets what ended long ago.
func (c *Cloud) Run(ctx context.Context) error {
	var group sync.WaitGroup
	group.Go(func() { c.prunes(ctx) })
	group.Go(func() {
		if err := c.watch(ctx); ctx.Err() == nil {
			c.log.Warn("machines cannot be watched, they are looked at every second instead; raise fs.inotify.max_user_instances and max_user_watches", "err", err)
			c.tick(ctx)
		}
	})
	group.Wait()
	return nil
}

// watch ends with ctx, or when the kernel refuses.
func (c *Cloud) watch(ctx context.Context) error {
	w, err := newWatcher(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer w.waits.Wait()
	defer cancel()
	c.setAgain(w.wake)
	defer c.setAgain(nil)
	return w.run(ctx)
}

func (c *Cloud) setAgain(wake func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.again = wake
}

// lookAgain has the watcher look as after an event of the kernel's.
func (c *Cloud) lookAgain() {
	c.mu.Lock()
	again := c.again
	c.mu.Unlock()
	if again != nil {
		again()
	}
}

// wake ends the wait for events by a deadline that is over.
func (w *watcher) wake() { _ = w.inotify.SetReadDeadline(time.Unix(1, 0)) }

// tick stands in for watching. A second is what people notice, and a look costs
// a thousandth of it.
func (c *Cloud) tick(ctx context.Context) {
	for reconciler.Pause(ctx, time.Second) == nil {
		c.notify()
	}
}

func (c *Cloud) prunes(ctx context.Context) {
	for ctx.Err() == nil {
		if err := c.prune(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn("tidying up failed; it is tried again in an hour", "err", err)
		}
		_ = reconciler.Pause(ctx, pruneEvery)
	}
}

// A watcher turns two kinds of kernel events into Changed: files of machines
// that come and go (inotify) and processes that end (pidfd).
type watcher struct {
	cloud   *Cloud
	inotify *os.File
	waits   sync.WaitGroup

	mu      sync.Mutex
	waiting map[string]int // machine id to the pid whose end is waited for
}

// fileEvents are what an atomic write, a link and a removal look like.
const fileEvents = unix.IN_MOVED_TO | unix.IN_CREATE | unix.IN_DELETE | unix.IN_ONLYDIR

func newWatcher(c *Cloud) (*watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", c.dir, err)
	}
	return &watcher{cloud: c, inotify: os.NewFile(uintptr(fd), "inotify"), waiting: make(map[string]int)}, nil
}

func (w *watcher) run(ctx context.Context) error {
	defer w.inotify.Close()
	stop := context.AfterFunc(ctx, w.wake)
	defer stop()
	buffer := make([]byte, 64<<10) // some thousand events; a full queue is told as an event of its own
	for {
		// First the watches, then the word: whoever looks now sees all that happened
		// before, and hears of all that happens after.
		if err := w.sync(ctx); err != nil {
			return err
		}
		w.cloud.notify()
		if err := w.next(ctx, buffer); err != nil {
			return err
		}
	}
}

// next waits for an event that is a reason to look.
func (w *watcher) next(ctx context.Context, buffer []byte) error {
	for {
		n, err := w.inotify.Read(buffer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			_ = w.inotify.SetReadDeadline(time.Time{})
			return ctx.Err() // asked after the deadline is off: an end that comes later sets it again
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("watching %s: %w", w.cloud.dir, err)
		}
		if slices.ContainsFunc(eventNames(buffer[:n]), telling) {
			return nil
		}
	}
}

// telling says whether a name's coming or going can change what Observe returns:
// a machine, a volume, or one of a few files of theirs. Agents write others.
func telling(name string) bool {
	switch name {
	case addressFile, volumeLink, tombstone, pidFile, attachFile, volumeFile, overflow:
		return true
	}
	return machinePattern.MatchString(name) || volumePattern.MatchString(name)
}

// overflow stands for the names of events that the kernel had no room for.
const overflow = ""

// eventNames reads the names out of a buffer of struct inotify_event.
func eventNames(b []byte) []string {
	var names []string
	for len(b) >= unix.SizeofInotifyEvent {
		end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(b[12:16]))
		name := b[unix.SizeofInotifyEvent:min(end, len(b))]
		names = append(names, string(bytes.TrimRight(name, "\x00")))
		b = b[min(end, len(b)):]
	}
	return names
}

// sync watches what there is now. Adding a watch that is there changes nothing,
// and the watch of a directory that is gone is gone.
func (w *watcher) sync(ctx context.Context) error {
	dir := w.cloud.dir
	for _, path := range []string{dir.machines(), dir.volumes()} {
		if err := w.add(path); err != nil {
			return err
		}
	}
	ids, err := listIDs(dir.machines(), machinePattern)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := w.add(dir.machine(id)); err != nil && !gone(dir.machine(id)) {
			return err
		}
		w.await(ctx, id)
	}
	return nil
}

func (w *watcher) add(path string) error {
	var err error
	conn, cerr := w.inotify.SyscallConn()
	if cerr == nil {
		cerr = conn.Control(func(fd uintptr) { _, err = unix.InotifyAddWatch(int(fd), path, fileEvents) })
	}
	if err := errors.Join(cerr, err); err != nil {
		return fmt.Errorf("watch %s: %w", path, err) // not explain: ENOSPC means watches here, not the disk
	}
	return nil
}

// await tells of the end of a machine's process, once for each process.
func (w *watcher) await(ctx context.Context, id string) {
	p, err := w.cloud.process(id)
	if p == nil || err != nil { // Observe tells of the error
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting[id] == p.PID() {
		return
	}
	w.waiting[id] = p.PID()
	w.waits.Go(func() {
		err := p.Wait(ctx)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.waiting[id] == p.PID() {
			delete(w.waiting, id)
		}
		if err == nil {
			w.cloud.notify()
		}
	})
}
