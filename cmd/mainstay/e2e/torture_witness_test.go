package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
)

// lookEvery is between two looks of the witness: a look reads a few hundred command
// lines, some milliseconds of one processor. A second database of a volume, which
// would end by itself, lives longer than that.
const lookEvery = 250 * time.Millisecond

// A witness looks all the while for what there must never be two of.
type witness struct {
	fleet     *fleet
	looks     int
	doubled   int
	leftovers int
}

func (w *witness) watch(ctx context.Context) {
	for ; ctx.Err() == nil; time.Sleep(lookEvery) {
		w.looks++
		for _, crowd := range w.look() {
			w.doubled++
			w.fleet.t.Error(crowd)
		}
	}
}

// look tells of whatever there are too many of.
func (w *witness) look() []string {
	databases := w.running("dolt sql-server", filepath.Join(w.fleet.dir, "cloud", "volumes"), volumeIn)
	machines := w.running("mainstay-agent machine", w.fleet.dir, machineIn)
	return slices.Concat(
		more(1, "databases of volume", databases),
		more(1, "processes of machine", machines),
		more(2, "machines of deployment", w.byDeployment(machines)), // two while one takes over
	)
}

// more tells of what there is more of than there may be. One may have ended and the next
// begun between two lines of one look: only those that all still run are told of.
func more(than int, what string, found map[string][]int) (crowds []string) {
	for id, pids := range found {
		alive := slices.DeleteFunc(slices.Clone(pids), func(pid int) bool { return commandLine(pid) == "" })
		if len(alive) > than {
			crowds = append(crowds, fmt.Sprintf("%d %s %s, processes %v", len(alive), what, id, alive))
		}
	}
	return crowds
}

// running finds processes by what they run for.
func (w *witness) running(program, dir string, of func(line string) string) map[string][]int {
	found := map[string][]int{}
	for _, pid := range pids(program, dir) {
		what := of(commandLine(pid))
		if what != "" { // else it has just ended
			found[what] = append(found[what], pid)
		}
	}
	return found
}

func volumeIn(line string) string { return partAfter(line, "/cloud/volumes/") }

func machineIn(line string) string { return partAfter(line, "/cloud/machines/") }

// partAfter is the part of a path that follows on some others.
func partAfter(line, parts string) string {
	_, rest, _ := strings.Cut(line, parts)
	part, _, _ := strings.Cut(strings.TrimSpace(rest), "/")
	return part
}

func (w *witness) byDeployment(machines map[string][]int) map[string][]int {
	found := map[string][]int{}
	for id, pids := range machines {
		if of := w.deploymentOf(id); of != "" {
			found[of] = append(found[of], pids...)
		}
	}
	return found
}

func (w *witness) deploymentOf(machine string) string {
	var record struct{ Deployment string }
	data, err := os.ReadFile(filepath.Join(w.fleet.dir, "cloud", "machines", machine, "launched.json"))
	if err != nil || json.Unmarshal(data, &record) != nil {
		return ""
	}
	return record.Deployment
}

// check tells of what is left over in the end.
func (w *witness) check() {
	for _, left := range w.leftOver(w.fleet.status().Deployments) {
		w.leftovers++
		w.fleet.t.Errorf("left over: %s", left)
	}
}

// leftOver is what belongs to no deployment: processes, machines that were not
// terminated, volumes, ports, what is half removed. What a killed control plane was in
// the middle of making is not looked at: it is swept an hour later.
func (w *witness) leftOver(deployments []view.Deployment) (left []string) {
	known := []string{" up --dir " + w.fleet.dir, filepath.Join(w.fleet.dir, "hub", "config.yaml")}
	for _, d := range deployments {
		known = append(known, d.MachineID, d.VolumeID)
	}
	for _, pid := range pids(w.fleet.dir) {
		if line := commandLine(pid); line != "" && !belongs(line, known) {
			left = append(left, fmt.Sprintf("process %d: %s", pid, line))
		}
	}
	for _, kind := range []string{"machines", "volumes", "trash"} {
		for _, name := range w.names(kind) {
			if !belongs(name, known) && !w.terminated(name) {
				left = append(left, kind+"/"+name)
			}
		}
	}
	if ports := w.names("ports"); len(ports) > len(deployments) {
		left = append(left, fmt.Sprintf("%d ports of %d deployments", len(ports), len(deployments)))
	}
	return left
}

func belongs(to string, known []string) bool {
	return slices.ContainsFunc(known, func(k string) bool { return k != "" && strings.Contains(to, k) })
}

// terminated machines are known for a day: their tokens must not be used again.
func (w *witness) terminated(machine string) bool {
	_, err := os.Stat(filepath.Join(w.fleet.dir, "cloud", "machines", machine, "terminated"))
	return err == nil
}

func (w *witness) names(kind string) []string {
	entries, err := os.ReadDir(filepath.Join(w.fleet.dir, "cloud", kind))
	if err != nil {
		w.fleet.t.Error(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestWitness: the torture's witness sees what it looks for.
func TestWitness(t *testing.T) {
	t.Parallel()
	w := &witness{fleet: &fleet{t: t, dir: t.TempDir()}}
	volume := filepath.Join(w.fleet.dir, "cloud", "volumes", "vol-1")
	for _, dir := range []string{volume, filepath.Join(w.fleet.dir, "cloud", "machines"), filepath.Join(w.fleet.dir, "cloud", "trash"), filepath.Join(w.fleet.dir, "cloud", "ports")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	ours := []view.Deployment{{Name: "orders", MachineID: "m-1", VolumeID: "vol-1"}}
	config := filepath.Join(volume, "mainstay", "server", "config.yaml")
	lookAlike(t, "dolt", "sql-server", "--config", config)
	if seen := slices.Concat(w.look(), w.leftOver(ours)); len(seen) != 0 {
		t.Errorf("one of each is in order: %q", seen)
	}
	lookAlike(t, "dolt", "sql-server", "--config", config)
	if seen := w.look(); len(seen) != 1 || !strings.Contains(seen[0], "2 databases of volume vol-1") {
		t.Errorf("want the second database, got %q", seen)
	}
	lookAlike(t, "mainstay-agent", "machine", filepath.Join(w.fleet.dir, "cloud", "machines", "m-2"))
	if left := w.leftOver(ours); len(left) != 1 || !strings.Contains(left[0], "m-2") {
		t.Errorf("want the process of machine m-2, got %q", left)
	}
	if left := w.leftOver(nil); !slices.Contains(left, "volumes/vol-1") {
		t.Errorf("want the volume, got %q", left)
	}
}

// lookAlike is a process with a command line that ends so. It does nothing, until the
// test ends.
func lookAlike(t *testing.T, line ...string) {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", "read -r _"}, line...)...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait() // read fails at the end of what there is to read
	})
}
