package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// maxTofu is the largest size OpenTofu is asked for: it needs a minute and a half
// for ten thousand resources, and more than linearly longer beyond.
const maxTofu = 10_000

// tofuTurns is how often OpenTofu plans, so that up to a thousand resources take some
// seconds. Ten thousand are planned once: no noise comes near the factor there.
func tofuTurns(size int) int {
	if size < maxTofu {
		return 3
	}
	return 1
}

func (s *suite) tofuProgram() string { return filepath.Join(s.build, "tofu", "tofu") }

// A configuration is a directory with resources that OpenTofu has applied.
type configuration struct {
	program, dir string
	size         int
}

// tofu measures OpenTofu on as many resources of its own, when make tofu has built it.
func (s *suite) tofu(ctx context.Context, p *planned) error {
	if _, err := os.Stat(s.tofuProgram()); errors.Is(err, fs.ErrNotExist) || p.Size > maxTofu {
		return nil
	}
	c := configuration{s.tofuProgram(), filepath.Join(s.dir, fmt.Sprint("tofu-", p.Size)), p.Size}
	if err := c.apply(ctx); err != nil {
		return err
	}
	var err error
	if p.Tofu, err = c.plans(ctx); err != nil {
		return err
	}
	if err := c.write(20); err != nil {
		return err
	}
	p.TofuOne, err = c.plans(ctx)
	return err
}

// apply makes the resources.
func (c configuration) apply(ctx context.Context) error {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return err
	}
	if err := c.write(10); err != nil {
		return err
	}
	if _, err := c.run(ctx, "init", "-input=false"); err != nil {
		return err
	}
	_, err := c.run(ctx, "apply", "-auto-approve", "-input=false")
	return err
}

// write writes the configuration, in which one resource has a value of its own.
func (c configuration) write(value int) error {
	text := fmt.Sprintf("resource \"terraform_data\" \"db\" {\n  count = %d\n  input = count.index == 50 ? %d : 10\n}\n", c.size, value)
	return os.WriteFile(filepath.Join(c.dir, "main.tf"), []byte(text), 0o644)
}

func (c configuration) plans(ctx context.Context) (times, error) {
	var took times
	for range tofuTurns(c.size) {
		t, err := c.run(ctx, "plan", "-input=false")
		if err != nil {
			return nil, err
		}
		took = append(took, t)
	}
	return took, nil
}

func (c configuration) run(ctx context.Context, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, c.program, args...)
	cmd.Dir = c.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir, "CHECKPOINT_DISABLE=1"} // no settings of the user's, and nobody asked for newer versions
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("tofu %s: %w\n%s", joined(args), err, out)
	}
	return time.Since(start), nil
}
