package specs

import (
	_ "embed"
	"strings"
	"sync"
)

// sysvarsText lists the global system variables of the releases of Dolt that
// Mainstay is tested with: name, kind (bool, int, text or readonly), and the
// release from which on it is there, where that is not all of them. The test
// TestSystemVariables writes it from the real programs with -update.
//
//go:embed sysvars.txt
var sysvarsText string

// A systemVariable is a Setting under system_variables.
type systemVariable struct {
	Setting
	readOnly bool
	since    string
}

// systemVariables parses the list once: validation of a large fleet asks often.
var systemVariables = sync.OnceValue(func() map[string]systemVariable {
	all := map[string]systemVariable{}
	for line := range strings.Lines(sysvarsText) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] == "#" {
			continue
		}
		v := systemVariable{Setting: variableSetting(fields[0], fields[1]), readOnly: fields[1] == "readonly" || ownedVariable(fields[0])}
		if len(fields) > 2 {
			v.since = fields[2]
		}
		all[fields[0]] = v
	}
	return all
})

func variableSetting(name, kind string) Setting {
	s := Setting{Name: systemVariablePrefix + name, Kind: SettingKind(kind)}
	switch s.Kind {
	case IntSetting:
		// The ranges differ from variable to variable and Dolt does not list them.
		s.Min, s.Max = -1<<63, 1<<63-1
	case BoolSetting:
		s.Kind, s.Values = EnumSetting, []string{"ON", "OFF", "1", "0", "true", "false"}
	}
	return s
}

// ownedVariable tells of variables by which a row could undo what Mainstay
// arranges: where the server listens, its certificates, replication, and which
// files SQL may read.
func ownedVariable(name string) bool {
	for _, prefix := range []string{"admin_", "dolt_cluster_", "ssl_", "tls_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "bind_address", "datadir", "port", "secure_file_priv", "server_uuid", "socket", "version":
		return true
	}
	return false
}

// SystemVariables lists the system variables that may be set, by name, as
// settings named system_variables.<name>.
func SystemVariables() []Setting {
	var settings []Setting
	all := systemVariables()
	for _, name := range sortedKeys(all) {
		if v := all[name]; !v.readOnly {
			v.MinVersion = v.since
			settings = append(settings, v.Setting)
		}
	}
	return settings
}
