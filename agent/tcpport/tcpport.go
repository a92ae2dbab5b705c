// Package tcpport tells whether a TCP port of this computer is free, and holds one for
// whoever will listen there later.
//
// It promises that looking takes a port from nobody, and that of those who ask here, in
// whatever process, one has a port. It does not keep out who does not ask.
package tcpport

import (
	"fmt"
	"io"
	"net"
	"syscall"
)

// Free fails when somebody listens at the address, with what the system says of it. No
// program is started meanwhile: it would have the port until it has become another one.
func Free(address string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return l.Close()
}

// Hold has a port until it is closed or the process ends, or fails with
// syscall.EADDRINUSE when another has it. What is held is a name of the abstract
// namespace, which leaves no file.
func Hold(port int) (io.Closer, error) {
	return net.Listen("unix", fmt.Sprintf("@mainstay-port-%d", port))
}
