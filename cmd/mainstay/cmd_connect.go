package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/mainstaydb/mainstay/cmd/mainstay/home"
	"github.com/mainstaydb/mainstay/cmd/mainstay/hub"
	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/cmd/mainstay/sqlshell"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
	"github.com/spf13/cobra"
)

// administrator is who the password of a deployment is for.
const administrator = "root"

type connectOptions struct {
	name      string
	statement string
	print     bool
	password  bool
}

func newConnectCommand(a *app) *cobra.Command {
	var o connectOptions
	cmd := &cobra.Command{
		Use:   "connect NAME|hub",
		Short: "Open a SQL prompt on a database, run SQL on it, or print how to reach it",
		Long: `Connects as administrator, over TLS, verified with the fleet's CA or, where the database shows
a certificate of a public authority, with those that this computer trusts. A MySQL client is used for the
prompt where one is installed and the fleet's CA is all it needs. The password comes from the secret store
and is on no command line; --password prints it, for other programs. The name hub is the embedded hub itself.`,
		Example: `  mainstay connect orders
  mainstay connect orders -e "SELECT dolt_version()"
  mainstay connect orders --print
  MYSQL_PWD=$(mainstay connect orders --password) mysqldump …
  mainstay connect hub -e "CALL dolt_reset('--hard')"`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeDeployments,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.wantOutput("table", "json"); err != nil {
				return err
			}
			if o.print && o.statement != "" {
				return usagef("--print tells how to connect and --execute does; give one of them")
			}
			if o.password && (o.print || o.statement != "") {
				return usagef("--password prints the password and nothing else; leave --print and --execute out")
			}
			o.name = args[0]
			return a.connect(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVarP(&o.statement, "execute", "e", "", "run this SQL, print what it gives, and end")
	cmd.Flags().BoolVar(&o.print, "print", false, "print where the database is and how to connect")
	cmd.Flags().BoolVar(&o.password, "password", false, "print the administrator's password and nothing else")
	return cmd
}

func (a *app) connect(ctx context.Context, o connectOptions) error {
	t, err := a.target()
	if err != nil {
		return err
	}
	if t.run == nil {
		return fmt.Errorf("the passwords of this fleet are with its control plane; name its directory with --dir")
	}
	server, err := a.server(ctx, t, o.name)
	if err != nil {
		return err
	}
	if o.password {
		return a.printPassword(server)
	}
	if o.print {
		return a.printServer(t, o.name, server)
	}
	if o.statement != "" {
		return a.execute(ctx, server, o.statement)
	}
	if !render.IsTerminal(a.stdin) || server.Public { // MySQL clients know no file of this computer's authorities
		return a.prompt(ctx, o.name, server)
	}
	caFile, err := t.writeCA(server.CA)
	if err != nil {
		return err
	}
	if err := a.nativeClient(ctx, server, caFile); !errors.Is(err, errNoClient) {
		return err
	}
	return a.prompt(ctx, o.name, server)
}

// server finds where a deployment is and what opens it.
func (a *app) server(ctx context.Context, t target, name string) (sqlshell.Target, error) {
	if name == "hub" {
		return t.hubServer()
	}
	c, err := a.open(ctx)
	if err != nil {
		return sqlshell.Target{}, err
	}
	defer c.Close()
	s, err := c.statusAt(ctx, statusOptions{name: name})
	if err != nil {
		return sqlshell.Target{}, err
	}
	d := s.Deployments[0]
	if d.Port == 0 {
		return sqlshell.Target{}, fmt.Errorf("%s is %s and has no address; mainstay status %s says why", d.Name, d.Phase, d.Name)
	}
	server, err := openSecrets(ctx, t, d)
	if err != nil {
		return sqlshell.Target{}, err
	}
	server.Public, err = c.showsPublic(ctx, s.Commit, d)
	return server, err
}

// showsPublic says whether the certificate of a database is a public authority's.
func (c *client) showsPublic(ctx context.Context, commit string, d view.Deployment) (bool, error) {
	if commit == "" { // nothing is in force
		return false, nil
	}
	desired, err := c.Snapshot(ctx, commit)
	if err != nil {
		return false, err
	}
	row := desired.Deployments[d.ID]
	if row == nil || row.Certificate != "acme" {
		return false, nil
	}
	return !slices.ContainsFunc(d.Conditions, func(c view.Condition) bool { return c.Reason == "FleetForNow" && c.Status }), nil
}

func (t target) hubServer() (sqlshell.Target, error) {
	if t.run.SQLPort == 0 {
		return sqlshell.Target{}, fmt.Errorf("the hub %s is not run by this control plane; connect with it directly", t.hub)
	}
	return sqlshell.Target{
		Host: "127.0.0.1", Port: t.run.SQLPort, User: hub.User, Password: t.password, Database: hub.Database,
	}, nil
}

// openSecrets finds the password and the CA.
func openSecrets(ctx context.Context, t target, d view.Deployment) (sqlshell.Target, error) {
	store, err := t.store(ctx)
	if err != nil {
		return sqlshell.Target{}, err
	}
	password, err := t.secret(ctx, d.ID)
	if errors.Is(err, secrets.ErrNotFound) {
		return sqlshell.Target{}, fmt.Errorf("%s has no password yet, so it never served; wait for mainstay status to say serving: %w", d.Name, err)
	}
	if err != nil {
		return sqlshell.Target{}, err
	}
	ca, err := secrets.OpenCA(ctx, store)
	if err != nil {
		return sqlshell.Target{}, err
	}
	return sqlshell.Target{Host: d.Host, Port: d.Port, User: administrator, Password: password, CA: ca.PEM(), ID: d.ID, Domain: t.publicDomain()}, nil
}

// writeCA puts the CA's certificate, which is public, where clients can name it.
func (t target) writeCA(pem []byte) (string, error) {
	if pem == nil {
		return "", nil
	}
	path := t.home.CA()
	if old, err := os.ReadFile(path); err == nil && string(old) == string(pem) {
		return path, nil
	}
	return path, home.WriteFile(path, pem)
}

func (a *app) execute(ctx context.Context, server sqlshell.Target, statement string) error {
	session, err := server.Open(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	results, err := session.Run(ctx, statement)
	if err != nil {
		return fmt.Errorf("the database refuses the statement: %w", err)
	}
	if !a.json() {
		return sqlshell.Print(a.stdout, results)
	}
	for _, r := range results {
		if err := render.JSON(a.stdout, render.Records(r.Columns, r.Rows)); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) prompt(ctx context.Context, name string, server sqlshell.Target) error {
	session, err := server.Open(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	if render.IsTerminal(a.stdin) {
		fmt.Fprintf(a.stdout, "connected with %s on %s:%d; end statements with ; and the session with exit\n", name, server.Host, server.Port)
	}
	return session.Prompt(ctx, name, a.stdin, a.stdout)
}

// connectDoc is what connect --print -o json prints.
type connectDoc struct {
	Host            string `json:"host"`
	Port            int    `json:"port"`
	User            string `json:"user"`
	Database        string `json:"database,omitempty"`
	CA              string `json:"ca,omitempty"`     // file; left out where it is a public authority's, or there is no TLS
	PasswordCommand string `json:"password_command"` // what prints the password
}

// printPassword is for a shell's $(…), which drops the line's end.
func (a *app) printPassword(server sqlshell.Target) error {
	if a.json() {
		return render.JSON(a.stdout, map[string]string{"password": server.Password})
	}
	_, err := fmt.Fprintln(a.stdout, server.Password)
	return err
}

// passwordCommand is the command line that prints a password.
func (t target) passwordCommand(name string) string {
	command := "mainstay connect " + name + " --password"
	if at := display(t.home.Root()); at != home.Default {
		command += " --dir " + quoteShell(at)
	}
	return command
}

func (a *app) printServer(t target, name string, server sqlshell.Target) error {
	ca := ""
	if !server.Public {
		var err error
		if ca, err = t.writeCA(server.CA); err != nil {
			return err
		}
	}
	doc := connectDoc{
		Host: server.Host, Port: server.Port, User: server.User, Database: server.Database, CA: ca,
		PasswordCommand: t.passwordCommand(name),
	}
	if a.json() {
		return render.JSON(a.stdout, doc)
	}
	return writeServer(a.stdout, doc, server.Public)
}

func writeServer(w io.Writer, doc connectDoc, public bool) error {
	table := render.NewTable(render.Style{})
	table.Row("host", doc.Host)
	table.Row("port", fmt.Sprint(doc.Port))
	table.Row("user", doc.User)
	if doc.Database != "" {
		table.Row("database", doc.Database)
	}
	table.Row("password", "by "+doc.PasswordCommand)
	if public {
		table.Row("CA", "of a public authority; name the file of those that this computer trusts with --ssl-ca")
	}
	options := ""
	if doc.CA != "" {
		table.Row("CA", doc.CA)
		options += " --ssl-ca=" + quoteShell(doc.CA)
	}
	if doc.Database != "" {
		options += " " + doc.Database
	}
	if err := table.Write(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nMYSQL_PWD=$(%s) mysql --host=%s --port=%d --user=%s%s\n",
		doc.PasswordCommand, doc.Host, doc.Port, doc.User, options)
	return err
}

// quoteShell makes a path one word for a shell.
func quoteShell(s string) string {
	if !strings.ContainsAny(s, " \t\n'\"$`\\&|;<>()*?[]{}~#!") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
