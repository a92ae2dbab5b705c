package webhooks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"
)

const (
	// longestBody is GitHub's own limit for a delivery.
	longestBody = 25 << 20
	// bodyTime is how long a body may take to arrive. GitHub gives up on an answer
	// after ten seconds.
	bodyTime = 10 * time.Second
	// bodiesAtOnce bounds the memory that strangers can take: so many bodies of the
	// full length. What is turned away meanwhile is found by the sweep.
	bodiesAtOnce = 8
)

// An EndpointConfig says what an endpoint believes and where it puts it.
type EndpointConfig struct {
	Repository Repository
	Base       string // branch whose pushes matter
	// Secrets gives those that deliveries may be signed with, read anew for each one, so
	// that a secret can be changed without a restart.
	Secrets func(context.Context) ([][]byte, error)
	Inbox   Inbox
	Log     *slog.Logger
}

// An Endpoint takes GitHub's deliveries. Make it with NewEndpoint.
type Endpoint struct {
	cfg    EndpointConfig
	log    *slog.Logger
	bodies chan struct{}
}

// NewEndpoint makes an endpoint.
func NewEndpoint(cfg EndpointConfig) *Endpoint {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Endpoint{cfg: cfg, log: log, bodies: make(chan struct{}, bodiesAtOnce)}
}

// Handler serves POST /github.
func (e *Endpoint) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /github", e.serve)
	return mux
}

// A refusal is an answer with its reason.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return r.reason }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

func (e *Endpoint) serve(w http.ResponseWriter, r *http.Request) {
	log := e.log.With("delivery", fmt.Sprintf("%.64q", r.Header.Get("X-GitHub-Delivery")), "event", fmt.Sprintf("%.64q", r.Header.Get("X-GitHub-Event")))
	told, err := e.accept(w, r)
	var no *refusal
	switch {
	case errors.As(err, &no):
		log.Warn("a delivery was refused", "status", no.status, "reason", no.reason)
		// The rest of a body that is not wanted is not read.
		w.Header().Set("Connection", "close")
		http.Error(w, no.reason, no.status)
	case err != nil:
		log.Error("a delivery could not be kept; the sweep makes up for it", "err", err)
		http.Error(w, "the delivery could not be kept; deliver it again", http.StatusInternalServerError)
	default:
		log.Debug("a delivery was taken", "answer", told)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, told+"\n")
	}
}

// accept believes a delivery, keeps what it is about, and says what it did.
func (e *Endpoint) accept(w http.ResponseWriter, r *http.Request) (string, error) {
	id, event := r.Header.Get("X-GitHub-Delivery"), r.Header.Get("X-GitHub-Event")
	signature, ok := readSignature(r.Header.Get("X-Hub-Signature-256"))
	switch media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); {
	case !ok:
		return "", refuse(http.StatusUnauthorized, "the delivery is not signed; give the webhook a secret")
	case !deliveryID.MatchString(id):
		return "", refuse(http.StatusBadRequest, "X-GitHub-Delivery is missing or no id")
	case media != "application/json":
		return "", refuse(http.StatusUnsupportedMediaType, "set the webhook's content type to application/json")
	case r.ContentLength > longestBody:
		return "", refuse(http.StatusRequestEntityTooLarge, "the body is longer than the %d bytes that GitHub sends at most", longestBody)
	}
	body, err := e.read(w, r, signature)
	if err != nil {
		return "", err
	}
	numbers, anew, err := about(event, body, e.cfg.Repository, e.cfg.Base)
	if err != nil {
		return "", refuse(http.StatusBadRequest, "%s", err)
	}
	return e.keep(r.Context(), id, numbers, anew)
}

// read reads a body and checks who sent it.
func (e *Endpoint) read(w http.ResponseWriter, r *http.Request, signature []byte) ([]byte, error) {
	select {
	case e.bodies <- struct{}{}:
		defer func() { <-e.bodies }()
	default:
		return nil, refuse(http.StatusServiceUnavailable, "too many deliveries at once; deliver it again")
	}
	secrets, err := e.secrets(r.Context())
	if err != nil {
		return nil, err
	}
	// Servers that cannot set a deadline have their own, or are a test's.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longestBody))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, refuse(http.StatusRequestEntityTooLarge, "the body is longer than the %d bytes that GitHub sends at most", longestBody)
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "the body did not arrive whole")
	case !signedBy(secrets, body, signature):
		return nil, refuse(http.StatusUnauthorized, "the signature is not made with our secret")
	}
	return body, nil
}

func (e *Endpoint) secrets(ctx context.Context) ([][]byte, error) {
	all, err := e.cfg.Secrets(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot read the webhook's secret; check that it is in the secret store: %w", err)
	}
	var secrets [][]byte
	for _, s := range all {
		if len(s) > 0 { // anybody can sign with an empty one
			secrets = append(secrets, s)
		}
	}
	if len(secrets) == 0 {
		return nil, errors.New("the webhook has no secret; set one, here and on GitHub")
	}
	return secrets, nil
}

func (e *Endpoint) keep(ctx context.Context, id string, numbers []int, anew bool) (string, error) {
	if len(numbers) == 0 {
		return "ignored", nil
	}
	told := "seen before"
	for i, n := range numbers {
		item := Item{Repository: e.cfg.Repository, Number: n, Received: time.Now(), Anew: anew}
		if i == len(numbers)-1 { // the id is noted when all of it is kept
			item.Delivery = id
		}
		fresh, err := e.cfg.Inbox.Put(ctx, item)
		if err != nil {
			return "", err
		}
		if fresh {
			told = "taken"
		}
	}
	return told, nil
}
