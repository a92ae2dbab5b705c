package disk

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/agent/durable"
)

// Label is the file system's: it says that Mainstay made it.
const Label = "mainstay-data"

const (
	// makeLimit is for mkfs: on the largest volume it takes seconds, as most of the
	// file system is made while it is used.
	makeLimit = 10 * time.Minute
	// checkLimit is for a check that has to read everything. Nearly always it only
	// replays the journal, which takes a moment.
	checkLimit = 4 * time.Hour
)

// prepare has a file system on the device that is fit to be mounted.
func (d *Disk) prepare(ctx context.Context, device *Device) error {
	what, err := d.probe(ctx, device)
	if err != nil {
		return err
	}
	switch {
	case what.nothing():
		if err := d.make(ctx, device); err != nil {
			return err
		}
	case what["TYPE"] != "ext4":
		return problem("Foreign", "volume %s holds %s and not a file system of Mainstay; it is left as it is: attach the right volume, or a blank one", device.ID, what)
	case what["LABEL"] != Label:
		return problem("Foreign", "volume %s holds an ext4 file system labelled %q, which Mainstay did not make; it is left as it is: attach the right volume, or hand this one over with e2label %s %s",
			device.ID, what["LABEL"], device.Path, Label)
	}
	if err := d.check(ctx, device); err != nil {
		return err
	}
	return durable.Remove(d.intentFile())
}

// A content is what blkid found: the empty one is nothing.
type content map[string]string

func (c content) nothing() bool { return len(c) == 0 }

func (c content) String() string {
	for _, key := range []string{"TYPE", "PTTYPE", "found"} {
		if c[key] != "" {
			return c[key]
		}
	}
	return "something unknown"
}

// The exit codes of blkid.
const (
	blkidFound   = 0
	blkidNothing = 2
)

// probe asks blkid, and wipefs where that finds nothing: each knows signatures
// that the other does not look for.
func (d *Disk) probe(ctx context.Context, device *Device) (content, error) {
	said, code, err := d.config.Tools.Run(ctx, "blkid", "-p", "-o", "export", device.Path)
	if err != nil {
		return nil, err
	}
	if code != blkidFound && code != blkidNothing {
		return content{"found": "signs of several file systems at once"}, nil
	}
	what := content{}
	for line := range strings.Lines(said) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && key != "DEVNAME" && code == blkidFound {
			what[key] = value
		}
	}
	if !what.nothing() {
		return what, nil
	}
	said, code, err = d.config.Tools.Run(ctx, "wipefs", "--no-act", "--noheadings", device.Path)
	switch {
	case err != nil:
		return nil, err
	case code != 0:
		return nil, fmt.Errorf("wipefs cannot read %s: %s", device.Path, strings.TrimSpace(said))
	case strings.TrimSpace(said) != "":
		return content{"found": strings.Join(strings.Fields(said), " ")}, nil
	}
	return content{}, nil
}

// An intent is kept from before a file system is made until it has been checked. It
// tells a volume that was blank, and on which mkfs was cut short, from one with
// data that nothing recognises.
type intent struct {
	Volume string `json:"volume"`
	UUID   string `json:"uuid"`
}

func (d *Disk) intentFile() string { return filepath.Join(d.config.Dir, "formatting.json") }

// make makes the file system. The caller has found nothing on the device.
func (d *Disk) make(ctx context.Context, device *Device) error {
	begun, err := d.begun()
	if err != nil {
		return err
	}
	if begun.Volume != device.ID {
		blank, err := isBlank(device.Path)
		if err != nil {
			return fmt.Errorf("look whether volume %s is blank: %w", device.ID, err)
		}
		if !blank {
			return problem("Unknown", "volume %s is not blank and holds nothing that is recognised; it is left as it is: attach the right volume, or a blank one", device.ID)
		}
		begun = intent{Volume: device.ID, UUID: newUUID()}
		data, err := json.Marshal(begun)
		if err == nil {
			err = durable.WriteFile(d.intentFile(), data, 0o600)
		}
		if err != nil {
			return fmt.Errorf("note that a file system is made: %w", err)
		}
	}
	d.log.Info("file system is made", "volume", device.ID, "device", device.Path)
	ctx, cancel := context.WithTimeout(ctx, makeLimit)
	defer cancel()
	// All room is the database's: nothing is kept back for root.
	return d.must(ctx, "mkfs.ext4", "-q", "-m", "0", "-L", Label, "-U", begun.UUID, device.Path)
}

func (d *Disk) begun() (intent, error) {
	var begun intent
	data, err := os.ReadFile(d.intentFile())
	if errors.Is(err, os.ErrNotExist) {
		return begun, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &begun)
	}
	if err != nil {
		return begun, fmt.Errorf("read %s, which says whether a file system was being made: %w", d.intentFile(), err)
	}
	return begun, nil
}

// checkFixed is the highest exit code of e2fsck that means that all is well now:
// bits 1 and 2 say that it corrected something.
const checkFixed = 3

// check repairs what can be repaired without a person's judgement.
func (d *Disk) check(ctx context.Context, device *Device) error {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	said, code, err := d.config.Tools.Run(ctx, "e2fsck", "-p", device.Path)
	if err != nil {
		return err
	}
	if code > checkFixed {
		return problem("Damaged", "the file system of volume %s is damaged and not mounted; take a snapshot of the volume, then repair it with e2fsck %s: %s",
			device.ID, device.Path, strings.Join(strings.Fields(said), " "))
	}
	if code != 0 {
		d.log.Warn("file system was repaired", "volume", device.ID, "said", strings.TrimSpace(said))
	}
	return nil
}

// newUUID is a random one, of version 4.
func newUUID() string {
	b := make([]byte, 16)
	rand.Read(b)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
