package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

// completeBound keeps a shell's prompt alive: completion that takes longer is
// worse than none.
const completeBound = 2 * time.Second

// completeDeployments offers the names on main.
func (a *app) completeDeployments(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.complete(cmd, "SELECT name FROM deployments ORDER BY name")
}

// completeBranches offers the branches of the hub.
func (a *app) completeBranches(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.complete(cmd, "")
}

// completeFlag offers branches as a flag's value.
func (a *app) completeFlag(cmd *cobra.Command, flag string) {
	// It fails only for a flag that does not exist, which a test would find.
	_ = cmd.RegisterFlagCompletionFunc(flag, a.completeBranches)
}

// complete asks the hub; where that fails there is nothing to offer, and nothing
// to say at a prompt.
func (a *app) complete(cmd *cobra.Command, query string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeBound)
	defer cancel()
	names, err := a.completions(ctx, query)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError | cobra.ShellCompDirectiveNoFileComp
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completions(ctx context.Context, query string) ([]cobra.Completion, error) {
	c, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var names []cobra.Completion
	if query == "" {
		branches, err := c.Branches(ctx)
		for _, b := range branches {
			names = append(names, b.Name)
		}
		return names, err
	}
	result, err := c.Query(ctx, "main", query)
	if err != nil {
		return nil, err
	}
	for _, row := range result.Rows {
		if name, ok := row[0].(string); ok {
			names = append(names, name)
		}
	}
	return names, nil
}
