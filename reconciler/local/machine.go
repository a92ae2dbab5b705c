package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/reconciler"
)

// leftoverGrace is how long what a crash left behind gets to end by itself:
// Dolt closes its files within a second, a long query is cut off.
const leftoverGrace = 10 * time.Second

// EnrolmentToken returns the one-time token of a machine that has not been
// enrolled.
func (c *Cloud) EnrolmentToken(_ context.Context, id string) ([]byte, error) {
	if err := checkID(machinePattern, "machine", id); err != nil {
		return nil, err
	}
	token, err := os.ReadFile(filepath.Join(c.dir.machine(id), tokenFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("machine %s has no enrolment token any more: it was used, or the machine is gone; terminate the machine to get a fresh one", id)
	}
	return token, explain(err, "read the enrolment token of machine "+id)
}

// StartMachine implements reconciler.Cloud.
func (c *Cloud) StartMachine(ctx context.Context, id string) error {
	unlock, err := c.lockMachine(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	if _, dead, err := c.terminatedAt(id); err != nil || dead {
		return errors.Join(err, notIf(dead, "machine %s was terminated and cannot be started again; launch a new one", id))
	}
	if p, err := c.process(id); p != nil || err != nil {
		return err
	}
	if err := c.checkPrograms(); err != nil {
		return err
	}
	if c.everStarted(id) { // else there is nothing to tidy up, and somebody waits for a fresh machine
		if err := c.readyToStart(ctx, id); err != nil {
			return err
		}
	}
	return c.spawn(id)
}

// readyToStart removes what a crash left and writes the configuration afresh:
// programs, CA and port may have changed since the last start.
func (c *Cloud) readyToStart(ctx context.Context, id string) error {
	dir := c.dir.machine(id)
	// An agent that lost its supervisor is ended and not adopted: a database is
	// found again by the next agent, and two agents would fight over it.
	if err := c.endHolders(ctx, agentProgram, dir); err != nil {
		return err
	}
	record, err := c.record(id)
	if err != nil {
		return explain(err, "read the record of machine "+id)
	}
	port, err := c.portOf(ctx, record.Deployment, record.Ordinal)
	if err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, addressFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return explain(err, "remove the old address of machine "+id)
	}
	return explain(replaceFile(filepath.Join(dir, configFile), mustJSON(c.config(id, port))), "configure machine "+id)
}

// TerminateMachine implements reconciler.Cloud. One that is not known is gone
// already.
func (c *Cloud) TerminateMachine(ctx context.Context, id string) error {
	unlock, err := c.lockMachine(ctx, id)
	if errors.Is(err, errUnknown) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	if _, dead, err := c.terminatedAt(id); err != nil || dead {
		return err
	}
	if err := c.stopProcess(ctx, id); err != nil {
		return err
	}
	if err := c.endLeftovers(ctx, id); err != nil {
		return err
	}
	if err := c.detachAll(ctx, id); err != nil {
		return err
	}
	return c.bury(id)
}

// endLeftovers ends what a crash of the machine left running: an agent, a
// database.
func (c *Cloud) endLeftovers(ctx context.Context, id string) error {
	dirs := []string{c.dir.machine(id)}
	attached, err := c.volumesOf(id)
	if err != nil {
		return err
	}
	for _, v := range attached {
		dirs = append(dirs, c.dir.volume(v))
	}
	if err := c.endHolders(ctx, agentProgram, dirs...); err != nil {
		return err
	}
	return c.endHolders(ctx, databaseProgram, dirs...)
}

// bury leaves a tombstone, and of the rest the logs: keys are of no use to
// anyone any more.
func (c *Cloud) bury(id string) error {
	dir := c.dir.machine(id)
	stamp := []byte(c.now().UTC().Format(time.RFC3339Nano) + "\n")
	if err := replaceFile(filepath.Join(dir, tombstone), stamp); err != nil {
		return explain(err, "note the end of machine "+id)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return explain(err, "tidy up machine "+id)
	}
	keep := []string{recordFile, tombstone, logFile, agentLogs}
	for _, e := range entries {
		if slices.Contains(keep, e.Name()) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return explain(err, "tidy up machine "+id)
		}
	}
	c.log.Info("machine terminated", "machine", id)
	return nil
}

// terminatedAt reads the tombstone.
func (c *Cloud) terminatedAt(id string) (at time.Time, dead bool, err error) {
	b, err := readSmall(filepath.Join(c.dir.machine(id), tombstone))
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, explain(err, "look at machine "+id)
	}
	at, err = time.Parse(time.RFC3339Nano, strings.TrimSpace(string(b)))
	if err != nil {
		at = c.now() // a damaged tombstone is one all the same; it is kept its full time
	}
	return at, true, nil
}

// errUnknown: there is no such machine or volume.
var errUnknown = errors.New("not known to this cloud")

func (c *Cloud) lockMachine(ctx context.Context, id string) (unlock func(), err error) {
	if err := checkID(machinePattern, "machine", id); err != nil {
		return nil, err
	}
	unlock, err = lockDir(ctx, c.dir.machine(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("machine %s: %w", id, errUnknown)
	}
	return unlock, explain(err, "work on machine "+id)
}

// notIf is an error that is reconciler.ErrConflict, if it holds.
func notIf(holds bool, format string, args ...any) error {
	if !holds {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, reconciler.ErrConflict)...)
}
