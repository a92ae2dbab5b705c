package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"

	"github.com/mainstaydb/mainstay/cmd/mainstay/sqlshell"
	"golang.org/x/sys/unix"
)

// errNoClient: no MySQL client is installed.
var errNoClient = errors.New("no MySQL client is installed")

// nativeClient runs the MySQL client that is installed. The password is in its
// environment alone, which only this user can read; an argument, all can.
func (a *app) nativeClient(ctx context.Context, server sqlshell.Target, caFile string) error {
	program, mariadb, err := findClient(ctx)
	if err != nil {
		return err
	}
	cmd := exec.Command(program, clientArgs(server, caFile, mariadb)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.stdin, a.stdout, a.stderr
	cmd.Env = append(os.Environ(), "MYSQL_PWD="+server.Password)
	// Ctrl-C is for the statement in the client, not for us.
	signal.Ignore(unix.SIGINT)
	defer signal.Reset(unix.SIGINT)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s ended with a failure: %w", program, err)
	}
	return nil
}

func findClient(ctx context.Context) (program string, mariadb bool, err error) {
	for _, name := range []string{"mysql", "mariadb"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		out, err := exec.CommandContext(ctx, path, "--version").Output()
		if err != nil {
			continue // a broken installation is none
		}
		return path, bytes.Contains(out, []byte("MariaDB")), nil
	}
	return "", false, errNoClient
}

// clientArgs asks for TLS with a verified server, which the two clients spell
// differently.
func clientArgs(server sqlshell.Target, caFile string, mariadb bool) []string {
	args := []string{"--host=" + server.Host, "--port=" + strconv.Itoa(server.Port), "--protocol=TCP", "--user=" + server.User}
	switch {
	case caFile != "" && mariadb:
		args = append(args, "--ssl-ca="+caFile, "--ssl-verify-server-cert")
	case caFile != "":
		args = append(args, "--ssl-ca="+caFile, "--ssl-mode=VERIFY_IDENTITY")
	case mariadb:
		args = append(args, "--skip-ssl") // newer ones insist on TLS, which the hub on loopback has not
	}
	if server.Database != "" {
		args = append(args, server.Database)
	}
	return args
}
