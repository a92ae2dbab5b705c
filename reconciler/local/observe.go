package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// Observe implements reconciler.Cloud.
func (c *Cloud) Observe(context.Context) plan.Inventory {
	var inv plan.Inventory
	inv.Machines, inv.Gaps.Machines = listing(c.dir.machines(), machinePattern, c.readMachine)
	inv.Volumes, inv.Gaps.Volumes = listing(c.dir.volumes(), volumePattern, c.readVolume)
	return inv
}

// listing reads everything in a directory. What cannot be read is a gap and not
// an absence; what goes away meanwhile is an absence.
func listing[T any](dir string, pattern *regexp.Regexp, read func(id string) (T, error)) (items []T, gap string) {
	ids, err := listIDs(dir, pattern)
	if err != nil {
		return nil, err.Error()
	}
	items = make([]T, 0, len(ids))
	var failed []string
	for _, id := range ids {
		item, err := read(id)
		switch {
		case err == nil:
			items = append(items, item)
		case gone(filepath.Join(dir, id)):
		default:
			failed = append(failed, explain(err, "read "+filepath.Join(dir, id)).Error())
		}
	}
	return items, summary(failed)
}

// summary names a few failures and counts the rest: a gap is read by people.
func summary(failed []string) string {
	const few = 3
	if more := len(failed) - few; more > 0 {
		failed = append(failed[:few:few], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(failed, "; ")
}

// listIDs lists the ids in a directory. Other names are not ours.
func listIDs(dir string, pattern *regexp.Regexp) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, explain(err, "list "+dir)
	}
	ids := make([]string, 0, len(entries))
	for _, e := range entries {
		if pattern.MatchString(e.Name()) {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

func gone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func (c *Cloud) readMachine(id string) (plan.Machine, error) {
	record, err := c.record(id)
	if err != nil {
		return plan.Machine{}, err
	}
	m := plan.Machine{
		ID: id, Token: record.Token, Index: record.Index, Zone: record.Zone, InstanceType: record.InstanceType, Host: loopback,
	}
	if c.isDead(id) {
		m.State = plan.MachineTerminated
		return m, nil
	}
	p, err := c.process(id)
	if err != nil {
		return plan.Machine{}, err
	}
	if p != nil {
		m.State = plan.MachineRunning
		m.AgentAddress, err = c.agentAddress(id)
		return m, err
	}
	m.State = plan.MachineStopped
	if _, dead, err := c.terminatedAt(id); err != nil {
		return plan.Machine{}, err
	} else if dead {
		m.State = plan.MachineTerminated
		c.mu.Lock()
		c.dead[id] = true
		c.mu.Unlock()
	}
	return m, nil
}

// isDead tells of machines that were seen terminated. They stay it for ever, and
// those of the last days are many more than those that live.
func (c *Cloud) isDead(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead[id]
}

// record returns what a machine was launched as.
func (c *Cloud) record(id string) (machineRecord, error) {
	c.mu.Lock()
	record, ok := c.known[id]
	c.mu.Unlock()
	if ok {
		return record, nil
	}
	if err := readJSON(filepath.Join(c.dir.machine(id), recordFile), &record); err != nil {
		return machineRecord{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[id] = record
	return record, nil
}

func (c *Cloud) agentAddress(id string) (string, error) {
	b, err := readSmall(filepath.Join(c.dir.machine(id), addressFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(b)), err
}

func (c *Cloud) readVolume(id string) (plan.Volume, error) {
	var record volumeRecord
	if err := readJSON(filepath.Join(c.dir.volume(id), volumeFile), &record); err != nil {
		return plan.Volume{}, err
	}
	to, err := c.attachedTo(id)
	return plan.Volume{ID: id, Deployment: record.Deployment, Ordinal: record.Ordinal, GB: record.SizeGB, AttachedTo: to}, err
}
