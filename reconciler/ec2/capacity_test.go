package ec2

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

func TestShortages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShortages()
		here := plan.Shape{Zone: "a", InstanceType: "t3.small", Volume: &plan.VolumeSpec{GB: 10}}
		bare, there, larger := here, here, here
		bare.Volume, there.Zone, larger.InstanceType = nil, "b", "t3.large"

		s.learn(here, answeredWith(awserr.Throttled))
		if err := s.check(here); err != nil {
			t.Errorf("throttled, it is taken for a shortage: %v", err)
		}
		s.learn(here, answeredWith(NoCapacity))
		for _, shape := range []plan.Shape{here, bare} {
			if err := s.check(shape); awserr.KindOf(err) != NoCapacity {
				t.Errorf("%+v: %v, want no capacity", shape, err)
			}
		}
		for _, shape := range []plan.Shape{there, larger} {
			if err := s.check(shape); err != nil {
				t.Errorf("%+v is short with another zone's or type's shortage: %v", shape, err)
			}
		}
		time.Sleep(shortageFor)
		if err := s.check(here); err != nil {
			t.Errorf("the shortage lasts: %v", err)
		}
		s.learn(here, answeredWith(awserr.Quota))
		if err := s.check(here); awserr.KindOf(err) != awserr.Quota {
			t.Errorf("past a quota, it is asked again at once: %v", err)
		}
		if err := s.check(bare); err != nil {
			t.Errorf("a machine that brings no volume waits for a quota that may be of volumes: %v", err)
		}
		s.learn(here, answeredWith(NoCapacity))
		s.learn(here, nil)
		if err := s.check(here); err != nil {
			t.Errorf("the shortage outlives a launch: %v", err)
		}
	})
}
