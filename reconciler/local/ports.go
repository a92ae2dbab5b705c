package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mainstaydb/mainstay/agent/tcpport"
)

// SQL ports are taken from below the range that the kernel hands out to
// connections (32768 and up): a port that is to be kept for years must not
// become some connection's for a minute. Above 15000 little is registered.
const (
	firstPort = 15000
	lastPort  = 32000
	// portTries ends a search that takes two or three steps on any computer.
	portTries = 1000
)

// portOf returns the SQL port of a place. It stays the place's while its volume
// lives, so that clients find a replaced machine where they found the first.
func (c *Cloud) portOf(ctx context.Context, deployment string, ordinal int) (int, error) {
	c.ports.Lock() // our own take turns without asking again and again
	defer c.ports.Unlock()
	unlock, err := lockDir(ctx, c.dir.ports())
	if err != nil {
		return 0, explain(err, "choose a SQL port")
	}
	defer unlock()
	path := c.portFile(deployment, ordinal)
	b, err := os.ReadFile(path)
	if err == nil {
		port, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil {
			return 0, fmt.Errorf("%s should hold a port; remove the file to have a new one chosen: %w", path, err)
		}
		c.hold(port)
		return port, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return 0, explain(err, "read the SQL port in "+path)
	}
	port, err := c.choosePort()
	if err != nil {
		return 0, err
	}
	return port, explain(replaceFile(path, []byte(strconv.Itoa(port)+"\n")), "note a SQL port in "+path)
}

// choosePort finds a port that nobody listens on and no place of this cloud has, nor one
// of a cloud beside it. At random, as that is known only while its control plane runs.
func (c *Cloud) choosePort() (int, error) {
	taken, err := c.takenPorts()
	if err != nil {
		return 0, explain(err, "list the SQL ports in "+c.dir.ports())
	}
	for range portTries {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if !taken[port] && tcpport.Free(net.JoinHostPort(loopback, strconv.Itoa(port))) == nil && c.hold(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d was found for a database; stop some of the programs that listen there", firstPort, lastPort)
}

// hold keeps the clouds of other processes from choosing a port while nobody listens on it,
// and says whether it is ours.
func (c *Cloud) hold(port int) bool {
	if c.held[port] != nil {
		return true
	}
	held, err := tcpport.Hold(port)
	if err == nil {
		c.held[port] = held
	}
	return !errors.Is(err, unix.EADDRINUSE)
}

func (c *Cloud) takenPorts() (map[int]bool, error) {
	entries, err := os.ReadDir(c.dir.ports())
	if err != nil {
		return nil, err
	}
	taken := make(map[int]bool, len(entries))
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(c.dir.ports(), e.Name()))
		if err != nil {
			return nil, err
		}
		if port, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
			taken[port] = true
		}
	}
	return taken, nil
}

// releasePort gives up the port of a place whose volume is gone. Failing costs a
// port and nothing else.
func (c *Cloud) releasePort(deployment string, ordinal int) {
	c.ports.Lock()
	defer c.ports.Unlock()
	path := c.portFile(deployment, ordinal)
	if b, err := os.ReadFile(path); err == nil {
		c.letGo(strings.TrimSpace(string(b)))
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.log.Warn("a SQL port stays taken", "deployment", deployment, "err", err)
	}
}

func (c *Cloud) letGo(port string) {
	n, _ := strconv.Atoi(port)
	if l := c.held[n]; l != nil {
		_ = l.Close()
		delete(c.held, n)
	}
}

func (c *Cloud) portFile(deployment string, ordinal int) string {
	return filepath.Join(c.dir.ports(), digest("place", deployment, strconv.Itoa(ordinal)))
}
