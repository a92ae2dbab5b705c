package agent

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/durable"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// nonceSize makes a proof good for one request.
const nonceSize = 32

// enrolment gives the machine its identity. The control plane proves who it is
// by its certificate, the machine by the one-time token, which never travels.
type enrolment struct {
	agentpb.UnimplementedEnrolmentServer
	identity *identity
	board    *board
	log      *slog.Logger
	mu       sync.Mutex
}

// Request implements agentpb.EnrolmentServer.
func (e *enrolment) Request(_ context.Context, req *agentpb.EnrolRequest) (*agentpb.EnrolResponse, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(req.GetNonce()) != nonceSize {
		return nil, status.Errorf(codes.InvalidArgument, "the nonce has %d bytes, want %d random ones", len(req.GetNonce()), nonceSize)
	}
	csr, err := e.identity.request()
	if err != nil {
		return nil, status.Errorf(codes.Internal, "make a certificate request: %v", err)
	}
	resp := &agentpb.EnrolResponse{MachineId: e.identity.config.MachineID, CsrDer: csr}
	if e.identity.enrolled() {
		return resp, nil
	}
	token, err := e.token()
	if err != nil {
		return nil, status.Errorf(codes.FailedPrecondition, "%v", err)
	}
	resp.TokenProof = TokenProof(token, req.GetNonce(), csr)
	return resp, nil
}

// Accept implements agentpb.EnrolmentServer.
func (e *enrolment) Accept(_ context.Context, req *agentpb.AcceptRequest) (*agentpb.AcceptResponse, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.identity.accept(req.GetCertificatePem()); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "%v", err)
	}
	if err := durable.Remove(e.identity.config.TokenFile); err != nil {
		return nil, status.Errorf(codes.Internal, "remove the one-time token: %v", err)
	}
	e.board.update(func(s *agentpb.StatusResponse) { s.CertificateExpiresAt = e.identity.expires() })
	e.log.Info("enrolled", "expires", e.identity.expires().AsTime())
	return &agentpb.AcceptResponse{}, nil
}

func (e *enrolment) token() ([]byte, error) {
	data, err := os.ReadFile(e.identity.config.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("this machine has no one-time token left, so it cannot prove who it is; replace the machine: %w", err)
	}
	token := bytes.TrimSpace(data)
	if len(token) == 0 {
		return nil, fmt.Errorf("the one-time token of this machine is empty; replace the machine")
	}
	return token, nil
}

// TokenProof is what a machine answers to show that it holds the one-time token.
// Compare it with hmac.Equal.
func TokenProof(token, nonce, csrDER []byte) []byte {
	mac := hmac.New(sha256.New, token)
	mac.Write(nonce)
	mac.Write(csrDER)
	return mac.Sum(nil)
}
