package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
)

// pids finds the processes whose command line has all the words. A zombie has no
// command line, and is none.
func pids(words ...string) []int {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var found []int
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid == os.Getpid() {
			continue
		}
		line := commandLine(pid)
		if line != "" && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			found = append(found, pid)
		}
	}
	all := slices.Clone(found)
	return slices.DeleteFunc(found, func(pid int) bool { return slices.Contains(all, parentOf(pid)) })
}

// parentOf is a process's parent; 0: it is gone. A program that starts another is
// for a moment two processes with one command line: the child is not counted.
func parentOf(pid int) int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	parent, _ := strconv.Atoi(fields[1])
	return parent
}

func commandLine(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(string(data), "\x00", " ")
}

// only is the one process with these words.
func (f *fleet) only(words ...string) int {
	f.t.Helper()
	found := pids(words...)
	if len(found) != 1 {
		f.t.Fatalf("want one process with %q, there are %v", words, found)
	}
	return found[0]
}

// kill ends a process as a crash does.
func (f *fleet) kill(pid int) {
	f.t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		f.t.Fatal(err)
	}
}

// The three processes of a machine.

func (f *fleet) database(d view.Deployment) int {
	f.t.Helper()
	return f.only("dolt sql-server", filepath.Join(f.dir, "cloud", "volumes", d.VolumeID))
}

func (f *fleet) agent(d view.Deployment) int {
	f.t.Helper()
	return f.only("mainstay-agent run", d.MachineID)
}

func (f *fleet) machine(d view.Deployment) int {
	f.t.Helper()
	return f.only("mainstay-agent machine", d.MachineID)
}

func (f *fleet) hubProcess() int {
	f.t.Helper()
	return f.only("dolt sql-server", filepath.Join(f.dir, "hub", "config.yaml"))
}
