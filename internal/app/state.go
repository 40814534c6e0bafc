package app

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Parts of an account that tell how it fares.
const (
	reading  = "reading"
	sending  = "sending"  // to the channel, or forwarding to the helpdesk
	fetching = "fetching" // media
)

// gravity orders states; one that is not listed is as good as the first.
var gravity = []string{"connected", "degraded", "down"}

type condition struct{ state, reason string }

// states is how each account fares: as badly as the worse of its parts, so
// that a mailbox that can be read does not hide that nothing can be sent.
type states struct {
	mu sync.Mutex
	of map[string]map[string]condition // by account and part
}

// report takes the word of a part and calls tell with what follows for the
// account, one call at a time.
func (s *states) report(account, part string, c condition, tell func(c condition) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[string]map[string]condition{}
	}
	if s.of[account] == nil {
		s.of[account] = map[string]condition{}
	}
	s.of[account][part] = c
	for _, other := range []string{reading, sending, fetching} {
		if o, told := s.of[account][other]; told && slices.Index(gravity, o.state) > slices.Index(gravity, c.state) {
			c = o
		}
	}
	return tell(c)
}

// forget drops the word of parts that have stopped.
func (s *states) forget(account string, parts ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range parts {
		delete(s.of[account], p)
	}
}

// lane is a part of the accounts that a dispatcher works.
type lane struct {
	app  *App
	part string
}

// SetAccountState implements outbox.Accounts.
func (l lane) SetAccountState(ctx context.Context, account, state, reason string, now time.Time) error {
	return l.app.report(ctx, account, l.part, condition{state, reason}, now)
}

func (a *App) report(ctx context.Context, account, part string, c condition, now time.Time) error {
	return a.states.report(account, part, c, func(c condition) error {
		a.metrics.setState(account, c.state)
		return a.db.SetAccountState(ctx, account, c.state, c.reason, now)
	})
}

// setReading notes what the reader of an account says of it.
func (a *App) setReading(ctx context.Context, account, state, reason string) {
	if err := a.report(ctx, account, reading, condition{state, reason}, a.now()); err != nil && ctx.Err() == nil {
		a.log.Warn("the state of an account could not be recorded", "account", account, "err", err)
	}
}

// rest forgets what is no longer true of an account that another node reads.
func (a *App) rest(account string) {
	a.states.forget(account, reading)
	a.metrics.forget(account)
}

// refresh forgets that an account was down when it was worked last, since a
// dispatcher tells the end only of a trouble that it has seen itself. If the
// trouble goes on, it shows at the first try.
func (a *App) refresh(ctx context.Context, account string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	a.states.forget(account, reading, sending, fetching)
	known, err := a.db.Accounts(ctx)
	for _, k := range known {
		if k.Name == account && slices.Index(gravity, k.State) > 0 {
			err = a.db.SetAccountState(ctx, account, gravity[0], "", a.now())
		}
	}
	if err != nil && ctx.Err() == nil {
		a.log.Warn("the state of an account could not be refreshed", "account", account, "err", err)
	}
}
