package agentclient

import (
	"context"
	"time"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

// renew gives the agent a new certificate when a third of the life of the one it
// shows is left: there is time for several tries. A failure costs nothing yet.
func (w *watcher) renew(ctx context.Context, ch *channel, status *agentpb.StatusResponse) {
	expires := timeOf(status.GetCertificateExpiresAt())
	if expires.IsZero() || time.Until(expires) > secrets.AgentLifetime/3 {
		return
	}
	if err := w.client.certify(ctx, ch, w.id, nil); err != nil {
		w.client.log.Warn("an agent's certificate could not be renewed; it is tried again", "machine", w.id, "expires", expires, "err", err)
		return
	}
	w.client.log.Info("an agent's certificate was renewed", "machine", w.id)
}

// revive renews a certificate that ran out, as after a holiday with the control
// plane off. The agent proves with the old key that it is the machine; nothing
// but a certificate for that same machine goes to it, and only while the cloud
// lists the machine at this address.
func (w *watcher) revive(ctx context.Context, ch *channel) error {
	c := w.client
	defer ch.Close()
	if err := c.certify(ctx, ch, w.id, nil); err != nil {
		return err
	}
	c.log.Info("an agent's certificate that had run out was renewed", "machine", w.id)
	w.kick()
	return errExpired
}
