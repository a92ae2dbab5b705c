package agentclient

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"time"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

const (
	// callTimeout is for calls that an agent answers from memory or after one
	// write to its disk: a disk that takes longer than ten seconds is not working.
	callTimeout = 10 * time.Second
	// stopTimeout also holds the draining of a database: connections get half a
	// minute to end, and the files are closed.
	stopTimeout = time.Minute
	// updateTimeout is for an agent that fetches some ten megabytes before it answers.
	// One that needs longer is asked again, and goes on meanwhile.
	updateTimeout = 2 * time.Minute
)

// Deploy implements reconciler.Agents.
func (c *Client) Deploy(ctx context.Context, machineID string, order plan.Order) error {
	w, _, err := c.find(machineID)
	if err != nil {
		return err
	}
	password, err := secrets.Password(ctx, c.opts.Secrets, order.Deployment)
	if err != nil {
		return fmt.Errorf("deployment %s: %w", order.Name, err)
	}
	cert, key, err := c.listener(ctx, order, w.host)
	if err != nil {
		return fmt.Errorf("deployment %s: %w", order.Name, err)
	}
	request := &agentpb.DeployRequest{
		Order:                 messageOf(order),
		AdministratorPassword: password, ListenerCertificatePem: cert, ListenerKeyPem: key,
	}
	return c.call(ctx, "deploy to", machineID, callTimeout, func(ctx context.Context, agent agentpb.AgentClient) error {
		_, err := agent.Deploy(ctx, request)
		return err
	})
}

// listener is the certificate that the order names, with its key.
func (c *Client) listener(ctx context.Context, order plan.Order, host string) (certPEM, keyPEM []byte, err error) {
	if order.Certificate == "" {
		return c.opts.CA.Listener(ctx, order.Deployment, listenerNames(order.Deployment, host), c.domainNames(order.Name))
	}
	if c.opts.Bundles == nil {
		return nil, nil, fmt.Errorf("it is to show certificate %.12s of a public authority, and this control plane knows none", order.Certificate)
	}
	return c.opts.Bundles.Bundle(ctx, order.Deployment, order.Certificate)
}

// listenerNames are the names that SQL clients may check a database by. The
// deployment's id tells databases behind one address apart; its name may change
// and would cost a restart.
func listenerNames(deployment, host string) []string {
	names := []string{deployment}
	if host != "" {
		names = append(names, host)
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.IsLoopback() {
		names = append(names, "localhost")
	}
	return names
}

// domainNames are the names in DNS, by which most clients check. A rename does not
// restart a database, so that its certificate says the new name from the next one on.
func (c *Client) domainNames(name string) []string {
	if c.opts.Domain == "" {
		return nil
	}
	return []string{name + "." + c.opts.Domain}
}

// Stop implements reconciler.Agents.
func (c *Client) Stop(ctx context.Context, machineID string, generation int64) error {
	return c.call(ctx, "stop the database on", machineID, stopTimeout, func(ctx context.Context, agent agentpb.AgentClient) error {
		_, err := agent.Stop(ctx, &agentpb.StopRequest{Generation: generation})
		return err
	})
}

// Update implements reconciler.Agents.
func (c *Client) Update(ctx context.Context, machineID string, release plan.AgentRelease) error {
	return c.call(ctx, "update the agent on", machineID, updateTimeout, func(ctx context.Context, agent agentpb.AgentClient) error {
		_, err := agent.Update(ctx, &agentpb.UpdateRequest{Version: release.Version, Url: release.URL, Sha256: release.SHA256})
		return err
	})
}

// call gives an order over the watcher's channel, or over a new one where there
// is none just now. When it returns the report is one from after the order: a
// decision made on an older one would give the order again.
func (c *Client) call(ctx context.Context, doing, machineID string, timeout time.Duration, do func(context.Context, agentpb.AgentClient) error) error {
	w, address, err := c.find(machineID)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	order := func(ch *channel) error {
		agent := agentpb.NewAgentClient(ch)
		if err := do(ctx, agent); err != nil {
			return err
		}
		status, err := poll(ctx, agent, 0, 0)
		if err != nil {
			return err
		}
		c.report(w, reportOf(status))
		return nil
	}
	if ch := w.live(); ch != nil {
		return c.failed(doing, machineID, order(ch))
	}
	ch, err := dial(ctx, address, tlsConfig(c.opts.CA, c.verify(machineID)))
	if err != nil {
		return c.failed(doing, machineID, err)
	}
	defer ch.Close()
	return c.failed(doing, machineID, order(ch))
}

func (c *Client) find(machineID string) (w *watcher, address string, err error) {
	w = c.watcher(machineID)
	if w == nil {
		return nil, "", fmt.Errorf("machine %s is not one of the machines that are watched: it is gone, or has not been listed yet", machineID)
	}
	address = w.current().address
	if address == "" {
		return nil, "", fmt.Errorf("machine %s: %w", machineID, errNoAddress)
	}
	return w, address, nil
}

func (c *Client) verify(machineID string) func(tls.ConnectionState) error {
	return verifyAgent(c.opts.CA, machineID, time.Now())
}

// live returns the channel to the enrolled agent; nil: none.
func (w *watcher) live() *channel {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.channel
}
