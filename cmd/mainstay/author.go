package main

import (
	"context"
	"net/mail"
	"os"
	"os/exec"
	"os/user"
	"strings"

	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/spf13/cobra"
)

// parseAuthor reads "Name <mail>".
func parseAuthor(s string) (repo.Author, error) {
	addr, err := mail.ParseAddress(s)
	if err != nil || addr.Name == "" {
		return repo.Author{}, usagef("%q is no author; write it as: Name <mail@example.org>", s)
	}
	return repo.Author{Name: addr.Name, Email: addr.Address}, nil
}

// authorFlag lets a command that commits be told who does.
func (a *app) authorFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.wantAuthor, "author", a.getenv("MAINSTAY_AUTHOR"), "who commits, as \"Name <mail>\"; MAINSTAY_AUTHOR, else what git says")
}

// author is who commits: who was named, who git says, or the user and the host.
// Commits by nobody would make blame useless.
func (a *app) author(ctx context.Context) (repo.Author, error) {
	if a.wantAuthor != "" {
		return parseAuthor(a.wantAuthor)
	}
	name, email := gitConfig(ctx, "user.name"), gitConfig(ctx, "user.email")
	if name != "" && email != "" {
		return repo.Author{Name: name, Email: email}, nil
	}
	return localAuthor(), nil
}

// localAuthor is the user on this host. It costs nothing to find out, and is
// enough for commands that only read.
func localAuthor() repo.Author {
	who := "unknown"
	if u, err := user.Current(); err == nil {
		who = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return repo.Author{Name: who, Email: who + "@" + host}
}

// gitConfig asks git, where there is one.
func gitConfig(ctx context.Context, key string) string {
	out, err := exec.CommandContext(ctx, "git", "config", "--get", key).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
