package agentclient

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/mainstaydb/mainstay/agent/agentpb"
)

// nonceSize leaves no chance that a proof was heard before.
const nonceSize = 32

// Enrol implements reconciler.Agents. The agent proves that it is the one on the
// machine that was launched; the certificate it gets is its proof from then on. An
// agent that is enrolled already is left as it is.
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
	var proved check
	switch verdict {
	case nil:
		w.kick() // another control plane was faster
		return c.untilEnrolled(ctx, w)
	case errNotEnrolled:
		if proved, err = c.proof(ctx, w); err != nil {
			return fmt.Errorf("machine %s cannot be enrolled: %w", machineID, err)
		}
	}
	if err := c.certify(ctx, ch, machineID, proved); err != nil {
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
	r := c.reports[machineID]
	return r != nil && r.Enrolled, c.news
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

// certify has the agent make a request for its key and signs it. A fresh agent must
// prove who it is; with no check, the channel must have proved it.
func (c *Client) certify(ctx context.Context, ch *channel, machineID string, proved check) error {
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
		return fmt.Errorf("the agent says it is on machine %s; nothing was signed", fit(answer.GetMachineId(), longestName))
	}
	if err := sameKey(ch.peer, answer.GetCsrDer()); err != nil {
		return err
	}
	if proved != nil {
		if err := proved(ctx, nonce, answer); err != nil {
			return err
		}
	}
	cert, err := c.opts.CA.SignAgent(answer.GetCsrDer(), machineID)
	if err != nil {
		return err
	}
	_, err = agent.Accept(ctx, &agentpb.AcceptRequest{CertificatePem: cert})
	return err
}
