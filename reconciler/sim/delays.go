package sim

import (
	"hash/fnv"
	"sync"
	"time"
)

// Delays say how long each call is on its way. They follow from a seed and from what
// the call is about, and not from who came first: so in virtual time no two calls arrive
// at one instant, and what happens is the same each time.
type Delays struct {
	seed uint64

	mu    sync.Mutex
	asked map[uint64]uint64 // how often, by what a call is about
}

// NewDelays makes those of a seed.
func NewDelays(seed uint64) *Delays { return &Delays{seed: seed, asked: map[uint64]uint64{}} }

// A Way is how long calls of a kind take: mostly one to two times Least, and seldom
// nearly Most more.
type Way struct{ Least, Most time.Duration }

// Of is the delay of the next call about something.
func (d *Delays) Of(about string, w Way) time.Duration {
	x := d.draw(about)
	rare := unit(mix(x))
	rare *= rare
	rare *= rare
	return w.Least + time.Duration(unit(x)*float64(w.Least)+rare*rare*float64(w.Most))
}

// Chance says whether the next call about something meets what happens to a share of them.
func (d *Delays) Chance(about string, share float64) bool { return unit(d.draw(about)) < share }

// unit makes a number from 0 to 1 of one.
func unit(x uint64) float64 { return float64(x>>11) / (1 << 53) }

// draw is the next random number for what a call is about.
func (d *Delays) draw(about string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(about))
	key := h.Sum64()
	d.mu.Lock()
	n := d.asked[key]
	d.asked[key] = n + 1
	d.mu.Unlock()
	return mix(mix(key^d.seed) + n)
}

// mix is the finalizer of SplitMix64 (Steele, Lea and Flood 2014): every bit of x moves
// every bit of the result.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
