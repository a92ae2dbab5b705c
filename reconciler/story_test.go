package reconciler_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A story is what befalls a fleet: everything that happens follows from it. As text it
// is a line for the seed, one for the fleet and one for each step, and what stands
// behind a # is for people.
type story struct {
	seed   uint64
	fleet  int             // deployments
	clocks []time.Duration // one for each control plane: how far its clock is ahead
	steps  []step
}

// A step is one thing that happens.
type step struct {
	at   time.Duration // since the beginning
	what string        // one of happenings
	n    uint64        // chooses among what it can happen to
}

const (
	// leastSteps and mostSteps are how many things happen in a story of a seed, beside
	// what ends them: what it takes to break something was never more than four, and many
	// short stories find more in the same time than few long ones.
	leastSteps, mostSteps = 4, 16
	// clocksApart is how far a clock is ahead at most: half of the time that a claim
	// holds. Machines that keep their time by NTP, as AWS's do, are within a second.
	clocksApart = 30 * time.Second
)

// storyOf makes up the story of a seed.
func storyOf(seed uint64) story {
	r := rand.New(rand.NewPCG(seed, seed))
	s := story{seed: seed, fleet: 2 + r.IntN(6)}
	for range []int{1, 1, 1, 2, 2, 2, 2, 3}[r.IntN(8)] {
		ahead := time.Duration(0)
		if r.IntN(4) == 0 {
			ahead = time.Duration(r.Int64N(int64(clocksApart))).Truncate(time.Second)
		}
		s.clocks = append(s.clocks, ahead)
	}
	at := time.Duration(0)
	for range leastSteps + r.IntN(mostSteps-leastSteps+1) {
		s.steps = append(s.steps, step{at, happenings[r.IntN(len(happenings))].name, uint64(r.IntN(10000))})
		if r.IntN(4) == 0 {
			at += interval(r)
			s.steps = append(s.steps, step{at, calm, 0})
		}
		at += interval(r)
	}
	return s
}

// interval is the time from one step to the next: mostly what comes next meets what
// is not over yet, and sometimes there is time for all that waits.
func interval(r *rand.Rand) time.Duration {
	most := []int{10, 10, 30, 60, 60, 120, 400}[r.IntN(7)]
	return time.Duration(r.IntN(most)) * time.Second
}

func (s story) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d\nfleet %d\nclocks", s.seed, s.fleet)
	for _, c := range s.clocks {
		fmt.Fprintf(&b, " %s", c)
	}
	b.WriteString("\n")
	for _, one := range s.steps {
		b.WriteString(one.String() + "\n")
	}
	return b.String()
}

func (s step) String() string { return fmt.Sprintf("%-8s %s %d", s.at, s.what, s.n) }

// parseStory reads a story's text.
func parseStory(text string) (s story, err error) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := s.take(words); err != nil {
			return s, fmt.Errorf("line %d, %q: %w", n, lines.Text(), err)
		}
	}
	if s.fleet == 0 || len(s.clocks) == 0 {
		return s, fmt.Errorf("a story needs a line %q and a line %q with one for each control plane", "fleet N", "clocks D")
	}
	return s, nil
}

func (s *story) take(words []string) (err error) {
	switch {
	case words[0] == "seed" && len(words) == 2:
		s.seed, err = strconv.ParseUint(words[1], 10, 64)
	case words[0] == "fleet" && len(words) == 2:
		s.fleet, err = strconv.Atoi(words[1])
	case words[0] == "clocks":
		for _, w := range words[1:] {
			ahead, err := time.ParseDuration(w)
			if err != nil {
				return err
			}
			s.clocks = append(s.clocks, ahead)
		}
	case len(words) == 3:
		one := step{what: words[1]}
		if one.at, err = time.ParseDuration(words[0]); err != nil {
			return err
		}
		if one.what != calm && !slices.ContainsFunc(happenings, func(h happening) bool { return h.name == one.what }) {
			return fmt.Errorf("nothing is called %q", one.what)
		}
		one.n, err = strconv.ParseUint(words[2], 10, 64)
		s.steps = append(s.steps, one)
	default:
		return fmt.Errorf("it is neither seed, fleet, clocks nor a time, a happening and a number")
	}
	return err
}
