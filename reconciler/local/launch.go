package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"

	"golang.org/x/sync/errgroup"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// launchesAtOnce bounds the machines of one batch that are made side by side:
// most of the time goes into waiting for the disk.
const launchesAtOnce = 32

// Launch implements reconciler.Cloud.
func (c *Cloud) Launch(ctx context.Context, batch []plan.Action) ([]plan.Machine, error) {
	if err := checkBatch(batch); err != nil {
		return nil, err
	}
	if err := c.checkPrograms(); err != nil {
		return nil, err
	}
	dir := c.dir.launch(batch[0].Token)
	unlock, err := lockNew(ctx, dir)
	if err != nil {
		return nil, explain(err, "begin a launch in "+dir)
	}
	defer unlock()
	record, err := loadLaunch(dir, batch)
	if err != nil {
		return nil, err
	}
	machines := make([]plan.Machine, len(record.Items))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(launchesAtOnce)
	for i, item := range record.Items {
		group.Go(func() error {
			var err error
			machines[i], err = c.settle(ctx, record.Token, item)
			return err
		})
	}
	return machines, group.Wait()
}

// checkBatch refuses what no planner should send: a token must mean one thing.
func checkBatch(batch []plan.Action) error {
	if len(batch) == 0 {
		return errors.New("a launch needs at least one machine")
	}
	first, seen := batch[0], make(map[int]bool)
	for _, a := range batch {
		switch {
		case a.Token == "":
			return fmt.Errorf("the launch for deployment %s has no token: nothing could tell a replay from a second machine", a.Slot.Deployment)
		case a.Token != first.Token:
			return fmt.Errorf("one launch carries two tokens, %s and %s", first.Token, a.Token)
		case !reflect.DeepEqual(a.Shape, first.Shape):
			return fmt.Errorf("the launch with token %s asks for machines of different shapes", a.Token)
		case seen[a.Index]:
			return fmt.Errorf("the launch with token %s asks for index %d twice", a.Token, a.Index)
		}
		seen[a.Index] = true
	}
	return nil
}

// loadLaunch returns what the token means: the batch, if this is its first use,
// or what it meant then.
func loadLaunch(dir string, batch []plan.Action) (launchRecord, error) {
	path := filepath.Join(dir, recordFile)
	var record launchRecord
	err := readJSON(path, &record)
	if errors.Is(err, fs.ErrNotExist) {
		record = newLaunchRecord(batch)
		err = replaceFile(path, mustJSON(record))
	}
	return record, explain(err, "note the launch in "+path)
}

// settle makes what is missing of one machine, and returns it as it is. A
// machine that was ever started is left alone: a launch starts nothing twice.
func (c *Cloud) settle(ctx context.Context, token string, item launchItem) (plan.Machine, error) {
	id := machineID(token, item.Index)
	if _, err := os.Stat(c.dir.machine(id)); errors.Is(err, fs.ErrNotExist) {
		if err := c.makeMachine(ctx, id, token, item); err != nil {
			return plan.Machine{}, err
		}
	}
	if !c.everStarted(id) {
		if err := c.StartMachine(ctx, id); err != nil {
			return plan.Machine{}, err
		}
	}
	return c.readMachine(id)
}

// makeMachine makes the machine's directory, and before it the volume: a machine
// that is there has all it was launched with.
func (c *Cloud) makeMachine(ctx context.Context, id, token string, item launchItem) error {
	if item.Volume != nil {
		if err := c.makeVolume(item, id); err != nil {
			return err
		}
	}
	port, err := c.portOf(ctx, item.Deployment, item.Ordinal)
	if err != nil {
		return err
	}
	s := newStage(c.dir.staging())
	s.file(recordFile, mustJSON(machineRecord{ID: id, Token: token, launchItem: item, SQLPort: port, LaunchedAt: c.now().UTC()}))
	s.file(configFile, mustJSON(c.config(id, port)))
	// One token for one machine; the agent removes it once it has its identity.
	s.file(tokenFile, []byte(rand.Text()+rand.Text()))
	if item.Volume != nil {
		s.link(volumeLink, volumeTarget(volumeID(item.slot())))
	}
	err = s.place(c.dir.machine(id))
	if errors.Is(err, fs.ErrExist) { // another control plane with the lock of an older directory
		return nil
	}
	if err == nil {
		c.log.Info("machine made", "machine", id, "deployment", item.Deployment, "generation", item.Generation)
	}
	return explain(err, "make machine "+id)
}

// checkPrograms finds out before anything is made that a machine could not run.
func (c *Cloud) checkPrograms() error {
	info, err := os.Stat(c.opts.AgentBinary)
	switch {
	case c.opts.AgentBinary == "" || errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the agent's program %q is not there; build it with make build, or say where mainstay-agent is", c.opts.AgentBinary)
	case err != nil:
		return explain(err, "look at the agent's program "+c.opts.AgentBinary)
	case info.IsDir() || info.Mode()&0o111 == 0:
		return fmt.Errorf("%s cannot be run; it should be the program mainstay-agent", c.opts.AgentBinary)
	case len(c.opts.FleetCA) == 0:
		return errors.New("the local cloud was opened without the fleet's CA: its machines would trust nobody")
	}
	return nil
}
