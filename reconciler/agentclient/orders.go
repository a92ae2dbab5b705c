package agentclient

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net/netip"
	"time"

	"google.golang.org/grpc"

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
	// nonceSize leaves no chance that a proof was heard before.
	nonceSize = 32
)

// Enrol implements reconciler.Agents. The one-time token proves that the agent
// is the one that was launched; the certificate it gets is its proof from then
// on. An agent that is enrolled already is left as it is.
func (c *Client) Enrol(ctx context.Context, machineID string) error {
	w, address, err := c.find(machineID)
	if err != nil {
		return err
	}
	ch, verdict := w.takeFresh(), error(errNotEnrolled)
	if ch == nil {
		if ch, verdict, err = c.dialToHeal(ctx, machineID, address); err != nil {
			return c.failed("enrol", machineID, err)
		}
	}
	defer ch.Close()
	var token []byte
	switch verdict {
	case nil:
		w.kick() // another control plane was faster
		return c.untilEnrolled(ctx, w)
	case errNotEnrolled:
		if token, err = c.opts.Tokens.EnrolmentToken(ctx, machineID); err != nil {
			return fmt.Errorf("machine %s cannot be enrolled: %w", machineID, err)
		}
		if len(token) == 0 { // anybody could prove to know that
			return fmt.Errorf("machine %s cannot be enrolled: its token is empty; terminate the machine to get a fresh one", machineID)
		}
	}
	if err := c.certify(ctx, ch, machineID, token); err != nil {
		return c.failed("enrol", machineID, err)
	}
	c.log.Info("agent enrolled", "machine", machineID)
	w.kick()
	return c.untilEnrolled(ctx, w)
}

// settleIn is what a fresh agent may take to show its certificate before the
// enrolment is looked at again: one handshake, and the machine may be busy.
const settleIn = 5 * time.Second

// untilEnrolled waits for the watcher's first report over the verified channel: a
// decision made on an older one would enrol the agent again.
func (c *Client) untilEnrolled(ctx context.Context, w *watcher) error {
	ctx, cancel := context.WithTimeout(ctx, settleIn)
	defer cancel()
	for {
		enrolled, news := c.enrolled(w.id)
		if enrolled {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the agent on machine %s was enrolled and does not show its certificate yet: %w", w.id, ctx.Err())
		case <-news:
		}
	}
}

// enrolled tells whether the last report says so, and what closes at the next one.
func (c *Client) enrolled(machineID string) (is bool, news <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reports[machineID].Enrolled, c.news
}

// dialToHeal connects also to an agent that has no certificate yet or an old
// one, and says which: nil, errNotEnrolled or errExpired.
func (c *Client) dialToHeal(ctx context.Context, machineID, address string) (ch *channel, verdict, err error) {
	verify := c.verify(machineID)
	ch, err = dial(ctx, address, tlsConfig(c.opts.CA, func(cs tls.ConnectionState) error {
		verdict = verify(cs)
		if verdict == errNotEnrolled || verdict == errExpired {
			return nil
		}
		return verdict
	}))
	return ch, verdict, err
}

// certify has the agent make a key and signs for it. With a token the agent must
// prove that it knows it; without, the channel must have proved who it is.
func (c *Client) certify(ctx context.Context, ch grpc.ClientConnInterface, machineID string, token []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	agent := agentpb.NewEnrolmentClient(ch)
	nonce := make([]byte, nonceSize)
	rand.Read(nonce)
	answer, err := agent.Request(ctx, &agentpb.EnrolRequest{Nonce: nonce})
	if err != nil {
		return err
	}
	if answer.GetMachineId() != machineID {
		return fmt.Errorf("the agent says it is on machine %s; nothing was signed", answer.GetMachineId())
	}
	if token != nil && !hmac.Equal(answer.GetTokenProof(), proof(token, nonce, answer.GetCsrDer())) {
		return fmt.Errorf("the agent does not know the token of machine %s: it is not the one that was launched, and nothing was signed; terminate the machine to get a fresh one", machineID)
	}
	cert, err := c.opts.CA.SignAgent(answer.GetCsrDer(), machineID)
	if err != nil {
		return err
	}
	_, err = agent.Accept(ctx, &agentpb.AcceptRequest{CertificatePem: cert})
	return err
}

func proof(token, nonce, csr []byte) []byte {
	mac := hmac.New(sha256.New, token)
	mac.Write(nonce)
	mac.Write(csr)
	return mac.Sum(nil)
}

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
	cert, key, err := c.opts.CA.Listener(ctx, order.Deployment, listenerNames(order.Deployment, w.host))
	if err != nil {
		return fmt.Errorf("deployment %s: %w", order.Name, err)
	}
	request := &agentpb.DeployRequest{
		Order: &agentpb.Order{
			Generation: order.Generation, Deployment: order.Deployment, Name: order.Name,
			DoltVersion: order.DoltVersion, DoltUrl: order.DoltURL, DoltSha256: order.DoltSHA256,
			Settings: order.Settings, Certificate: order.Certificate,
		},
		AdministratorPassword: password, ListenerCertificatePem: cert, ListenerKeyPem: key,
	}
	return c.call(ctx, "deploy to", machineID, callTimeout, func(ctx context.Context, agent agentpb.AgentClient) error {
		_, err := agent.Deploy(ctx, request)
		return err
	})
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

// Stop implements reconciler.Agents.
func (c *Client) Stop(ctx context.Context, machineID string, generation int64) error {
	return c.call(ctx, "stop the database on", machineID, stopTimeout, func(ctx context.Context, agent agentpb.AgentClient) error {
		_, err := agent.Stop(ctx, &agentpb.StopRequest{Generation: generation})
		return err
	})
}

// Update implements reconciler.Agents.
func (c *Client) Update(ctx context.Context, machineID string, release plan.AgentRelease) error {
	return c.call(ctx, "update the agent on", machineID, callTimeout, func(ctx context.Context, agent agentpb.AgentClient) error {
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
