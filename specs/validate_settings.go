package specs

import (
	"fmt"
	"strings"
)

const systemVariablePrefix = "system_variables."

// validateSettings checks the settings of one deployment against what its
// release of Dolt knows.
func validateSettings(s *Snapshot, d *Deployment) []Finding {
	var findings []Finding
	for _, name := range sortedKeys(d.Settings) {
		r := rules{table: TableSettings, key: KeyOf(s.NameOf(d.ID), name)}
		r.setting(name, d.Settings[name], d.DoltVersion)
		findings = append(findings, r.findings...)
	}
	return findings
}

func (r *rules) setting(name, value, doltVersion string) {
	if strings.ContainsAny(value, "\x00\r\n") || strings.Contains(value, "${") {
		// Dolt expands ${NAME} from its environment, where it could read what is not the row's to read.
		r.fail("setting-value", "value", "the value holds a line break or ${…}", "write the value itself on one line")
		return
	}
	if variable, ok := strings.CutPrefix(name, systemVariablePrefix); ok {
		r.systemVariable(variable, value, doltVersion)
		return
	}
	setting, known := lookupSetting(name)
	if !known {
		r.unknownSetting(name)
		return
	}
	if setting.MinVersion != "" && CompareVersions(doltVersion, setting.MinVersion) < 0 {
		r.fail("setting-version", "name",
			fmt.Sprintf("Dolt knows this setting from %s on, and the deployment runs %s", setting.MinVersion, doltVersion),
			"delete the setting, or choose a newer dolt_version")
	}
	if message, advice := setting.accepts(value); message != "" {
		r.fail("setting-value", "value", message, advice)
	}
}

func (r *rules) unknownSetting(name string) {
	if why := ownedBy(name); why != "" {
		r.fail("setting-owned", "name", "this setting cannot be chosen: "+why, "delete the setting")
		return
	}
	var names []string
	for _, s := range catalog {
		names = append(names, s.Name)
	}
	r.fail("setting-known", "name", fmt.Sprintf("there is no setting %q", name), didYouMean(nearestSetting(name, names)))
}

// nearestSetting also finds a key that was written without the part before the
// last dot, which is the commonest slip.
func nearestSetting(name string, names []string) string {
	for _, n := range names {
		if strings.HasSuffix(n, "."+name) {
			return n
		}
	}
	if near := Nearest(name, names); near != "" {
		return near
	}
	if _, ok := systemVariables()[name]; ok {
		return systemVariablePrefix + name
	}
	return ""
}

func didYouMean(name string) string {
	if name == "" {
		return "delete the setting; the documentation lists those there are"
	}
	return fmt.Sprintf("did you mean %s?", name)
}

func (r *rules) systemVariable(name, value, doltVersion string) {
	all := systemVariables()
	v, ok := all[name]
	switch {
	case !ok:
		near := Nearest(name, sortedKeys(all))
		if near != "" {
			near = systemVariablePrefix + near
		}
		r.fail("setting-known", "name", fmt.Sprintf("there is no system variable %q", name), didYouMean(near))
	case v.readOnly:
		r.fail("setting-owned", "name", fmt.Sprintf("the system variable %s cannot be set", name), "delete the setting")
	case v.since != "" && CompareVersions(doltVersion, v.since) < 0:
		r.fail("setting-version", "name", fmt.Sprintf("Dolt %s does not have the system variable %s", doltVersion, name),
			"delete the setting, or choose dolt_version "+v.since+" or newer")
	default:
		if message, advice := v.accepts(value); message != "" {
			r.fail("setting-value", "value", message, advice)
		}
	}
}
