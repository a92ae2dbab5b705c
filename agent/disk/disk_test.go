package disk

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// bound is how long any wait may last: making a small file system takes a fraction
// of a second.
const bound = 30 * time.Second

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	t.Cleanup(cancel)
	return ctx
}

// listening passes programs on to the system, and remembers which ran.
type listening struct {
	mu     sync.Mutex
	ran    []string
	before func(name string, args []string) (code int, instead bool)
}

func (l *listening) Run(ctx context.Context, name string, args ...string) (string, int, error) {
	l.mu.Lock()
	l.ran = append(l.ran, name)
	before := l.before
	l.mu.Unlock()
	if before != nil {
		if code, instead := before(name, args); instead {
			return "instead", code, nil
		}
	}
	return system{}.Run(ctx, name, args...)
}

func (l *listening) count(name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(l.ran), func(n string) bool { return n != name }))
}

// A bench is one machine with a volume that is a file behind a loop device.
type bench struct {
	t     *testing.T
	dir   string
	image string
	loop  string
	tools *listening
	disk  *Disk
	quit  context.CancelFunc
	ended chan error

	mu       sync.Mutex
	attached bool
}

func newBench(t *testing.T) *bench {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making loop devices and mounting them needs root; run this test as root")
	}
	b := &bench{t: t, dir: t.TempDir(), tools: &listening{}, attached: true}
	b.image = filepath.Join(b.dir, "image")
	b.size(64 << 20)
	out, err := exec.CommandContext(limited(t), "losetup", "--find", "--show", b.image).CombinedOutput()
	if err != nil {
		t.Skipf("this machine gives no loop devices: %v: %s", err, out)
	}
	b.loop = strings.TrimSpace(string(out))
	t.Cleanup(func() {
		b.stop()
		for _, m := range b.mounts() {
			if err := syscall.Unmount(m.point, syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		}
		if out, err := exec.Command("losetup", "--detach", b.loop).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return b
}

func (b *bench) size(bytes int64) {
	b.t.Helper()
	file, err := os.OpenFile(b.image, os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		err = errors.Join(file.Truncate(bytes), file.Close())
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) mounts() []mount {
	b.t.Helper()
	all, err := mountsBelow(filepath.Join(b.dir, "volumes"))
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

func (b *bench) find() (*Device, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.attached {
		return nil, nil
	}
	return NewDevice("vol-1", b.loop, read(filepath.Join("/sys/block", filepath.Base(b.loop)), "dev")), nil
}

// start runs the disk, as an agent that starts does.
func (b *bench) start(released string) {
	b.t.Helper()
	handler := slog.DiscardHandler
	if testing.Verbose() {
		handler = slog.NewTextHandler(b.t.Output(), nil)
	}
	b.disk = New(Config{Place: b.place(), Dir: b.dir, Find: b.find, Tools: b.tools}, released, slog.New(handler))
	ctx, cancel := context.WithCancel(context.Background())
	b.quit, b.ended = cancel, make(chan error, 1)
	go func() { b.ended <- b.disk.Run(ctx) }()
}

func (b *bench) stop() {
	if b.quit == nil {
		return
	}
	b.quit()
	if err := <-b.ended; err != nil {
		b.t.Error(err)
	}
	b.quit = nil
}

func (b *bench) place() string { return filepath.Join(b.dir, "volume") }

func (b *bench) mounted() {
	b.t.Helper()
	if err := b.disk.Mount(limited(b.t)); err != nil {
		b.t.Fatal(err)
	}
	if s := b.disk.State(); !s.Mounted || s.ID != "vol-1" || s.Size == 0 {
		b.t.Fatalf("state %+v", s)
	}
}

func (b *bench) write(text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.place(), "data"), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) holds(text string) {
	b.t.Helper()
	if got, err := os.ReadFile(filepath.Join(b.place(), "data")); err != nil || string(got) != text {
		b.t.Fatalf("the volume holds %q, %v; want %q", got, err, text)
	}
}

// refused waits for a problem, and makes sure that nothing was made.
func (b *bench) refused(reason, says string) {
	b.t.Helper()
	var p *Problem
	if err := b.disk.Mount(limited(b.t)); !errors.As(err, &p) || p.Reason != reason || !strings.Contains(p.Message, says) {
		b.t.Fatalf("%v, want %s: %s", err, reason, says)
	}
	if b.tools.count("mkfs.ext4") != 0 {
		b.t.Fatal("a file system was made")
	}
	if _, err := os.Lstat(b.place()); !os.IsNotExist(err) {
		b.t.Fatalf("the place is there: %v", err)
	}
}

func (b *bench) run(name string, args ...string) {
	b.t.Helper()
	if out, err := exec.CommandContext(limited(b.t), name, args...).CombinedOutput(); err != nil {
		b.t.Fatalf("%s: %v: %s", name, err, out)
	}
}

func TestBlankVolumeComesUpOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start("")
	b.mounted()
	b.write("kept")
	if label, err := os.ReadFile(filepath.Join(b.place(), "volume.json")); err != nil || string(label) != `{"id":"vol-1","size_gb":0}` {
		t.Fatalf("label %s, %v", label, err)
	}
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, b.dir) && !(strings.Contains(line, "nosuid") && strings.Contains(line, "nodev") && strings.Contains(line, "noatime")) {
			t.Fatalf("mounted as %s", line)
		}
	}

	t.Log("the agent's restart finds it")
	b.stop()
	b.start("")
	b.mounted()
	b.holds("kept")

	t.Log("given back it is unmounted, and stays so, also for the next agent")
	if err := b.disk.Unmount(limited(t)); err != nil {
		t.Fatal(err)
	}
	gone := func() {
		t.Helper()
		if s := b.disk.State(); s.Mounted || !s.Released || s.ID != "vol-1" {
			t.Fatalf("state %+v", s)
		}
		if _, err := os.Lstat(b.place()); !os.IsNotExist(err) || len(b.mounts()) != 0 {
			t.Fatalf("place %v, mounts %v", err, b.mounts())
		}
	}
	gone()
	b.run("e2fsck", "-n", "-f", b.loop) // clean, as EC2 would detach it
	b.stop()
	b.start("vol-1")
	if err := b.disk.Settle(limited(t)); err != nil {
		t.Fatal(err)
	}
	gone()

	t.Log("and wanted again it comes back")
	b.mounted()
	b.holds("kept")
	if n := b.tools.count("mkfs.ext4"); n != 1 {
		t.Fatalf("%d file systems were made", n)
	}
	if n := b.tools.count("e2fsck"); n != 2 {
		t.Fatalf("%d checks for two mounts", n)
	}
}

func TestRebootAndPowerCut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start("")
	b.mounted()
	b.write("kept")
	b.stop()
	b.run("umount", filepath.Join(b.dir, "volumes", "vol-1")) // the reboot; the link stays
	b.start("")
	b.mounted()
	b.holds("kept")

	t.Log("a dead link of a volume that did not come back goes")
	b.stop()
	b.run("umount", filepath.Join(b.dir, "volumes", "vol-1"))
	b.attached = false
	b.start("")
	if err := b.disk.Mount(limited(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(b.place()); !os.IsNotExist(err) {
		t.Fatalf("the link stays: %v", err)
	}
	if s := b.disk.State(); s.ID != "" || s.Problem != nil {
		t.Fatalf("state %+v", s)
	}

	t.Log("and once it is attached, it is mounted without being asked")
	b.mu.Lock()
	b.attached = true
	b.mu.Unlock()
	until(t, func() bool { return b.disk.State().Mounted })
	b.holds("kept")
}

func until(t *testing.T, holds func() bool) {
	t.Helper()
	ctx := limited(t)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatal("waited in vain")
		case <-tick.C:
		}
	}
}

func TestNeverMakesAnewWhatIsThere(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		reason, says string
		prepare      func(*bench)
	}{
		"another ext4": {"Foreign", `labelled ""`, func(b *bench) { b.run("mkfs.ext4", "-q", b.loop) }},
		"swap":         {"Foreign", "swap", func(b *bench) { b.run("mkswap", b.loop) }},
		"partitions": {"Foreign", "holds dos", func(b *bench) {
			b.put("\x00\x20\x21\x00\x83\xfe\xff\xff\x00\x08\x00\x00\x00\xf8\x01\x00", 446) // one of Linux
			b.put("\x55\xaa", 510)
		}},
		"raw data":             {"Unknown", "not blank", func(b *bench) { b.put("my data", 5<<20) }},
		"raw data at its end":  {"Unknown", "not blank", func(b *bench) { b.put("my data", 64<<20-100) }},
		"a torn file system":   {"Unknown", "not blank", func(b *bench) { b.run("mkfs.ext4", "-q", "-L", Label, b.loop); b.put(string(make([]byte, 4096)), 0) }},
		"another's unfinished": {"Unknown", "not blank", func(b *bench) { b.put("half", 1<<20); b.intend("vol-2") }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			tt.prepare(b)
			b.start("")
			b.refused(tt.reason, tt.says)
		})
	}
}

// TestHandedOver: a file system that people made is refused until they label it as
// docs/adoption.md says, which can be done while it is mounted. Then it is used as it
// is.
func TestHandedOver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.run("mkfs.ext4", "-q", b.loop)
	b.start("")
	b.refused("Foreign", "e2label "+b.loop+" "+Label)
	b.stop()

	theirs := filepath.Join(b.dir, "theirs")
	if err := os.Mkdir(theirs, 0o700); err != nil {
		t.Fatal(err)
	}
	b.run("mount", b.loop, theirs)
	t.Cleanup(func() { _ = syscall.Unmount(theirs, syscall.MNT_DETACH) })
	if err := os.WriteFile(filepath.Join(theirs, "data"), []byte("by hand"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.run("e2label", b.loop, Label)
	b.run("umount", theirs)
	b.start("")
	b.mounted()
	b.holds("by hand")
	if b.tools.count("mkfs.ext4") != 0 {
		t.Fatal("a file system was made")
	}
}

func (b *bench) put(text string, at int64) {
	b.t.Helper()
	file, err := os.OpenFile(b.loop, os.O_WRONLY, 0)
	if err == nil {
		_, err = file.WriteAt([]byte(text), at)
		err = errors.Join(err, file.Sync(), file.Close())
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) intend(id string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, "formatting.json"), []byte(`{"volume":"`+id+`","uuid":"`+newUUID()+`"}`), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func TestDamageIsForPeople(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start("")
	b.mounted()
	b.write("kept")
	if err := b.disk.Unmount(limited(t)); err != nil {
		t.Fatal(err)
	}
	b.run("debugfs", "-w", "-R", "clri <2>", b.loop) // the root directory's inode
	b.run("tune2fs", "-E", "force_fsck", b.loop)
	var p *Problem
	if err := b.disk.Mount(limited(t)); !errors.As(err, &p) || p.Reason != "Damaged" || !strings.Contains(p.Message, "snapshot") {
		t.Fatalf("%v", err)
	}
	if n := b.tools.count("mkfs.ext4"); n != 1 {
		t.Fatalf("%d file systems were made", n)
	}
}

func TestMakingThatWasCutShort(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	cut := true
	b.tools.before = func(name string, _ []string) (int, bool) {
		if name != "mkfs.ext4" || !cut {
			return 0, false
		}
		cut = false
		b.put("half of a file system", 1<<20)
		return 137, true // killed
	}
	b.start("")
	if err := b.disk.Settle(limited(t)); err == nil || !strings.Contains(err.Error(), "137") {
		t.Fatalf("killed: %v", err)
	}
	b.stop()

	t.Log("the next agent goes on, because it noted what it was about")
	b.start("")
	b.mounted()
	if _, err := os.Stat(filepath.Join(b.dir, "formatting.json")); !os.IsNotExist(err) {
		t.Fatalf("the note stays: %v", err)
	}
}

func TestMakingIsKilledForReal(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range 5 {
		b.stop()
		kill := true
		b.tools.before = func(name string, args []string) (int, bool) {
			if name != "mkfs.ext4" || !kill {
				return 0, false
			}
			kill = false
			// Wherever this hits, also after the end: all must come out well. It is waited
			// for: while it dies it has the device.
			ctx, cancel := context.WithTimeout(t.Context(), []time.Duration{1, 3, 6, 10, 20}[i]*time.Millisecond)
			defer cancel()
			_ = exec.CommandContext(ctx, name, args...).Run()
			return 137, true
		}
		b.start("")
		if err := b.disk.Settle(limited(t)); err == nil {
			t.Fatal("killed, and nothing came of it")
		}
		b.mounted()
		if err := b.disk.Unmount(limited(t)); err != nil {
			t.Fatal(err)
		}
		b.put(string(make([]byte, 16<<20)), 0) // blank again
		b.put(string(make([]byte, 48<<20)), 16<<20)
	}
}

// resize2fs of a mounted file system needs this right apart from all others.
const capSysResource = 24

func mayGrow(t *testing.T) bool {
	t.Helper()
	var data [2]unix.CapUserData
	if err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0]); err != nil {
		t.Fatal(err)
	}
	return data[0].Effective&(1<<capSysResource) != 0
}

// TestGrowthIsAskedFor is what can be seen without the right to grow.
func TestGrowthIsAskedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.tools.before = func(name string, args []string) (int, bool) {
		if name == "resize2fs" && !slices.Equal(args, []string{b.loop}) {
			t.Errorf("resize2fs %q", args)
		}
		return 0, name == "resize2fs"
	}
	b.start("")
	b.mounted()
	b.stop()
	look := func(want int, label string) {
		t.Helper()
		device, err := b.find()
		if err != nil {
			t.Fatal(err)
		}
		if err := b.disk.grow(limited(t), device); err != nil {
			t.Fatal(err)
		}
		if n := b.tools.count("resize2fs"); n != want {
			t.Fatalf("asked %d times, want %d", n, want)
		}
		if got, err := os.ReadFile(filepath.Join(b.place(), "volume.json")); err != nil || string(got) != label {
			t.Fatalf("label %s, %v", got, err)
		}
	}
	look(1, `{"id":"vol-1","size_gb":0}`)
	b.size(1 << 30)
	b.run("losetup", "--set-capacity", b.loop)
	look(1, `{"id":"vol-1","size_gb":0}`) // not yet
	b.disk.sized = time.Now().Add(-growEvery)
	look(2, `{"id":"vol-1","size_gb":1}`)
}

func TestGrows(t *testing.T) {
	t.Parallel()
	if !mayGrow(t) {
		t.Skip("growing a mounted file system needs CAP_SYS_RESOURCE, which this machine does not give even to root")
	}
	b := newBench(t)
	b.start("")
	b.mounted()
	b.write("kept")
	before := b.room()
	b.stop()
	b.size(192 << 20)
	b.run("losetup", "--set-capacity", b.loop)
	b.start("")
	b.mounted()
	if got := b.room(); got < 2*before {
		t.Fatalf("room for %d bytes before and for %d after", before, got)
	}

	t.Log("and while it is mounted, with files open")
	file, err := os.OpenFile(filepath.Join(b.place(), "data"), os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	before = b.room()
	b.size(1280 << 20)
	b.run("losetup", "--set-capacity", b.loop)
	device, err := b.find()
	if err != nil {
		t.Fatal(err)
	}
	b.stop() // what follows is one look after its interval
	b.disk.sized = time.Now().Add(-growEvery)
	if err := b.disk.grow(limited(t), device); err != nil {
		t.Fatal(err)
	}
	if got := b.room(); got < 4*before {
		t.Fatalf("room for %d bytes before and for %d after", before, got)
	}
	if _, err := file.WriteString(" and more"); err != nil {
		t.Fatal(err)
	}
	b.holds("kept and more")
	if label, err := os.ReadFile(filepath.Join(b.place(), "volume.json")); err != nil || string(label) != `{"id":"vol-1","size_gb":1}` {
		t.Fatalf("label %s, %v", label, err)
	}
}

func (b *bench) room() int64 {
	b.t.Helper()
	var fsys syscall.Statfs_t
	if err := syscall.Statfs(b.place(), &fsys); err != nil {
		b.t.Fatal(err)
	}
	return int64(fsys.Blocks) * fsys.Bsize
}

func TestGrowthThatFailsKeepsTheVolume(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.tools.before = func(name string, _ []string) (int, bool) { return 1, name == "resize2fs" }
	b.start("")
	b.mounted()
	until(t, func() bool { p := b.disk.State().Problem; return p != nil && p.Reason == "NotGrown" })
	if s := b.disk.State(); !s.Mounted {
		t.Fatalf("state %+v", s)
	}
}

func TestBusyVolumeIsNotTakenAway(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start("")
	b.mounted()
	b.write("kept")
	file, err := os.Open(filepath.Join(b.place(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	var p *Problem
	if err := b.disk.Unmount(limited(t)); !errors.As(err, &p) || p.Reason != "Busy" {
		t.Fatalf("in use: %v", err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { s := b.disk.State(); return s.Released && s.Problem == nil })
	if len(b.mounts()) != 0 {
		t.Fatalf("mounts %v", b.mounts())
	}
}

func TestPlaceThatIsADirectory(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := os.Mkdir(b.place(), 0o700); err != nil {
		t.Fatal(err)
	}
	b.write("precious")
	b.start("")
	if err := b.disk.Mount(limited(t)); err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Fatalf("%v", err)
	}
	b.holds("precious")
}
