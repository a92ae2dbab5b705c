package ec2

import "time"

// AskAgain has the next look ask for machines' status, as a minute later.
func (c *Cloud) AskAgain() {
	c.health.mu.Lock()
	defer c.health.mu.Unlock()
	c.health.asked = time.Time{}
}

// Gather has requests wait longer for others of their kind: a busy machine may start what
// belongs together far apart.
func (c *Cloud) Gather(wait time.Duration) { c.together = newTogether(c, wait) }
