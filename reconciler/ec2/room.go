package ec2

import "time"

// worthwhile is the fewest machines that a launch is for while the limit on launched
// instances is what holds the fleet back: it comes back at 2 a second, and a request
// for each 2 would use up the limit on requests as well.
const worthwhile = 50

// LaunchRoom implements reconciler.Paced.
func (c *Cloud) LaunchRoom() (machines int, more time.Time) {
	return c.limiter.Room("RunInstances", worthwhile)
}
