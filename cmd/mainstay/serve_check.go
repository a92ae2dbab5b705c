package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/mainstaydb/mainstay/cmd/mainstay/aws"
	"github.com/mainstaydb/mainstay/cmd/mainstay/daemon"
	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
)

// checkServe tells whether what a configuration names is there. The file itself was
// read and is good.
func (a *app) checkServe(ctx context.Context, file string, c daemon.Config) error {
	checks := []aws.Check{{What: "configuration", OK: true, Says: file + " is good"}}
	if c.Hub.PasswordFile != "" {
		_, err := readPassword(c.Hub.PasswordFile)
		checks = append(checks, told("hub password", "can be read", err))
	}
	if c.Cloud.EC2 != nil {
		account, err := aws.Open(ctx, c, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		checks = append(checks, account.Check(ctx)...)
	} else {
		_, err := findPrograms(c.VersionsDir)
		checks = append(checks, told("programs", "the agent and Dolt are there", err))
	}
	return a.writeChecks(checks)
}

func told(what, found string, err error) aws.Check {
	if err != nil {
		return aws.Check{What: what, Says: err.Error()}
	}
	return aws.Check{What: what, OK: true, Says: found}
}

func (a *app) writeChecks(checks []aws.Check) error {
	wrong := 0
	for _, c := range checks {
		if !c.OK {
			wrong++
		}
	}
	if a.json() {
		if err := render.JSON(a.stdout, checks); err != nil {
			return err
		}
	} else {
		for _, c := range checks {
			mark := a.style().Good("✓")
			if !c.OK {
				mark = a.style().Bad("✗")
			}
			fmt.Fprintf(a.stdout, "%s %s: %s\n", mark, c.What, sentence(fmt.Errorf("%s", c.Says)))
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%s of %d failed; mend what is told above", render.Count(wrong, "check"), len(checks))
	}
	return nil
}
