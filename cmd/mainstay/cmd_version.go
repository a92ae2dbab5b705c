package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/spf13/cobra"
)

// versionInfo is what version -o json prints.
type versionInfo struct {
	Version string `json:"version"`
	Driver  string `json:"dolt_driver"`
	Go      string `json:"go"`
}

func newVersionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the program's version",
		Example: "  mainstay version -o json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := a.wantOutput("table", "json"); err != nil {
				return err
			}
			info := a.versionInfo()
			if a.json() {
				return render.JSON(a.stdout, info)
			}
			_, err := fmt.Fprintf(a.stdout, "mainstay %s (Dolt driver %s, %s)\n", info.Version, info.Driver, info.Go)
			return err
		},
	}
}

func (a *app) versionInfo() versionInfo {
	info := versionInfo{Version: a.version, Go: runtime.Version()}
	if build, ok := debug.ReadBuildInfo(); ok {
		if info.Version == "" {
			info.Version = build.Main.Version
		}
		for _, dep := range build.Deps {
			if dep.Path == "github.com/dolthub/driver" {
				info.Driver = dep.Version
			}
		}
	}
	return info
}
