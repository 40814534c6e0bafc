package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize/text"
)

const (
	bodyTimeout   = 30 * time.Second // for the whole body of a call
	commitTimeout = 10 * time.Second // vendors give up after about as long
)

// webhook takes a call of a vendor: verified by the account's
// connector, committed, and only then answered.
func (s *Server) webhook(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		methodNotAllowed(w, "GET, POST")
		return
	}
	name := r.PathValue("name")
	endpoint, ok := s.deps.Endpoint(name)
	if !ok {
		s.metrics.webhooks.WithLabelValues("", "unknown").Inc()
		problem(http.StatusNotFound, "no account of this name takes calls").write(w)
		return
	}
	reply, result, p := s.takeCall(w, r, name, endpoint)
	s.metrics.webhooks.WithLabelValues(name, result).Inc()
	if p != nil {
		p.write(w)
		return
	}
	if reply.ContentType != "" {
		w.Header().Set("Content-Type", reply.ContentType)
	}
	if reply.Status != 0 {
		w.WriteHeader(reply.Status)
	}
	// It is committed; a vendor who does not hear so calls again and is a
	// duplicate.
	_, _ = w.Write(reply.Body)
}

// takeCall returns the reply, or the problem, and a word for the metrics.
func (s *Server) takeCall(w http.ResponseWriter, r *http.Request, name string, to Endpoint) (reply connectors.Reply, result string, p *Problem) {
	body, cost, err := readBody(w, r, s.bodies, s.config.MaxWebhook, bodyTimeout)
	defer s.bodies.give(cost)
	if err != nil {
		p := bodyProblem(err, s.config.MaxWebhook)
		return reply, map[int]string{
			http.StatusRequestEntityTooLarge: "too_large", http.StatusRequestTimeout: "slow",
			http.StatusServiceUnavailable: "busy", http.StatusBadRequest: "malformed",
		}[p.Status], p
	}
	call := &connectors.Request{Method: r.Method, URL: s.calledURL(r), Header: r.Header, Body: body, ReceivedAt: s.deps.Clock.Now()}
	if rest := r.PathValue("rest"); rest != "" {
		call.Path = "/" + rest
	}
	commit, reply, err := parse(r.Context(), to, call)
	var broken *brokenParser
	switch {
	case errors.Is(err, connectors.ErrForged):
		s.refusals.tell(s.log, name, err, call.ReceivedAt)
		return reply, "forged", problem(http.StatusUnauthorized, "the signature is missing, wrong or stale")
	case errors.Is(err, connectors.ErrMalformed):
		s.refusals.tell(s.log, name, err, call.ReceivedAt)
		return reply, "malformed", problem(http.StatusBadRequest, "this is not a call that the vendor documents")
	case errors.As(err, &broken):
		s.log.Error("webhook parser panicked", "account", name, "request", requestID(r.Context()), "panic", broken.kind, "stack", broken.stack)
		return reply, "panic", unavailable("the call could not be taken; try again")
	case err != nil:
		s.log.Error("webhook not parsed", "account", name, "request", requestID(r.Context()), "err", err)
		return reply, "failed", unavailable("the call could not be taken; try again")
	}
	if commit == nil {
		return reply, "accepted", nil // the vendor only checks that we are here
	}
	ctx, cancel := context.WithTimeout(r.Context(), commitTimeout)
	defer cancel()
	if err := commit(ctx); err != nil {
		s.log.Error("webhook not committed", "account", name, "request", requestID(r.Context()), "err", err)
		return reply, "failed", unavailable("the call could not be stored; try again")
	}
	return reply, "accepted", nil
}

// refusedEvery is how often the log tells why calls of an account are refused.
// Strangers may make any number.
const refusedEvery = time.Minute

// refusals remembers when the log was last told of each account.
type refusals struct {
	mu   sync.Mutex
	told map[string]time.Time
}

// tell logs a refusal, for those who set an account up.
func (r *refusals) tell(log *slog.Logger, account string, err error, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, ok := r.told[account]; ok && now.Sub(last).Abs() < refusedEvery {
		return
	}
	if r.told == nil {
		r.told = map[string]time.Time{}
	}
	r.told[account] = now
	log.Warn("webhook refused; a minute's others are only counted", "account", account, "err", text.Truncate(err.Error(), 200))
}

// calledURL is what the vendor called and signed: as configured, and never
// as a Host header or a proxy has it.
func (s *Server) calledURL(r *http.Request) string {
	u := s.config.PublicURL + r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		u += "?" + r.URL.RawQuery
	}
	return u
}

// parse runs an endpoint such that a panic in it is an error.
func parse(ctx context.Context, to Endpoint, call *connectors.Request) (commit func(context.Context) error, reply connectors.Reply, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &brokenParser{kind: fmt.Sprintf("%T", v), stack: string(debug.Stack())}
		}
	}()
	return to(ctx, call)
}

// brokenParser keeps the kind of a panic and where it was, but not its words,
// which may quote the call.
type brokenParser struct{ kind, stack string }

func (*brokenParser) Error() string { return "the parser panicked" }
