package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/mainstaydb/mainstay/cmd/mainstay/adopt"
	"github.com/mainstaydb/mainstay/cmd/mainstay/aws"
	"github.com/mainstaydb/mainstay/cmd/mainstay/daemon"
	"github.com/mainstaydb/mainstay/specs/repo"
)

type importEC2Options struct {
	config string
	branch string
	dryRun bool
}

func newImportEC2Command(a *app) *cobra.Command {
	var o importEC2Options
	cmd := &cobra.Command{
		Use:   "ec2",
		Short: "Propose rows for machines on EC2 that are run by hand",
		Long: `Lists the machines of the account and region that carry the tag mainstay:adopt, with the name that
their deployment is to have as its value, and belong to no fleet; says what each lacks; gives the
volumes of the others the fleet's tags; and proposes their rows. The volumes come first: a row that
is merged before its volume is known would begin with an empty one. Nothing is stopped, moved or
detached. After the merge a machine is launched for each, and waits until a person has detached the
volume from the old one: docs/adoption.md has all steps, and what a volume must look like. The same
command again goes on where it was. It takes credentials from where AWS's own tools do; they need
ec2:CreateTags on these volumes, which the control plane's role is not given.`,
		Example: `  mainstay import ec2 --config mainstay.yaml --dry-run
  mainstay import ec2 --config mainstay.yaml
  mainstay import ec2 --config mainstay.yaml -b adopt/shops -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.wantOutput("table", "json"); err != nil {
				return err
			}
			return a.importEC2(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.config, "config", "mainstay.yaml", "the control plane's configuration: the fleet, its region, its hub")
	cmd.Flags().StringVarP(&o.branch, "branch", "b", "", "the branch to propose; adopt/ and the date if left out")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what there is and what it lacks, and change nothing")
	a.authorFlag(cmd)
	a.completeFlag(cmd, "branch")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	return cmd
}

func (a *app) importEC2(ctx context.Context, o importEC2Options) error {
	if o.branch == "" {
		o.branch = "adopt/" + time.Now().Format(time.DateOnly)
	}
	if reserved(o.branch) {
		return usagef("machines are proposed on a branch, and %s is none that can be; leave -b out, or name another", o.branch)
	}
	c, err := daemon.Read(o.config, repo.CheckHub)
	if err != nil {
		return usageError{err}
	}
	if c.Cloud.EC2 == nil {
		return usagef("%s is for the local cloud, where everything is the fleet's already; name the configuration of a fleet on EC2", o.config)
	}
	account, err := aws.Open(ctx, c, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	cloud, err := account.Existing()
	if err != nil {
		return err
	}
	found, err := cloud.Candidates(ctx)
	if err != nil {
		return err
	}
	ad := &adoption{app: a, cloud: cloud, region: c.Cloud.EC2.Region, options: o}
	ad.doc = adoptionDoc{Branch: o.branch, Machines: adopt.Machines(found, uuid.NewString)}
	return ad.with(ctx, c)
}

// with opens the hub and goes through it.
func (ad *adoption) with(ctx context.Context, c daemon.Config) error {
	t, err := ad.app.configuredHub(c)
	if err != nil {
		return err
	}
	author, err := ad.app.author(ctx)
	if err != nil {
		return err
	}
	ad.client, err = ad.app.openAt(ctx, t, author)
	if err != nil {
		return err
	}
	err = ad.run(ctx)
	if err = errors.Join(err, ad.client.Close()); err != nil {
		return conflict(err)
	}
	return ad.verdict()
}

// verdict says no when there is something, and all of it lacks something.
func (ad *adoption) verdict() error {
	lacking := len(adopt.In(ad.doc.Machines, adopt.Lacking))
	if lacking == 0 || lacking < len(ad.doc.Machines) {
		return nil
	}
	return refusef("nothing was changed: %s; mend what is told above and run it again",
		countOf(lacking, "%d machine was found and lacks something", "%d machines were found and all lack something"))
}
