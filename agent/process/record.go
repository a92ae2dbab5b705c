package process

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// A record is a line of a pid file; the last line counts. There are two: one from
// before the process exists, with its mark alone, and one from after, with its pid.
// A starter that dies in between leaves the mark, by which the process is found in
// /proc. The second line is appended, because making a file costs more than all
// the rest of starting a small program.
type record struct {
	Mark      string            `json:"mark"`
	Boot      string            `json:"boot"`
	PID       int               `json:"pid,omitempty"`
	Ticks     uint64            `json:"start_ticks,omitempty"` // of /proc/<pid>/stat
	StartedAt time.Time         `json:"started_at"`
	Tags      map[string]string `json:"tags,omitempty"`
}

// begin makes the record the only one in the file. Whoever reads an empty file in
// the middle of that learns the truth: the former process has ended, and this one
// has not begun.
func (r record) begin(path string) error { return r.write(path, os.O_TRUNC) }

// add puts the record after those that are there.
func (r record) add(path string) error { return r.write(path, os.O_APPEND) }

// write is not synced: after a power cut the process is gone too, and the boot
// differs.
func (r record) write(path string, how int) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode pid file: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|how, 0o600)
	if err != nil {
		return fmt.Errorf("write pid file: %w", err)
	}
	_, err = f.Write(append(line, '\n')) // one call, so that no reader sees a part
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write pid file: %w", err)
	}
	return nil
}

func readRecord(path string) (record, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, ErrNotRunning
	}
	if err != nil {
		return record{}, fmt.Errorf("read pid file: %w", err)
	}
	end := bytes.LastIndexByte(data, '\n')
	if end < 0 {
		return record{}, ErrNotRunning
	}
	line := data[bytes.LastIndexByte(data[:end], '\n')+1 : end]
	var r record
	if err := json.Unmarshal(line, &r); err != nil {
		return record{}, fmt.Errorf("pid file %s is damaged, remove it after stopping the process it named: %w", path, err)
	}
	return r, nil
}

// bootID names this boot of the machine: pids and start times repeat after a
// reboot, this does not.
func bootID() (string, error) {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("learn which boot this is: %w", err)
	}
	return string(bytes.TrimSpace(data)), nil
}

// startTicks is a process's start time in clock ticks since boot: field 22 of its
// stat. The name in field 2 may hold spaces and brackets, so counting begins
// behind the last one.
func startTicks(pid int) (uint64, error) {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, err
	}
	_, rest, ok := bytes.Cut(data, []byte(") "))
	for ok && bytes.Contains(rest, []byte(") ")) {
		_, rest, ok = bytes.Cut(rest, []byte(") "))
	}
	fields := bytes.Fields(rest)
	const startTime = 22 - 3 // rest begins with field 3
	if len(fields) <= startTime {
		return 0, fmt.Errorf("stat of process %d is too short", pid)
	}
	return strconv.ParseUint(string(fields[startTime]), 10, 64)
}
