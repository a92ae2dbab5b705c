package doltserver

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// reserved are the parts of Dolt's configuration that the agent alone decides:
// another value would take the server away from its volume, its address or its
// certificate, or open a listener that nobody watches.
var reserved = []string{
	"listener.host", "listener.port", "listener.socket", "listener.tls_key", "listener.tls_cert",
	"data_dir", "cfg_dir", "privilege_file", "branch_control_file",
	"metrics.host", "metrics.port", "user", "cluster", "mcp_server", "golden_mysql_conn",
}

// settingName is how the names of settings are written, here and in the fleet's rows.
// Others could not be told apart in YAML.
var settingName = regexp.MustCompile(`^[a-z][a-z0-9_]*([.][a-z0-9_]+)*$`)

// sections are those that the agent adds values of its own to.
var sections = []string{"listener", "metrics", "metrics.labels"}

// Render writes Dolt's config.yaml. Settings are dotted paths into it, such as
// behavior.read_only or system_variables.max_connections.
func Render(p Place, w Want) ([]byte, error) {
	root := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(w.Settings)) {
		if slices.Contains(sections, name) {
			return nil, problem(SettingRefused, "Conflict", "setting %s is a section of Dolt's configuration; name one value in it", name)
		}
		if err := place(root, name, w.Settings[name]); err != nil {
			return nil, err
		}
	}
	section(root, "listener")["host"] = p.Host
	section(root, "listener")["port"] = p.Port
	section(root, "listener")["tls_cert"] = p.cert()
	section(root, "listener")["tls_key"] = p.key()
	// Passwords must not travel in clear unless the row says so in as many words.
	if _, said := w.Settings["listener.require_secure_transport"]; !said {
		section(root, "listener")["require_secure_transport"] = true
	}
	root["data_dir"] = p.data()
	root["cfg_dir"] = p.cfg()
	root["privilege_file"] = p.privileges()
	if p.MetricsPort != 0 {
		// Dolt's metrics have no authentication of their own.
		section(root, "metrics")["host"] = "127.0.0.1"
		section(root, "metrics")["port"] = p.MetricsPort
		section(section(root, "metrics"), "labels")["deployment"] = quoted(w.Deployment)
	}
	return encode(root)
}

func encode(root map[string]any) ([]byte, error) {
	body, err := yaml.Marshal(root)
	if err != nil {
		return nil, fmt.Errorf("render config.yaml: %w", err)
	}
	// Dolt expands ${VARIABLE} in this file: without this a setting could read
	// the server's environment.
	body = bytes.ReplaceAll(body, []byte("$"), []byte("$$"))
	return append([]byte("# Written by mainstay-agent at every start. Change the deployment's row instead.\n"), body...), nil
}

// place puts one setting at its dotted path.
func place(root map[string]any, name, value string) error {
	for _, r := range reserved {
		if name == r || strings.HasPrefix(name, r+".") {
			return problem(SettingRefused, "Reserved", "setting %s belongs to Mainstay; remove its row from settings", name)
		}
	}
	if !settingName.MatchString(name) {
		return problem(SettingRefused, "Conflict", "setting %q does not name one value of Dolt's configuration; correct its name", name)
	}
	path := strings.Split(name, ".")
	if variable, ok := strings.CutPrefix(name, "system_variables."); ok {
		path = []string{"system_variables", variable} // a variable's name may hold dots
	}
	at := root
	for _, key := range path[:len(path)-1] {
		if _, taken := at[key]; taken {
			if _, isSection := at[key].(map[string]any); !isSection {
				return problem(SettingRefused, "Conflict", "setting %s contradicts a setting that is a part of its name; remove one of the two", name)
			}
		}
		at = section(at, key)
	}
	last := path[len(path)-1]
	if _, taken := at[last]; taken {
		return problem(SettingRefused, "Conflict", "setting %q does not name one value of Dolt's configuration; correct its name", name)
	}
	at[last] = scalar(value)
	return nil
}

// section returns the map at a key, making it where it is missing.
func section(at map[string]any, key string) map[string]any {
	if sub, ok := at[key].(map[string]any); ok {
		return sub
	}
	sub := map[string]any{}
	at[key] = sub
	return sub
}

// scalar gives a value the type that Dolt expects: settings are text in the
// fleet's repository.
func scalar(value string) any {
	switch value {
	case "true":
		return true
	case "false":
		return false
	}
	if n, err := strconv.ParseInt(value, 10, 64); err == nil && strconv.FormatInt(n, 10) == value {
		return n
	}
	if f, err := strconv.ParseFloat(value, 64); err == nil && strconv.FormatFloat(f, 'f', -1, 64) == value {
		return f
	}
	return quoted(value)
}

// quoted is a text as YAML should have it. One with line breaks is put into quotes: as
// a block of lines the library writes some that it does not read again.
func quoted(text string) any {
	if !strings.ContainsAny(text, "\r\n") {
		return text
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Style: yaml.DoubleQuotedStyle, Tag: "!!str", Value: text}
}
