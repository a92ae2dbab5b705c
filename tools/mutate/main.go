// Command mutate breaks Mainstay in listed ways, one at a time, and fails if the tests
// do not notice. It changes no file: the compiler is given the broken text in place of
// a file's own.
//
//	go run ./mutate [-only WORD]     from the directory tools
//
// A mutation whose text is not found any more is an error: the code moved on, and the
// list has to follow. The list grows with each bug that was found.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// A mutation is one way to break the program.
type mutation struct {
	name     string
	file     string
	old, new string
	// tests are what has to notice: a package, and which of its tests; empty: all.
	tests [][2]string
}

// bound is for the tests of one mutation. A broken program may wait for ever.
const bound = 4 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	only := flag.String("only", "", "try the mutations whose names have this word")
	flag.Parse()
	if err := run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string) error {
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tried, unseen := 0, []string{}
	for _, m := range mutations() {
		if !strings.Contains(m.name, only) {
			continue
		}
		tried++
		began := time.Now()
		by, err := m.noticed(ctx, root, dir)
		if err != nil {
			return err
		}
		if by == "" {
			unseen = append(unseen, m.name)
			by = "NOBODY"
		}
		fmt.Printf("mutate: %-55s noticed by %s (%.0f s)\n", m.name, by, time.Since(began).Seconds())
	}
	if len(unseen) > 0 {
		return fmt.Errorf("%d of %d mutations went unnoticed: %s", len(unseen), tried, strings.Join(unseen, "; "))
	}
	if tried == 0 {
		return errors.New("there is no such mutation")
	}
	fmt.Printf("mutate: all %d were noticed\n", tried)
	return nil
}

// noticed runs the tests against the broken program and names the package that failed.
func (m mutation) noticed(ctx context.Context, root, dir string) (string, error) {
	file := filepath.Join(root, m.file)
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if strings.Count(string(text), m.old) != 1 {
		return "", fmt.Errorf("%s: %s has the text %d times, want once: %q", m.name, m.file, strings.Count(string(text), m.old), m.old)
	}
	broken := filepath.Join(dir, "broken.go")
	if err := os.WriteFile(broken, []byte(strings.Replace(string(text), m.old, m.new, 1)), 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {file: broken}})
	if err != nil {
		return "", err
	}
	at := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(at, overlay, 0o600); err != nil {
		return "", err
	}
	for _, t := range m.tests {
		failed, err := fails(ctx, root, at, t)
		if err != nil {
			return "", fmt.Errorf("%s: %w", m.name, err)
		}
		if failed {
			return strings.TrimSuffix(t[0]+" "+t[1], " "), nil
		}
	}
	return "", nil
}

// fails says whether tests fail. A program that does not compile is a mistake in the
// list.
func fails(ctx context.Context, root, overlay string, t [2]string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	args := []string{"test", "-tags", "gms_pure_go", "-overlay", overlay, "-timeout", "3m", "-count=1"}
	if t[1] != "" {
		args = append(args, "-run", t[1])
	}
	cmd := exec.CommandContext(ctx, "go", append(args, t[0])...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return false, nil
	case !errors.As(err, &exit):
		return false, err
	case strings.Contains(string(out), "[build failed]") || strings.Contains(string(out), "no tests to run"):
		return false, fmt.Errorf("the tests could not be run: %s", out)
	}
	return true, nil
}
