package ec2

import "time"

// AskAgain has the next look ask for machines' status, as a minute later.
func (c *Cloud) AskAgain() {
	c.health.mu.Lock()
	defer c.health.mu.Unlock()
	c.health.asked = time.Time{}
}
