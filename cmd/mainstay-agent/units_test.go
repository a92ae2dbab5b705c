package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// unit reads a unit of the image.
func unit(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "deploy", "systemd", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestUnitsRunWhatThereIs: a unit's command line is one that this program takes.
func TestUnitsRunWhatThereIs(t *testing.T) {
	t.Parallel()
	commands := 0
	for _, name := range []string{"mainstay-agent.service", "mainstay-database.service"} {
		for line := range strings.Lines(unit(t, name)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			if !strings.HasPrefix(key, "Exec") {
				continue
			}
			commands++
			words := strings.Fields(value)
			if !strings.HasPrefix(strings.TrimPrefix(words[0], "-"), "/opt/mainstay/bin/mainstay-agent") {
				t.Errorf("%s runs %s", name, words[0])
			}
			found, rest, err := command().Find(words[1:])
			if err == nil {
				err = found.ParseFlags(rest)
			}
			if err != nil || found.Name() != words[1] || found.Flags().Lookup("dir").Value.String() != "/var/lib/mainstay" {
				t.Errorf("%s: %q is no command: %v", name, line, err)
			}
		}
	}
	if commands != 3 {
		t.Errorf("%d command lines, want 3", commands)
	}
}

// TestAgentUnitKeepsTheMachinesMounts: what the agent mounts must be there for the
// whole machine and for the next agent.
func TestAgentUnitKeepsTheMachinesMounts(t *testing.T) {
	t.Parallel()
	text := unit(t, "mainstay-agent.service")
	for _, option := range []string{
		"ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "PrivateMounts", "PrivateUsers", "ProtectKernel", "ProtectControlGroups",
		"ProtectProc", "ProcSubset", "ReadOnlyPaths", "ReadWritePaths", "InaccessiblePaths", "BindPaths", "TemporaryFileSystem", "RootDirectory",
		"MountFlags", "DynamicUser", "ProtectClock", "ProtectHostname", "DevicePolicy", "StateDirectory", "LoadCredential",
	} {
		if strings.Contains(text, "\n"+option) {
			t.Errorf("%s gives the agent a view of its own of what is mounted, or takes devices from it", option)
		}
	}
	for _, line := range []string{"KillMode=process", "Restart=always", "Type=notify", "OOMPolicy=continue", "StartLimitIntervalSec=0"} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("the unit says no %s", line)
		}
	}
}
