package main

import (
	"encoding/json"
	"os"
	"time"
)

// Results are all figures of one run, as -json keeps them. Times are nanoseconds and
// sizes bytes. What was not measured is missing.
type results struct {
	Machine  machine     `json:"machine"`
	Planning []planned   `json:"planning,omitempty"`
	Memory   []footprint `json:"memory,omitempty"`
	Looks    []looked    `json:"looks,omitempty"`
	One      *single     `json:"one,omitempty"`
	Many     *crowd      `json:"many,omitempty"`
	Rest     *atRest     `json:"rest,omitempty"`
}

// times are those of repetitions.
type times []time.Duration

// A single is what one deployment took, beside a bare server.
type single struct {
	Bare   times `json:"bare"`
	Effect times `json:"effect"` // from the commit to the first effect
	Serve  times `json:"serve"`  // from the commit to SELECT 1
}

// A crowd is what one commit of many deployments took, beside loops.
type crowd struct {
	Deployments int   `json:"deployments"`
	Shell       times `json:"shell"`
	Loop        times `json:"loop"`
	Commit      times `json:"commit"`
}

// An atRest is what an idle fleet cost.
type atRest struct {
	Deployments int           `json:"deployments"`
	Took        time.Duration `json:"took"`
	Plane       time.Duration `json:"plane"` // of processor time
	Hub         time.Duration `json:"hub"`
	Resident    uint64        `json:"resident"` // of the control plane
	Commits     int           `json:"commits"`  // on the branch status
}

// at is the planning of one size; nil: it was not measured.
func (r *results) at(size int) *planned {
	for i := range r.Planning {
		if r.Planning[i].Size == size {
			return &r.Planning[i]
		}
	}
	return nil
}

func readResults(file string) (r results, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(data, &r)
}

func (r *results) write(file string) error {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}
