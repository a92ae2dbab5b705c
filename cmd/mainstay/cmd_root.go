package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mainstaydb/mainstay/cmd/mainstay/home"
	"github.com/spf13/cobra"
)

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "mainstay",
		Short: "Run a fleet of Dolt servers from rows in a Dolt repository",
		Long: `Mainstay runs managed Dolt servers. What should run is rows on the branch main of a
Dolt repository, the hub; a control plane makes the world match them.`,
		Example: `  mainstay up                       a hub, a control plane and three databases, here
  mainstay status                   what runs, and what is waited for
  mainstay sql -m "add orders" "INSERT INTO deployments (name) VALUES ('orders')"
  mainstay connect orders           a SQL prompt on it`,
		SilenceErrors:     true, // run prints them, once and in our form
		SilenceUsage:      true,
		Args:              unknownCommand,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w; see %s --help", err, cmd.CommandPath())
	})
	flags := root.PersistentFlags()
	flags.StringVar(&a.dir, "dir", a.env("MAINSTAY_DIR", home.Default), "the fleet's directory; MAINSTAY_DIR")
	flags.StringVar(&a.hub, "hub", a.getenv("MAINSTAY_HUB"), "URL of the fleet's repository, in place of the one --dir knows; MAINSTAY_HUB")
	flags.StringVar(&a.user, "hub-user", a.env("MAINSTAY_HUB_USER", ""), "user on the hub; the password is read from MAINSTAY_HUB_PASSWORD")
	flags.StringVarP(&a.output, "output", "o", "table", "how data is printed: table or json")
	addCommands(root, a)
	wrapArgs(root)
	root.SuggestionsMinimumDistance = 2 // two slips of a finger
	return root
}

func addCommands(root *cobra.Command, a *app) {
	root.AddCommand(
		newUpCommand(a),
		newDownCommand(a),
		newServeCommand(a),
		newSecretCommand(a),
		newInitCommand(a),
		newStatusCommand(a),
		newConnectCommand(a),
		newSQLCommand(a),
		newBranchCommand(a),
		newPRCommand(a),
		newCICommand(a),
		newPlanCommand(a),
		newDiffCommand(a),
		newLogCommand(a),
		newBlameCommand(a),
		newRollbackCommand(a),
		newImportCommand(a),
		newExportCommand(a),
		newVersionCommand(a),
		newCompletionCommand(a),
	)
}

// env gives the variable's value, or the default where it is not set.
func (a *app) env(name, otherwise string) string {
	if v := a.getenv(name); v != "" {
		return v
	}
	return otherwise
}

func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	near := cmd.SuggestionsFor(args[0])
	if len(near) > 0 {
		return usagef("there is no command %q; did you mean %s?", args[0], strings.Join(near, " or "))
	}
	return usagef("there is no command %q; see mainstay --help", args[0])
}

// wrapArgs makes what cobra finds wrong about arguments a fault of usage.
func wrapArgs(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		wrapArgs(c)
	}
	check := cmd.Args
	if check == nil {
		return
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		var usage usageError
		if err := check(cmd, args); errors.As(err, &usage) {
			return err
		} else if err != nil {
			return usageError{fmt.Errorf("%w; usage: %s", err, cmd.UseLine())}
		}
		return nil
	}
}
