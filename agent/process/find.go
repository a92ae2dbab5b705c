package process

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Find returns the running process that the pid file names, or ErrNotRunning.
func Find(pidfile string) (*Process, error) {
	rec, err := readRecord(pidfile)
	if err != nil {
		return nil, err
	}
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	if rec.Boot != boot {
		return nil, ErrNotRunning
	}
	if rec.PID == 0 {
		return findMarked(rec, pidfile)
	}
	h, err := openHandle(rec.PID)
	if err != nil {
		return nil, err
	}
	// The handle is open: if the start time is right now, the handle is the one.
	if ticks, err := startTicks(rec.PID); err != nil || ticks != rec.Ticks || h.over() {
		_ = h.file.Close()
		return nil, ErrNotRunning
	}
	return &Process{record: rec, file: pidfile, handle: h}, nil
}

// findMarked looks for a process whose starter died between starting it and
// noting its pid, and notes it.
func findMarked(rec record, pidfile string) (*Process, error) {
	want := []byte(markVariable + "=" + rec.Mark)
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil, err
	}
	for _, path := range environs {
		// Unreadable: another user's, or gone; neither is ours.
		data, err := os.ReadFile(path)
		if err != nil || !slices.ContainsFunc(bytes.Split(data, []byte{0}), func(v []byte) bool { return bytes.Equal(v, want) }) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		// A child of the marked process would carry the mark too: the one that
		// leads its session is the one that was started.
		if sid, err := sessionOf(pid); err != nil || sid != pid {
			continue
		}
		if rec.Ticks, err = startTicks(pid); err != nil {
			continue
		}
		rec.PID = pid
		if err := rec.add(pidfile); err != nil {
			return nil, err
		}
		return Find(pidfile)
	}
	return nil, ErrNotRunning
}
