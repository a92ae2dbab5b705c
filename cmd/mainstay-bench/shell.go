package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// script starts one bare server and waits for its port: what somebody writes who
// has fifty servers to start and no Mainstay. It asks no client for SELECT 1: to
// start one costs as much as a server and would flatter the comparison.
const script = `set -eu
dir=$1 port=$2
export DOLT_ROOT_PATH="$dir" HOME="$dir" # servers that share these disturb each other
cd "$dir"
"$DOLT" sql-server --config config.yaml >log 2>&1 &
echo $! >pid
until (: </dev/tcp/127.0.0.1/$port) 2>/dev/null; do sleep 0.01; done
`

// shellLoop runs the script for each server of a fleet, two at a time, and returns
// how long that took. The servers are stopped afterwards.
func (s *suite) shellLoop(ctx context.Context) (time.Duration, error) {
	root, err := os.MkdirTemp(s.dir, "shell-")
	if err != nil {
		return 0, err
	}
	var list bytes.Buffer
	for i := range s.fleet {
		dir, port := filepath.Join(root, strconv.Itoa(i)), 14000+i
		if err := layBare(dir, port); err != nil {
			return 0, err
		}
		fmt.Fprintf(&list, "%s %d\n", dir, port)
	}
	file := filepath.Join(root, "start.sh")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return 0, err
	}
	defer stopBare(root)
	cmd := exec.CommandContext(ctx, "xargs", "-P", "2", "-n", "2", "bash", file)
	cmd.Stdin = &list
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "DOLT_DISABLE_EVENT_FLUSH=1",
		"DOLT_ROOT_HOST=%", "DOLT_ROOT_PASSWORD=bench", "DOLT=" + s.dolt()}
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("the shell's loop: %w\n%s", err, out)
	}
	return time.Since(start), nil
}

// stopBare ends the servers whose pids the script wrote, and waits until they are
// gone: their last work must not fall into what is measured next.
func stopBare(root string) {
	files, _ := filepath.Glob(filepath.Join(root, "*", "pid"))
	var pids []int
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil && syscall.Kill(pid, syscall.SIGTERM) == nil {
			pids = append(pids, pid)
		}
	}
	for _, pid := range pids {
		for deadline := time.Now().Add(patience); syscall.Kill(pid, 0) == nil && time.Now().Before(deadline); {
			time.Sleep(every)
		}
	}
}
