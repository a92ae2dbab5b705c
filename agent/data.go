package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/disk"
	"github.com/mainstaydb/mainstay/agent/durable"
)

// settleLimit is how long the agent's start waits for its volume to be mounted. A
// volume that is checked for longer is told of as not attached yet.
const settleLimit = 5 * time.Second

// data has the volume's disk mounted while it is wanted. A stop gives it back, so
// that the cloud detaches it clean; the next order takes it again. On machines
// where others bring the volume to its place it does nothing.
type data struct {
	disk   *disk.Disk // nil: others bring the volume
	orders *orders
	file   string

	mu sync.Mutex // one order or stop at a time
}

// A stoppedState is stopped.json, on the machine: a volume that was given back
// stays so when the agent or the machine starts again, and its generation counts
// although it cannot be read meanwhile.
type stoppedState struct {
	Volume     string `json:"volume"`
	Generation int64  `json:"generation"`
}

func newData(config Config, o *orders, log *slog.Logger) (*data, error) {
	d := &data{orders: o, file: config.stoppedFile()}
	if config.Disk == "" {
		return d, nil
	}
	var last stoppedState
	content, err := os.ReadFile(d.file)
	if err == nil {
		err = json.Unmarshal(content, &last)
	}
	if err != nil && !notThere(err) {
		return nil, fmt.Errorf("learn which volume was given back; if %s is damaged, remove it: %w", d.file, err)
	}
	o.seen = max(o.seen, last.Generation)
	d.disk = disk.New(disk.Config{Place: config.Volume, Dir: config.dir, Find: config.FindVolume}, last.Volume, log)
	return d, nil
}

func (d *data) run(ctx context.Context) error {
	if d.disk == nil {
		return nil
	}
	return d.disk.Run(ctx)
}

// settle gives the disk a moment to be mounted.
func (d *data) settle(ctx context.Context) {
	if d.disk == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	_ = d.disk.Settle(ctx) // what is wrong is told by describe
}

// take has the volume mounted while store stores an order on it. A volume that was
// given back for good stays so when the order is refused.
func (d *data) take(ctx context.Context, store func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.disk == nil {
		return store()
	}
	if err := d.disk.Mount(ctx); err != nil {
		return fmt.Errorf("the volume is not mounted: %w", err)
	}
	_, given := os.Stat(d.file)
	if err := store(); err != nil {
		if given == nil {
			return errors.Join(err, d.disk.Unmount(ctx))
		}
		return err
	}
	if err := durable.Remove(d.file); err != nil {
		return fmt.Errorf("note that the volume is used: %w", err)
	}
	return nil
}

// giveBack unmounts the volume, unless something was ordered meanwhile. What it
// notes first holds after a crash too.
func (d *data) giveBack(ctx context.Context, generation int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.disk == nil || !d.orders.stopped(generation) {
		return nil
	}
	state := d.disk.State()
	if state.ID == "" {
		return nil
	}
	content, err := json.Marshal(stoppedState{state.ID, generation})
	if err == nil {
		err = durable.WriteFile(d.file, content, 0o600)
	}
	return errors.Join(err, d.disk.Unmount(ctx))
}

// describe puts the disk into a status. A volume that was given back is attached
// still: the control plane waits for volumes to be attached, never to be mounted.
func (d *data) describe(s *agentpb.StatusResponse, mounted bool) {
	if d.disk == nil {
		return
	}
	state := d.state()
	if !mounted {
		s.Volume = &agentpb.Volume{}
		if state.Released {
			s.Volume = &agentpb.Volume{Attached: true, Id: state.ID, SizeBytes: state.Size}
		}
	}
	if state.Problem == nil {
		lower(s, VolumeUnusable)
		return
	}
	raise(s, trouble{VolumeUnusable, state.Problem.Reason, state.Problem.Message})
}

// state is the disk's; the zero one where others bring the volume.
func (d *data) state() disk.State {
	if d.disk == nil {
		return disk.State{}
	}
	return d.disk.State()
}
