package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

const (
	// reachBound is for a hub far away; Dolt's own client tries for longer than a
	// person at a prompt waits.
	reachBound = 3 * time.Second
	// reachAgain is how long an embedded hub that refuses is asked again: one that was
	// killed is back within a second, and within this on a busy machine.
	reachAgain = 2 * time.Second
)

// reach finds out quickly whether anybody listens where the hub should be. Hubs
// that are no servers of ours are left to Dolt. One that refuses is asked again
// for as long as there is patience.
func reach(ctx context.Context, hub string, patience time.Duration) error {
	u, err := url.Parse(hub)
	if err == nil && u.Scheme == "file" {
		return reachFile(hub, u.Path)
	}
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil
	}
	port := u.Port()
	if port == "" {
		port = u.Scheme // net knows the names of both services
	}
	ctx, cancel := context.WithTimeout(ctx, reachBound)
	defer cancel()
	for began := time.Now(); ; {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
		if err == nil {
			return conn.Close()
		}
		if ctx.Err() != nil || time.Since(began) > patience {
			return fmt.Errorf("the hub %s does not answer; check its address and that it runs: %w", hub, cause(err))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// reachFile looks for a repository in a directory. Dolt itself would make one
// there when it is asked to read, and a slip in a path should leave nothing behind.
func reachFile(hub, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "manifest")); err != nil {
		return fmt.Errorf("there is no Dolt repository at %s; check the path, or make a fleet there with: mainstay init --hub %[1]s", hub)
	}
	return nil
}

// cause drops what an error of the network repeats of the address.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
