package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
}

func newConnectCommand(a *app) *cobra.Command {
	var o connectOptions
	cmd := &cobra.Command{
		Use:   "connect NAME|hub",
		Short: "Open a SQL prompt on a database, run SQL on it, or print how to reach it",
		Long: `Connects as administrator, over TLS, verified with the fleet's CA. A MySQL client is used
for the prompt where one is installed. The password comes from the secret store and is on no command
line. The name hub is the embedded hub itself.`,
		Example: `  mainstay connect orders
  mainstay connect orders -e "SELECT dolt_version()"
  mainstay connect orders --print
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
			o.name = args[0]
			return a.connect(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVarP(&o.statement, "execute", "e", "", "run this SQL, print what it gives, and end")
	cmd.Flags().BoolVar(&o.print, "print", false, "print where the database is and how to connect")
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
	if o.print {
		return a.printServer(t, server)
	}
	if o.statement != "" {
		return a.execute(ctx, server, o.statement)
	}
	if !render.IsTerminal(a.stdin) {
		return a.prompt(ctx, o.name, server)
	}
	caFile, err := t.writeCA(server.CA)
	if err != nil {
		return err
	}
	if err := a.nativeClient(ctx, server.Target, caFile); !errors.Is(err, errNoClient) {
		return err
	}
	return a.prompt(ctx, o.name, server)
}

// A server is a database with what opens it.
type server struct {
	sqlshell.Target
	passwordFile string
}

// server finds where a deployment is and what opens it.
func (a *app) server(ctx context.Context, t target, name string) (server, error) {
	if name == "hub" {
		return t.hubServer()
	}
	c, err := a.open(ctx)
	if err != nil {
		return server{}, err
	}
	defer c.Close()
	s, err := c.statusAt(ctx, statusOptions{name: name})
	if err != nil {
		return server{}, err
	}
	d := s.Deployments[0]
	if d.Port == 0 {
		return server{}, fmt.Errorf("%s is %s and has no address; mainstay status %s says why", d.Name, d.Phase, d.Name)
	}
	return openSecrets(ctx, t, d)
}

func (t target) hubServer() (server, error) {
	if t.run.SQLPort == 0 {
		return server{}, fmt.Errorf("the hub %s is not run by this control plane; connect with it directly", t.hub)
	}
	return server{passwordFile: t.run.PasswordFile, Target: sqlshell.Target{
		Host: "127.0.0.1", Port: t.run.SQLPort, User: hub.User, Password: t.password, Database: hub.Database,
	}}, nil
}

// openSecrets finds the password and the CA. Nothing is made here: a password that
// this command made would be no server's.
func openSecrets(ctx context.Context, t target, d view.Deployment) (server, error) {
	store, err := secrets.OpenDir(t.run.Secrets)
	if err != nil {
		return server{}, err
	}
	name := "deployments/" + d.ID + "/password"
	password, err := store.Get(ctx, name)
	if err != nil {
		return server{}, fmt.Errorf("%s has no password yet, so it never served; wait for mainstay status to say serving: %w", d.Name, err)
	}
	ca, err := secrets.OpenCA(ctx, store)
	if err != nil {
		return server{}, err
	}
	return server{passwordFile: filepath.Join(t.run.Secrets, filepath.FromSlash(name)), Target: sqlshell.Target{
		Host: d.Host, Port: d.Port, User: administrator, Password: string(password), CA: ca.PEM(),
	}}, nil
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

func (a *app) execute(ctx context.Context, server server, statement string) error {
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

func (a *app) prompt(ctx context.Context, name string, server server) error {
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
	Host         string `json:"host"`
	Port         int    `json:"port"`
	User         string `json:"user"`
	Database     string `json:"database,omitempty"`
	CA           string `json:"ca,omitempty"`
	PasswordFile string `json:"password_file"`
}

func (a *app) printServer(t target, server server) error {
	ca, err := t.writeCA(server.CA)
	if err != nil {
		return err
	}
	doc := connectDoc{
		Host: server.Host, Port: server.Port, User: server.User, Database: server.Database, CA: ca, PasswordFile: server.passwordFile,
	}
	if a.json() {
		return render.JSON(a.stdout, doc)
	}
	return writeServer(a.stdout, doc)
}

func writeServer(w io.Writer, doc connectDoc) error {
	table := render.NewTable()
	table.Row("host", doc.Host)
	table.Row("port", fmt.Sprint(doc.Port))
	table.Row("user", doc.User)
	if doc.Database != "" {
		table.Row("database", doc.Database)
	}
	table.Row("password", "in "+doc.PasswordFile)
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
	_, err := fmt.Fprintf(w, "\nMYSQL_PWD=$(cat %s) mysql --host=%s --port=%d --user=%s%s\n",
		quoteShell(doc.PasswordFile), doc.Host, doc.Port, doc.User, options)
	return err
}

// quoteShell makes a path one word for a shell.
func quoteShell(s string) string {
	if !strings.ContainsAny(s, " \t\n'\"$`\\&|;<>()*?[]{}~#!") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
