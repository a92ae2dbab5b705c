package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"strconv"

	"github.com/mainstaydb/mainstay/agent/tcpport"
)

// ports are the hub's two. They are kept, as clones and people remember them.
type ports struct {
	SQL    int `json:"sql"`
	Remote int `json:"remote"`
}

// settlePorts reads the kept ports, puts those asked for in their place, fills
// what is open with free ones, and keeps the outcome.
func settlePorts(file string, sql, remote int) (ports, error) {
	kept, err := readPorts(file)
	if err != nil {
		return ports{}, err
	}
	p := kept
	if sql != 0 {
		p.SQL = sql
	}
	if remote != 0 {
		p.Remote = remote
	}
	for p.SQL == 0 || p.SQL == p.Remote && sql == 0 {
		p.SQL = anyPort("127.0.0.1")
	}
	for p.Remote == 0 || p.SQL == p.Remote && remote == 0 {
		p.Remote = anyPort("")
	}
	if p.SQL == p.Remote {
		return ports{}, fmt.Errorf("the hub needs two different ports, and both are %d; change --hub-port or --hub-remote-port", p.SQL)
	}
	if p == kept {
		return p, nil
	}
	data, err := json.Marshal(p)
	if err == nil {
		err = os.WriteFile(file, data, 0o600)
	}
	if err != nil {
		return ports{}, fmt.Errorf("cannot keep the hub's ports: %w", err)
	}
	return p, nil
}

func readPorts(file string) (ports, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return ports{}, nil
	}
	if err != nil {
		return ports{}, fmt.Errorf("cannot read the hub's ports: %w", err)
	}
	var p ports
	if err := json.Unmarshal(data, &p); err != nil {
		return ports{}, fmt.Errorf("%s is damaged; remove it and give the ports with --hub-port and --hub-remote-port: %w", file, err)
	}
	return p, nil
}

// free fails when somebody else listens on one of the ports.
func (p ports) free() error {
	// remotesapi listens on every interface, so there it must be free too.
	for _, want := range []struct {
		host string
		port int
		flag string
	}{{"127.0.0.1", p.SQL, "--hub-port"}, {"", p.Remote, "--hub-remote-port"}} {
		if err := tcpport.Free(net.JoinHostPort(want.host, strconv.Itoa(want.port))); err != nil {
			return fmt.Errorf("the hub cannot listen on port %d: another program has it; end that one or choose another port with %s: %w", want.port, want.flag, errors.Unwrap(err))
		}
	}
	return nil
}

// The range lies below the ports that Linux gives to outgoing connections, which
// could otherwise take the hub's port while it is stopped.
const (
	lowestPort  = 20000
	highestPort = 32000
)

// anyPort gives a port that is free now. It starts anywhere in the range, so that
// two fleets started at the same moment do not choose the same.
func anyPort(host string) int {
	for {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if tcpport.Free(net.JoinHostPort(host, strconv.Itoa(port))) == nil {
			return port
		}
	}
}
