package secretsmanager

import (
	"bytes"
	"sync"
)

const (
	// cacheLimit in bytes holds 10,000 deployments, each with a password and the
	// listener's certificates of some years, of 1.5 KB each, and is little for the
	// machine of a control plane of that many.
	cacheLimit = 64 << 20
	// entryCost is what an entry takes besides its name and value.
	entryCost = 64
)

// A cache remembers values: a secret is made once, so what was read stays right.
// Safe for concurrent use.
type cache struct {
	limit int

	mu     sync.Mutex
	values map[string][]byte
	size   int
}

func newCache(limit int) *cache { return &cache{limit: limit, values: map[string][]byte{}} }

func (c *cache) get(name string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	value, ok := c.values[name]
	return bytes.Clone(value), ok
}

// put makes room by forgetting others, whichever: passes go round the whole fleet,
// where the one used longest ago is the one needed next.
func (c *cache) put(name string, value []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(name)
	cost := costOf(name, value)
	if cost > c.limit {
		return
	}
	for other := range c.values {
		if c.size+cost <= c.limit {
			break
		}
		c.forget(other)
	}
	c.values[name] = bytes.Clone(value)
	c.size += cost
}

// forget drops a value. The caller holds mu.
func (c *cache) forget(name string) {
	if value, ok := c.values[name]; ok {
		c.size -= costOf(name, value)
		delete(c.values, name)
	}
}

func costOf(name string, value []byte) int { return entryCost + len(name) + len(value) }
