package disk

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A tree is a /sys, /dev and /proc in a directory.
type tree map[string]string

func (f tree) plant(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range f {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, isLink := strings.CutPrefix(content, "-> "); isLink {
			err = os.Symlink(to, path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// disk adds an NVMe disk as the kernel shows it.
func (f tree) disk(name, number, model, serial string) tree {
	sys := "sys/block/" + name + "/"
	f[sys+"dev"], f[sys+"size"] = number+"\n", "2097152\n"
	f[sys+"device/model"], f[sys+"device/serial"] = model+"              \n", serial+"\n"
	f["dev/"+name] = ""
	return f
}

const ebs = "Amazon Elastic Block Store"

// instance is one with a root disk that has partitions.
func instance() tree {
	f := tree{"proc/self/mountinfo": "" +
		"22 1 259:2 / / rw,noatime shared:1 - ext4 /dev/root rw\n" +
		"30 22 0:5 / /dev rw - devtmpfs devtmpfs rw\n",
		"proc/swaps":                      "Filename Type Size Used Priority\n",
		"sys/block/nvme0n1/nvme0n1p1/dev": "259:2\n",
		"sys/block/loop0/dev":             "7:0\n",
	}
	return f.disk("nvme0n1", "259:0", ebs, "vol0aaa")
}

func TestFindEBS(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		tree tree
		want string // id and name
		says string
	}{
		"none":           {instance(), "", ""},
		"the data":       {instance().disk("nvme1n1", "259:3", ebs, "vol0bbb"), "vol-0bbb nvme1n1", ""},
		"serial has one": {instance().disk("nvme1n1", "259:3", ebs, "vol-0bbb"), "vol-0bbb nvme1n1", ""},
		"instance store": {instance().disk("nvme1n1", "259:3", "Amazon EC2 NVMe Instance Storage", "AWS0bbb"), "", ""},
		"a path of several": {instance().disk("nvme1n1", "259:3", ebs, "vol0bbb").disk("nvme1c1n1", "", ebs, "vol0bbb"),
			"vol-0bbb nvme1n1", ""},
		"mounted elsewhere": {with(instance().disk("nvme1n1", "259:3", ebs, "vol0bbb"),
			"40 22 259:3 / /srv rw - ext4 /dev/nvme1n1 rw\n"), "", ""},
		"mounted by us": {with(instance().disk("nvme1n1", "259:3", ebs, "vol0bbb"),
			"40 22 259:3 / /var/lib/mainstay/volumes/vol-0bbb rw - ext4 /dev/nvme1n1 rw\n"), "vol-0bbb nvme1n1", ""},
		"a root without a number": {tree{"proc/self/mountinfo": "22 1 0:25 / / rw - btrfs /dev/nvme0n1p1 rw\n",
			"sys/block/nvme0n1/nvme0n1p1/dev": "259:2\n"}.disk("nvme0n1", "259:0", ebs, "vol0aaa"), "", ""},
		"a root on top of others": {tree{"proc/self/mountinfo": "22 1 253:0 / / rw - ext4 /dev/mapper/root rw\n",
			"sys/block/nvme0n1/nvme0n1p1/holders/dm-0": "", "sys/block/nvme0n1/nvme0n1p1/dev": "259:2\n"}.disk("nvme0n1", "259:0", ebs, "vol0aaa"), "", ""},
		"swap": {func() tree {
			f := instance().disk("nvme1n1", "259:3", ebs, "vol0bbb")
			f["proc/swaps"] += "/dev/nvme1n1 partition 1 0 -2\n"
			return f
		}(), "", ""},
		"two": {instance().disk("nvme1n1", "259:3", ebs, "vol0bbb").disk("nvme2n1", "259:4", ebs, "vol0ccc"), "", "vol-0bbb, vol-0ccc"},
		"two, one is named": {func() tree {
			f := instance().disk("nvme1n1", "259:3", ebs, "vol0bbb").disk("nvme2n1", "259:4", ebs, "vol0ccc")
			f["dev/sdf"] = "-> nvme2n1"
			return f
		}(), "vol-0ccc nvme2n1", ""},
		"not understood": {tree{"proc/self/mountinfo": "22 1 253:0\n"}, "", "not understood"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := tt.tree.plant(t)
			device, err := FindEBS(root, "/var/lib/mainstay/volumes")
			if (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("error %v, want %q", err, tt.says)
			}
			var got string
			if device != nil {
				got = device.ID + " " + filepath.Base(device.Path)
				if device.size() != 1<<30 || device.Number == "" {
					t.Errorf("device %+v has %d bytes", device, device.size())
				}
			}
			if got != tt.want {
				t.Fatalf("found %q, want %q", got, tt.want)
			}
		})
	}
}

func with(f tree, line string) tree {
	f["proc/self/mountinfo"] += line
	return f
}

func TestFindEBSWithoutProc(t *testing.T) {
	t.Parallel()
	if _, err := FindEBS(t.TempDir(), "/x"); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("what is in use cannot be told, and it looked on: %v", err)
	}
}
