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

// A record is the content of a pid file. It is written twice: before the process
// exists, with its mark alone, and after, with its pid. A starter that dies in
// between leaves the mark, by which the process is found in /proc.
type record struct {
	Mark      string            `json:"mark"`
	Boot      string            `json:"boot"`
	PID       int               `json:"pid,omitempty"`
	Ticks     uint64            `json:"start_ticks,omitempty"` // of /proc/<pid>/stat
	StartedAt time.Time         `json:"started_at"`
	Tags      map[string]string `json:"tags,omitempty"`
}

func (r record) write(path string) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode pid file: %w", err)
	}
	// Not synced: after a power cut the process is gone too, and the boot differs.
	tmp := path + ".new"
	if err := os.WriteFile(tmp, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write pid file: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("put pid file in place: %w", err)
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
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
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
