package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/config"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"github.com/mainstaydb/mainstay/agent"
	"github.com/mainstaydb/mainstay/agent/cloudwatch"
)

// ship sends the machine's metrics to CloudWatch until ctx ends. Credentials are
// those of the instance's role. What goes wrong with it is told and never ends the
// agent: the database does not need it.
func ship(ctx context.Context, a *agent.Agent, c agent.Config, log *slog.Logger) {
	if c.MetricsPort == 0 || c.Fleet == "" {
		return
	}
	shipper, err := newShipper(ctx, a, c, log)
	if err != nil {
		log.Warn("no metrics are sent to CloudWatch", "err", err)
		return
	}
	_ = shipper.Run(ctx) // ends with ctx alone
}

func newShipper(ctx context.Context, a *agent.Agent, c agent.Config, log *slog.Logger) (*cloudwatch.Shipper, error) {
	aws, err := config.LoadDefaultConfig(ctx, config.WithRegion(c.Region))
	if err != nil {
		return nil, fmt.Errorf("AWS's configuration on this machine cannot be read: %w", err)
	}
	return cloudwatch.New(cloudwatch.Options{
		Client: sdk.NewFromConfig(aws), Board: board{a}, Fleet: c.Fleet, Machine: c.MachineID, Logger: log,
		Metrics: "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(c.MetricsPort)) + "/metrics",
	})
}

// A board is the agent's, as the shipper reads it.
type board struct{ agent *agent.Agent }

// Snapshot implements cloudwatch.Board.
func (b board) Snapshot() cloudwatch.Snapshot { return cloudwatch.FromStatus(b.agent.Snapshot()) }
