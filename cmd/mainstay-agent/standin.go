package main

import (
	"fmt"
	"path/filepath"

	"github.com/mainstaydb/mainstay/agent"
	"github.com/mainstaydb/mainstay/agent/disk"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// A standIn is what tests have in place of a volume of EBS, which only an instance
// of EC2 has.
type standIn struct{ dir, devices string }

func (s *standIn) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.dir, "volume-dir", "", "the data volume is this directory and no disk is mounted; it is attached while the directory, or a link to one, is there (for tests)")
	cmd.Flags().StringVar(&s.devices, "volume-devices", "", "look for the data volume in this directory of links, named by volume, to block devices (for tests)")
	cmd.MarkFlagsMutuallyExclusive("volume-dir", "volume-devices")
}

// take puts what was given into the configuration of a machine that is about to run.
// It is written nowhere.
func (s *standIn) take(c *agent.Config) error {
	switch {
	case s.dir != "":
		path, err := filepath.Abs(s.dir)
		if err != nil {
			return err
		}
		c.Disk, c.Volume = "", path
	case s.devices != "":
		c.FindVolume = s.find
	}
	return nil
}

// find is the one volume whose link is there.
func (s *standIn) find() (*disk.Device, error) {
	links, err := filepath.Glob(filepath.Join(s.devices, "vol-*"))
	if err != nil || len(links) == 0 {
		return nil, err
	}
	path, err := filepath.EvalSymlinks(links[0])
	if err != nil {
		return nil, fmt.Errorf("follow the link to a volume's device: %w", err)
	}
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return nil, fmt.Errorf("look at a volume's device: %w", err)
	}
	number := fmt.Sprintf("%d:%d", unix.Major(stat.Rdev), unix.Minor(stat.Rdev))
	return disk.NewDevice(filepath.Base(links[0]), path, number), nil
}
