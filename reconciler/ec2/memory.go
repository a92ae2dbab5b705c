package ec2

import (
	"maps"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A memory is what this process listed last. It saves looks, and bridges listings
// that lag; nothing depends on it for what is launched or deleted.
type memory struct {
	mu       sync.Mutex
	machines map[string]sighting
	volumes  map[string][]types.Tag
	begun    map[string]time.Time // snapshots, by deletion
	ended    map[string]time.Time // machines that AWS said it terminates
}

// A sighting is a machine as it was listed, or as its launch was answered.
type sighting struct {
	machine plan.Machine
	tags    []types.Tag
	at      time.Time
	lost    bool // a whole listing since then did not show it
}

func (s sighting) isBelieved(now time.Time) bool {
	return s.machine.ID != "" && s.machine.State != plan.MachineTerminated && now.Sub(s.at) < lag
}

// lag is how long a machine that vanishes is believed in. EC2's listings lag by
// seconds, rarely by minutes, and list machines that ended for an hour: one that is
// missing sooner is not gone, unless somebody took the fleet's tag away.
const lag = 10 * time.Minute

func newMemory() *memory {
	return &memory{machines: make(map[string]sighting), volumes: make(map[string][]types.Tag), begun: make(map[string]time.Time), ended: make(map[string]time.Time)}
}

// see takes in machines, of a whole listing or of a part, and returns those that are
// missing and believed in.
func (m *memory) see(found []sighting, whole bool) (missing []plan.Machine) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	here := make(map[string]bool, len(found))
	for _, s := range found {
		s.at = now
		m.machines[s.machine.ID], here[s.machine.ID] = s, true
	}
	for id, s := range m.machines {
		switch {
		case here[id]:
		case s.isBelieved(now):
			missing = append(missing, s.machine)
			s.lost = s.lost || whole
			m.machines[id] = s
		case whole:
			delete(m.machines, id)
		}
	}
	return missing
}

// seeVolumes takes in a listing of volumes' tags.
func (m *memory) seeVolumes(found map[string][]types.Tag, whole bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if whole {
		clear(m.volumes)
	}
	maps.Copy(m.volumes, found)
}

// tags are those of a machine or volume when it was listed last.
func (m *memory) tags(id string) (tags []types.Tag, listed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if tags, listed = m.volumes[id]; listed {
		return tags, true
	}
	s, listed := m.machines[id]
	return s.tags, listed
}

// end notes that AWS terminates a machine, which is for good whatever a listing that
// lags says.
func (m *memory) end(machine string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended[machine] = time.Now()
	maps.DeleteFunc(m.ended, func(_ string, at time.Time) bool { return time.Since(at) >= lag })
}

func (m *memory) hasEnded(machine string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ended := m.ended[machine]
	return ended
}

// listed are the tags of a machine that was there when it was looked for last.
func (m *memory) listed(machine string) []types.Tag {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.machines[machine]; !s.lost {
		return s.tags
	}
	return nil
}

// believed tells of a machine that was seen a moment ago, whatever a listing says.
func (m *memory) believed(machine string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.machines[machine].isBelieved(time.Now())
}

// tagged takes in tags that were written since.
func (m *memory) tagged(ids []string, written []types.Tag) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		if old, ok := m.volumes[id]; ok {
			m.volumes[id] = over(old, written)
		}
		if s, ok := m.machines[id]; ok {
			s.tags = over(s.tags, written)
			m.machines[id] = s
		}
	}
}

// began notes that a deletion's snapshot was begun.
func (m *memory) began(deletion string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.begun[deletion] = time.Now()
	maps.DeleteFunc(m.begun, func(_ string, at time.Time) bool { return time.Since(at) >= lag })
}

// justBegan tells of a snapshot that listings may not show yet.
func (m *memory) justBegan(deletion string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.begun[deletion]
	return ok && time.Since(at) < lag
}

// over are tags with others written over them.
func over(old, written []types.Tag) []types.Tag {
	tags := append([]types.Tag(nil), written...)
	for _, t := range old {
		if !has(written, *t.Key) {
			tags = append(tags, t)
		}
	}
	return tags
}
