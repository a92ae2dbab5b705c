package specs

import (
	"maps"
	"strings"
)

// setSetting gives a deployment one more setting, or another value.
func (s *Snapshot) setSetting(deployment, name, value string) {
	d := s.Deployments[deployment]
	if d == nil {
		if s.orphans[deployment] == nil {
			s.orphans[deployment] = map[string]string{}
		}
		s.orphans[deployment][name] = value
		return
	}
	c := *d
	c.Settings = maps.Clone(d.Settings)
	if c.Settings == nil {
		c.Settings = map[string]string{}
	}
	c.Settings[name] = value
	s.Deployments[deployment] = &c
}

// unsetSetting takes a setting away, from a deployment or from the orphans.
func (s *Snapshot) unsetSetting(deployment, name string) {
	if waiting, ok := s.orphans[deployment]; ok {
		delete(waiting, name)
		if len(waiting) == 0 {
			delete(s.orphans, deployment)
		}
		return
	}
	d := s.Deployments[deployment]
	if d == nil {
		return
	}
	c := *d
	c.Settings = maps.Clone(d.Settings)
	delete(c.Settings, name)
	if len(c.Settings) == 0 {
		c.Settings = nil
	}
	s.Deployments[deployment] = &c
}

// splitSettingKey takes apart the key of a row of settings. No id holds a slash.
func splitSettingKey(key string) (deployment, name string) {
	deployment, name, _ = strings.Cut(key, "/")
	return deployment, name
}
