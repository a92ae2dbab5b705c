package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/aws"
	"github.com/mainstaydb/mainstay/cmd/mainstay/daemon"
	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
	"github.com/mainstaydb/mainstay/webhooks/github"
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
	if c.GitHub != nil {
		checks = append(checks, checkGitHub(ctx, c)...)
	}
	return a.writeChecks(checks)
}

// checkGitHub tells whether the secrets are there and the repository can be read.
// Nothing is written on GitHub.
func checkGitHub(ctx context.Context, c daemon.Config) []aws.Check {
	store, err := openSecretsOf(ctx, c, slog.New(slog.DiscardHandler), secrets.ReadOnly())
	if err != nil {
		return []aws.Check{told("GitHub secrets", "", err)}
	}
	g := c.GitHub
	for _, s := range append([]daemon.Secret{g.PrivateKey, g.Token}, g.Webhook.Secrets()...) {
		if read := secretAt(s, store); read != nil {
			if _, err := read(ctx); err != nil {
				return []aws.Check{told("GitHub secrets", "", err)}
			}
		}
	}
	checks := []aws.Check{told("GitHub secrets", "can be read", nil)}
	api, err := github.New(github.Options{BaseURL: g.URL, App: g.App, PrivateKey: secretAt(g.PrivateKey, store), Token: secretAt(g.Token, store)})
	if err != nil {
		return append(checks, told("GitHub", "", err))
	}
	defer api.Close()
	ctx, cancel := context.WithTimeout(ctx, githubPatience)
	defer cancel()
	branch := g.BranchOrMain()
	head, err := api.Head(ctx, repositoryOf(g.Repository), branch)
	return append(checks, told("GitHub", fmt.Sprintf("branch %s of %s is at %.12s", branch, g.Repository, head), err))
}

// githubPatience is for a person who waits: GitHub answers within a second or two, or is
// away.
const githubPatience = 30 * time.Second

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
