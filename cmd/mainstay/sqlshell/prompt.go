package sqlshell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"golang.org/x/term"
)

// Prompt reads statements, each ended by a semicolon at a line's end, and prints
// what they give, until the input ends or says exit.
func (s *Session) Prompt(ctx context.Context, name string, in io.Reader, out io.Writer) error {
	lines, restore, err := lineReader(name, in, out)
	if err != nil {
		return err
	}
	defer restore()
	var statement strings.Builder
	for {
		line, err := lines.next(statement.Len() > 0)
		if errors.Is(err, io.EOF) {
			return s.print(ctx, statement.String(), lines.out)
		}
		if err != nil {
			return fmt.Errorf("read statements: %w", err)
		}
		trimmed := strings.TrimSpace(line)
		if statement.Len() == 0 && (trimmed == "exit" || trimmed == "quit" || trimmed == `\q`) {
			return nil
		}
		statement.WriteString(line + "\n")
		if !strings.HasSuffix(trimmed, ";") {
			continue
		}
		// At a prompt a wrong statement is not the end; in a script it is.
		if err := s.print(ctx, statement.String(), lines.out); err != nil && !lines.interactive {
			return err
		} else if err != nil {
			fmt.Fprintln(lines.out, render.Visible(err.Error()))
		}
		statement.Reset()
	}
}

func (s *Session) print(ctx context.Context, statements string, out io.Writer) error {
	if strings.TrimSpace(statements) == "" {
		return nil
	}
	results, err := s.Run(ctx, statements)
	if e := Print(out, results); err == nil {
		err = e
	}
	return err
}

// Print writes results for people.
func Print(out io.Writer, results []Result) error {
	for _, r := range results {
		var err error
		if len(r.Columns) == 0 {
			_, err = fmt.Fprintln(out, "done")
		} else {
			err = render.Grid(out, r.Columns, r.Rows)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lines gives what is typed or piped in, line by line.
type lines struct {
	next        func(more bool) (string, error)
	out         io.Writer
	interactive bool
}

// lineReader edits lines and remembers them on a terminal, and just reads
// elsewhere. restore gives the terminal back.
func lineReader(name string, in io.Reader, out io.Writer) (lines, func(), error) {
	file, ok := in.(*os.File)
	if !ok || !render.IsTerminal(in) || !render.IsTerminal(out) {
		return plainLines(in, out), func() {}, nil
	}
	state, err := term.MakeRaw(int(file.Fd()))
	if err != nil {
		return lines{}, nil, fmt.Errorf("prepare the terminal: %w", err)
	}
	first := name + "> "
	more := strings.Repeat(" ", max(0, len(first)-3)) + "-> "
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, out}, first)
	next := func(within bool) (string, error) {
		t.SetPrompt(first)
		if within {
			t.SetPrompt(more)
		}
		return t.ReadLine()
	}
	return lines{next: next, out: t, interactive: true}, func() { _ = term.Restore(int(file.Fd()), state) }, nil
}

func plainLines(in io.Reader, out io.Writer) lines {
	r := bufio.NewReader(in)
	return lines{out: out, next: func(bool) (string, error) {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) && line != "" {
			err = nil // a last line without its end; the end comes next
		}
		return strings.TrimSuffix(line, "\n"), err
	}}
}
