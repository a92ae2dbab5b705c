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
	"time"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/durable"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// nonceSize makes a proof good for one request.
const nonceSize = 32

// Documents gives the signed word of a machine's cloud on which machine it is. On
// EC2 that is the instance identity document, PKCS #7 in DER or BER, signed with
// RSA-2048: what the metadata service has under instance-identity/rsa2048, decoded.
type Documents interface {
	Document(ctx context.Context) ([]byte, error)
}

// documentTimeout is for a service on the machine's own host, which answers in
// milliseconds; the control plane waits for ten seconds.
const documentTimeout = 5 * time.Second

// enrolment gives the machine its identity. The control plane proves who it is
// by its certificate; the machine by the one-time token, which never travels, or by
// the word of its cloud.
type enrolment struct {
	agentpb.UnimplementedEnrolmentServer
	identity *identity
	board    *board
	log      *slog.Logger
	mu       sync.Mutex
}

// Request implements agentpb.EnrolmentServer.
func (e *enrolment) Request(ctx context.Context, req *agentpb.EnrolRequest) (*agentpb.EnrolResponse, error) {
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
	if err := e.prove(ctx, req.GetNonce(), resp); err != nil {
		return nil, status.Errorf(codes.FailedPrecondition, "%v", err)
	}
	return resp, nil
}

// prove adds to an answer what shows which machine this is.
func (e *enrolment) prove(ctx context.Context, nonce []byte, resp *agentpb.EnrolResponse) error {
	if documents := e.identity.config.Documents; documents != nil {
		ctx, cancel := context.WithTimeout(ctx, documentTimeout)
		defer cancel()
		document, err := documents.Document(ctx)
		if err != nil {
			return fmt.Errorf("this machine cannot get its identity document, so it cannot prove who it is; check that its metadata service is enabled: %w", err)
		}
		resp.IdentityPkcs7 = document
		return nil
	}
	token, err := e.token()
	if err != nil {
		return err
	}
	resp.TokenProof = TokenProof(token, nonce, resp.GetCsrDer())
	return nil
}

// Accept implements agentpb.EnrolmentServer.
func (e *enrolment) Accept(_ context.Context, req *agentpb.AcceptRequest) (*agentpb.AcceptResponse, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.identity.accept(req.GetCertificatePem()); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "%v", err)
	}
	if file := e.identity.config.TokenFile; file != "" {
		if err := durable.Remove(file); err != nil {
			return nil, status.Errorf(codes.Internal, "remove the one-time token: %v", err)
		}
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
