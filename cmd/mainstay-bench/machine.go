package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// A machine is what the figures were measured on and with.
type machine struct {
	CPU     string `json:"cpu"`
	Cores   int    `json:"cores"`
	Memory  uint64 `json:"memory"` // bytes
	Kernel  string `json:"kernel"`
	Go      string `json:"go"`
	Dolt    string `json:"dolt"`
	Tofu    string `json:"tofu,omitempty"` // empty: it is not there
	Program string `json:"program"`        // what mainstay version says
	Command string `json:"command"`
}

// describe looks at the machine and asks the programs for their versions.
func (s *suite) describe(ctx context.Context) machine {
	m := machine{CPU: cpuModel(), Cores: runtime.NumCPU(), Go: runtime.Version(), Command: joined(append([]string{"mainstay-bench"}, os.Args[1:]...))}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		// What follows the version is a builder's own.
		m.Kernel, _, _ = strings.Cut(unix.ByteSliceToString(name.Release[:]), "-")
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.Memory = info.Totalram * uint64(info.Unit)
	}
	m.Dolt = s.version(ctx, s.dolt(), "version")
	m.Tofu = s.version(ctx, s.tofuProgram(), "version")
	m.Program = s.version(ctx, s.mainstay(), "version")
	return m
}

// version is the first line that a program says about itself; empty: it is not there.
func (s *suite) version(ctx context.Context, program, arg string) string {
	cmd := exec.CommandContext(ctx, program, arg)
	cmd.Env = []string{"HOME=" + s.dir, "DOLT_ROOT_PATH=" + s.dir, "CHECKPOINT_DISABLE=1"}
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

func cpuModel() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func (m machine) write(w io.Writer) {
	fmt.Fprintf(w, "Measured on %d cores of %s with %.0f GB, Linux %s, by `%s`: %s, %s, %s",
		m.Cores, m.CPU, float64(m.Memory)/1e9, m.Kernel, m.Command, m.Program, m.Go, m.Dolt)
	if m.Tofu != "" {
		fmt.Fprintf(w, ", %s", m.Tofu)
	}
	fmt.Fprint(w, ".\n\n")
}
