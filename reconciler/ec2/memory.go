package ec2

import (
	"maps"
	"sync"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A memory is what this process knows of its launches. Nothing depends on it for
// correctness of what is launched; it is there so that a part of a batch that is
// asked for again is the same request as the whole, and names all owners.
type memory struct {
	mu       sync.Mutex
	launches map[string]*launchMemory // by token
	labelled map[string]bool          // machines of the last listing whose volumes need no label
}

type launchMemory struct {
	owners map[int]owner
	asked  time.Time
}

// forgotten is when a launch is no longer remembered: long after AWS, the planner
// or a person would repeat it.
const forgotten = 48 * time.Hour

func newMemory() *memory {
	return &memory{launches: make(map[string]*launchMemory), labelled: make(map[string]bool)}
}

// asked notes a launch and returns all owners that were ever asked for with its
// token.
func (m *memory) asked(batch []plan.Action) map[int]owner {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(m.launches, func(_ string, l *launchMemory) bool { return now.Sub(l.asked) > forgotten })
	token := batch[0].Token
	l := m.launches[token]
	if l == nil {
		l = &launchMemory{owners: make(map[int]owner)}
		m.launches[token] = l
	}
	l.asked = now
	for _, a := range batch {
		l.owners[a.Index] = ownerIn(a)
	}
	return maps.Clone(l.owners)
}

// owner is who an index of a token was asked for.
func (m *memory) owner(token string, index int) (owner, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.launches[token]
	if l == nil {
		return owner{}, false
	}
	o, ok := l.owners[index]
	return o, ok
}

// remember takes in which machines need no label any more.
func (m *memory) remember(labelled map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.labelled = labelled
}

func (m *memory) isLabelled(machine string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.labelled[machine]
}
