package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

func parseLevel(s string) (slog.Level, error) {
	switch strings.ToLower(s) {
	case "debug":
		return slog.LevelDebug, nil
	case "info", "":
		return slog.LevelInfo, nil
	case "warn", "warning":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, usagef("%q is no log level; choose debug, info, warn or error", s)
}

// openLog writes to a file: the terminal is for what people are told.
func openLog(path string, level slog.Level) (*slog.Logger, io.Closer, error) {
	if err := rotate(path); err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot write the log %s: %w", path, err)
	}
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: level})), f, nil
}

// mostLog is when a log is put aside at a start: more than a person reads, and
// less than a disk feels.
const mostLog = 16 << 20

func rotate(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() < mostLog {
		return nil
	}
	if err := os.Rename(path, path+".old"); err != nil {
		return fmt.Errorf("cannot put the full log %s aside: %w", path, err)
	}
	return nil
}
