package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/route"
	"github.com/deskbridge/deskbridge/outbox/ticket"
)

const vendorTimeout = time.Minute // of one HTTP request to a vendor

// Account is an open channel or helpdesk: exactly one of the two is set.
type Account struct {
	normalize.Account
	Channel  channel.Channel
	Helpdesk helpdesk.Helpdesk

	conf configs.Account

	// woken tells a channel's reader that a call of the vendor was committed.
	woken chan struct{}

	stop context.CancelFunc // ends its goroutines; nil before start
	done sync.WaitGroup
}

// Open opens an account of the configuration. It talks to nobody yet.
func Open(c configs.Account, role string, d connectors.Deps) (*Account, error) {
	a := &Account{Account: normalize.Account{Name: c.Name, Type: c.Type}, conf: c, woken: make(chan struct{}, 1)}
	var err error
	if role == store.RoleChannel {
		kind, ok := channel.Kinds.Get(c.Type)
		if !ok {
			return nil, fmt.Errorf("no channel of type %q", c.Type)
		}
		a.Channel, err = kind.New(c.Settings, d)
	} else {
		kind, ok := helpdesk.Kinds.Get(c.Type)
		if !ok {
			return nil, fmt.Errorf("no helpdesk of type %q", c.Type)
		}
		a.Helpdesk, err = kind.New(c.Settings, d)
	}
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", c.Name, err)
	}
	return a, nil
}

// Role is that of the account in the store.
func (a *Account) Role() string {
	if a.Channel != nil {
		return store.RoleChannel
	}
	return store.RoleHelpdesk
}

// Probe asks the vendor whether it takes our credentials.
func (a *Account) Probe(ctx context.Context) error {
	if a.Helpdesk != nil {
		return a.Helpdesk.Probe(ctx)
	}
	_, err := a.Channel.Probe(ctx)
	return err
}

// Close ends what the connector holds open.
func (a *Account) Close(ctx context.Context) error {
	if a.Helpdesk != nil {
		return a.Helpdesk.Close(ctx)
	}
	return a.Channel.Close(ctx)
}

// wake tells the reader to look for news.
func (a *Account) wake() {
	select {
	case a.woken <- struct{}{}:
	default: // it has been told
	}
}

func (a *Account) row() store.AccountRow {
	row := store.AccountRow{Name: a.Name, Role: a.Role(), Type: a.Type}
	if a.Helpdesk != nil {
		row.Route = a.conf.Route
		switch s := a.Helpdesk.(type) {
		case helpdesk.Tickets:
			row.Wants = ticket.Wants
		case helpdesk.Subscriber:
			row.Wants = slices.DeleteFunc(slices.Clone(normalize.EventTypes), func(t normalize.EventType) bool { return !s.Wants(t) })
		}
	}
	_, row.Profiles = a.Channel.(channel.Profiler)
	return row
}

// same reports whether a newly read configuration leaves the account as it is.
func (a *Account) same(c configs.Account) bool {
	return a.Type == c.Type && a.conf.Route == c.Route && reflect.DeepEqual(a.conf.Settings, c.Settings)
}

// deps are what one account's connector is given.
func deps(f *configs.File, db *store.DB, key []byte, clock connectors.Clock, log *slog.Logger, acc normalize.Account) connectors.Deps {
	return connectors.Deps{
		Account:   acc,
		Log:       log.With("account", acc.Name),
		HTTP:      &http.Client{Timeout: vendorTimeout},
		Guarded:   kit.GuardedClient(vendorTimeout),
		Clock:     clock,
		Tokens:    db.TokensOf(acc.Name),
		PublicURL: f.Server.PublicURL,
		Key:       key,
		MaxMedia:  int64(f.Media.MaxSize),
	}
}

// Types are the kinds of account that this binary knows.
func Types() configs.Types {
	t := configs.Types{Channels: map[string]func() configs.Settings{}, Helpdesks: map[string]func() configs.Settings{}, Route: checkRoute}
	for _, name := range channel.Kinds.Names() {
		k, _ := channel.Kinds.Get(name)
		t.Channels[name] = k.Config
	}
	for _, name := range helpdesk.Kinds.Names() {
		k, _ := helpdesk.Kinds.Get(name)
		t.Helpdesks[name] = k.Config
	}
	return t
}

// checkRoute tells the configuration what is wrong with a rule.
func checkRoute(rule string) *configs.RouteError {
	_, err := route.Compile(rule)
	if e, ok := errors.AsType[*route.Error](err); ok {
		return &configs.RouteError{Line: e.Line, Column: e.Column, Msg: e.Msg}
	}
	return nil
}
