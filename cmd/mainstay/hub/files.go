package hub

import (
	"context"
	"log/slog"
	"time"

	"github.com/fsnotify/fsnotify"
)

// A fileWatch notices that files in a directory are written.
type fileWatch struct {
	dir     string
	log     *slog.Logger
	watcher *fsnotify.Watcher // nil: the kernel refused
	watched bool
}

func newFileWatch(dir string, log *slog.Logger) *fileWatch {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("the hub's files cannot be watched, it is asked every second instead; raise fs.inotify.max_user_instances", "err", err)
	}
	return &fileWatch{dir: dir, log: log, watcher: w}
}

func (f *fileWatch) close() {
	if f.watcher != nil {
		f.watcher.Close()
	}
}

// wait returns soon after a file was written, or after patience; false: ctx ended.
func (f *fileWatch) wait(ctx context.Context, patience time.Duration) bool {
	written := f.events()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-late.C:
		return true
	case <-written:
	}
	return f.settle(ctx)
}

// events is nil, which never receives, while the directory is not there yet.
func (f *fileWatch) events() <-chan fsnotify.Event {
	if f.watcher == nil {
		return nil
	}
	if !f.watched {
		f.watched = f.watcher.Add(f.dir) == nil
	}
	return f.watcher.Events
}

// settle lets what is being written be written.
func (f *fileWatch) settle(ctx context.Context) bool {
	over := time.NewTimer(settleFor)
	defer over.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-f.watcher.Events:
		case <-over.C:
			return true
		}
	}
}
