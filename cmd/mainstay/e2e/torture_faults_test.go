package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
)

// A kind is something that is done to a deployment.
type kind struct {
	name  string
	does  func(w *writer, d view.Deployment)
	kills bool
	disk  bool // only to one on a small disk
}

func (s *suffering) allKinds() []kind {
	return slices.Concat(s.kills(), s.pauses(), s.changes(), s.strangers(), s.diskKinds())
}

func (s *suffering) kills() []kind {
	return []kind{
		{name: "database killed", kills: true, does: func(_ *writer, d view.Deployment) { s.strike(syscall.SIGKILL, "dolt sql-server", d.VolumeID) }},
		{name: "agent killed", kills: true, does: func(_ *writer, d view.Deployment) { s.strike(syscall.SIGKILL, "mainstay-agent run", d.MachineID) }},
		{name: "machine killed", kills: true, does: func(_ *writer, d view.Deployment) { s.killMachine(d) }},
		{name: "hub killed", kills: true, does: func(*writer, view.Deployment) { s.kill(s.hubProcess()) }},
		{name: "control plane killed", kills: true, does: func(*writer, view.Deployment) { s.killControlPlane() }},
		{name: "changed and the control plane killed", kills: true, does: func(w *writer, _ view.Deployment) {
			s.changeType(w)
			time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond) // some moment of the move
			s.killControlPlane()
		}},
	}
}

func (s *suffering) pauses() []kind {
	return []kind{
		{name: "database stopped", does: func(_ *writer, d view.Deployment) { s.standStill("dolt sql-server", d.VolumeID) }},
		{name: "agent stopped", does: func(_ *writer, d view.Deployment) { s.standStill("mainstay-agent run", d.MachineID) }},
	}
}

func (s *suffering) changes() []kind {
	return []kind{
		{name: "another instance type", does: func(w *writer, _ view.Deployment) { s.changeType(w) }},
		{name: "switched off and on", does: func(w *writer, _ view.Deployment) {
			s.change(w.name, "running = 0")
			s.wait("it is off", named(w.name, func(d view.Deployment) bool { return d.Phase == "stopped" }))
			s.change(w.name, "running = 1")
		}},
	}
}

func (s *suffering) strangers() []kind {
	return []kind{
		{name: "database killed and its port taken", kills: true, does: func(w *writer, d view.Deployment) {
			s.takePort(w, d, func() { s.strike(syscall.SIGKILL, "dolt sql-server", d.VolumeID) })
		}},
		{name: "machine killed and its port taken", kills: true, does: func(w *writer, d view.Deployment) {
			s.takePort(w, d, func() { s.killMachine(d) })
		}},
	}
}

// fault does something to one deployment, and waits until it serves and is written to
// again.
func (s *suffering) fault() {
	k := s.next()
	var victims []*writer
	for _, w := range s.writers {
		if !k.disk || s.disks[w.name] != nil {
			victims = append(victims, w)
		}
	}
	w := victims[rand.IntN(len(victims))]
	var d view.Deployment // its address is not known yet to a control plane that has just begun
	s.wait(w.name+" has an address", named(w.name, func(now view.Deployment) bool {
		d = now
		return d.Ready && d.Port != 0
	}))
	began := time.Now()
	k.does(w, d)
	written := w.acknowledged.Load()
	s.until(fmt.Sprintf("%s is written to again after: %s", w.name, k.name), func() bool { return w.acknowledged.Load() > written+2 })
	s.converged()
	s.healed[k.name] = append(s.healed[k.name], time.Since(began))
}

// next is a kind by chance. None comes again before all have come, so that a short
// torture has as many kinds as there is time for.
func (s *suffering) next() kind {
	if len(s.ahead) == 0 {
		s.ahead = slices.Clone(s.kinds)
		rand.Shuffle(len(s.ahead), func(i, j int) { s.ahead[i], s.ahead[j] = s.ahead[j], s.ahead[i] })
	}
	k := s.ahead[0]
	s.ahead = s.ahead[1:]
	return k
}

func (s *suffering) change(name, set string) {
	s.sql(fmt.Sprintf("UPDATE deployments SET %s WHERE name = '%s'", set, name))
}

func (s *suffering) changeType(w *writer) {
	s.change(w.name, "instance_type = IF(instance_type = 't3.small', 't3.large', 't3.small')")
}

// strike sends a signal to the processes with some words; there may be none just now.
func (s *suffering) strike(signal syscall.Signal, words ...string) {
	for _, pid := range pids(words...) {
		_ = syscall.Kill(pid, signal)
	}
}

func (s *suffering) killMachine(d view.Deployment) {
	s.strike(syscall.SIGKILL, "mainstay-agent machine", d.MachineID)
	s.strike(syscall.SIGKILL, "mainstay-agent run", d.MachineID)
	s.strike(syscall.SIGKILL, "dolt sql-server", d.VolumeID)
}

func (s *suffering) killControlPlane() {
	_ = s.signal(syscall.SIGKILL)
	s.start()
}

// standStill has processes stand still for longer than health checks wait.
func (s *suffering) standStill(words ...string) {
	found := pids(words...)
	for _, pid := range found {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
	time.Sleep(4 * time.Second)
	for _, pid := range found {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

// takePort listens on a database's port once it was brought down, and gives the port
// back when status has told of it.
func (s *suffering) takePort(w *writer, d view.Deployment, bringDown func()) {
	var stranger net.Listener
	s.until("somebody else has the port of "+w.name, func() bool {
		bringDown()
		stranger = listenSoon(net.JoinHostPort(d.Host, strconv.Itoa(d.Port)))
		return stranger != nil
	})
	defer stranger.Close()
	s.wait("status says that somebody else has the port", named(w.name, func(d view.Deployment) bool {
		return says(d, "another program listens on")
	}))
}

// listenSoon listens on an address that is about to be free; nil: whoever comes next
// was quicker. A second is for a process that is slow to die on a busy machine: each
// that is killed again makes the agent wait longer before the next.
func listenSoon(address string) net.Listener {
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if l, err := net.Listen("tcp", address); err == nil {
			return l
		}
	}
	return nil
}
