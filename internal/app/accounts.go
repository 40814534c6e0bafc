package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/internal/server"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
	"github.com/deskbridge/deskbridge/outbox/deliver"
	"github.com/deskbridge/deskbridge/outbox/fetch"
	"github.com/deskbridge/deskbridge/outbox/forward"
	"github.com/deskbridge/deskbridge/outbox/ticket"
)

// open opens the enabled accounts of f, each the one that is open already
// where nothing of it changed.
func (a *App) open(ctx context.Context, f *configs.File) (map[string]*Account, error) {
	next := map[string]*Account{}
	var opened []*Account
	forward := a.file.Load().Forward == f.Forward // which a dispatcher holds on to
	for role, list := range map[string][]configs.Account{store.RoleChannel: f.Channels, store.RoleHelpdesk: f.Helpdesks} {
		for _, c := range list {
			if !c.Enabled {
				continue
			}
			if old := a.accounts[c.Name]; old != nil && old.Role() == role && old.same(c) && (forward || role == store.RoleChannel) {
				next[c.Name] = old
				continue
			}
			id := normalize.Account{Name: c.Name, Type: c.Type}
			acc, err := Open(c, role, deps(f, a.db, a.key, a.opts.Clock, a.log, id))
			if err != nil {
				return nil, errors.Join(err, closeAll(ctx, opened))
			}
			opened = append(opened, acc)
			next[c.Name] = acc
		}
	}
	return next, nil
}

// configure makes the accounts those of f: it opens new ones, replaces those
// whose settings changed, and closes the rest. Nothing changes where it fails.
func (a *App) configure(ctx context.Context, f *configs.File) error {
	a.changing.Lock()
	defer a.changing.Unlock()
	next, err := a.open(ctx, f)
	if err != nil {
		return err
	}
	if err := a.register(ctx, next); err != nil {
		for name, acc := range next {
			if a.accounts[name] != acc {
				err = errors.Join(err, acc.Close(ctx))
			}
		}
		return err
	}
	a.mu.Lock()
	old := a.accounts
	a.accounts = next
	a.mu.Unlock()
	a.file.Store(f)
	// The old ones end before the new ones begin; neither the API nor the
	// other accounts wait for that.
	for name, acc := range old {
		if next[name] == acc {
			continue
		}
		a.halt(ctx, acc)
		a.states.forget(name, reading, sending, fetching)
		if next[name] == nil {
			a.metrics.forget(name)
		}
	}
	for name, acc := range next {
		if old[name] != acc && a.running != nil {
			a.launch(acc)
		}
	}
	return nil
}

// register writes the accounts down in the store.
func (a *App) register(ctx context.Context, accounts map[string]*Account) error {
	var rows []store.AccountRow
	for _, acc := range accounts {
		rows = append(rows, acc.row())
	}
	if err := a.db.RegisterAccounts(ctx, rows); err != nil {
		return fmt.Errorf("register the accounts: %w", err)
	}
	return nil
}

// Accounts are the open accounts, by name.
func (a *App) Accounts() []*Account {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return slices.SortedFunc(maps.Values(a.accounts), func(x, y *Account) int { return strings.Compare(x.Name, y.Name) })
}

// Replay decodes an input of the ledger again.
func (a *App) Replay(ctx context.Context, id normalize.ID) (timeline.Result, error) {
	e, err := a.db.LedgerEntry(ctx, id)
	if err != nil {
		return timeline.Result{}, fmt.Errorf("ledger entry %s: %w", id, err)
	}
	acc := a.account(e.Account)
	if acc == nil || acc.Channel == nil {
		return timeline.Result{}, fmt.Errorf("the input came by channel %q, which is not configured or not enabled", e.Account)
	}
	return a.ingestor().Replay(ctx, timeline.Source{Account: acc.Account, Decoder: acc.Channel}, id)
}

func closeAll(ctx context.Context, list []*Account) (err error) {
	for _, acc := range list {
		err = errors.Join(err, acc.Close(ctx))
	}
	return err
}

// start launches all accounts under ctx, and those that a reload brings.
func (a *App) start(ctx context.Context) {
	a.changing.Lock()
	defer a.changing.Unlock()
	a.running = ctx
	for _, acc := range a.accounts {
		a.launch(acc)
	}
}

// wait returns when all accounts have stopped.
func (a *App) wait() {
	a.changing.Lock()
	defer a.changing.Unlock()
	a.running = nil
	for _, acc := range a.accounts {
		acc.done.Wait()
	}
}

// launch starts an account's goroutines: its reader and its dispatcher.
func (a *App) launch(acc *Account) {
	ctx, stop := context.WithCancel(a.running)
	acc.stop = stop
	log := a.log.With("account", acc.Name)
	_, streams := acc.Channel.(channel.Streamer)
	_, polls := acc.Channel.(channel.Poller)
	if !streams && !polls {
		a.refresh(ctx, acc.Name)
	}
	conf := outbox.Config{
		Account: acc.Name, Store: a.db, Accounts: lane{a, sending}, Clock: a.opts.Clock, Log: log,
		Metrics: a.outbox, Poll: a.opts.Poll, Grace: a.grace() / 2,
	}
	if acc.Helpdesk != nil {
		conf.Lane, conf.Policy = outbox.Forward, outbox.ForwardPolicy
		conf.Policy.RetryFor = a.file.Load().Forward.Expire
		switch h := acc.Helpdesk.(type) {
		case helpdesk.Subscriber:
			conf.Worker = &forward.Worker{Helpdesk: h, Events: a.db}
		case helpdesk.Tickets:
			conf.Worker = &ticket.Worker{
				Account: acc.Name, Helpdesk: h, Store: a.db, Desk: a, Files: ticketFiles{a}, Now: a.now,
				Observe: func(o ticket.Outcome) { a.metrics.lines.WithLabelValues(acc.Name, string(o)).Inc() },
			}
			a.watchTickets(ctx, acc, h, log)
		default:
			return
		}
		acc.dispatch(ctx, outbox.New(conf), a.db)
		return
	}
	a.metrics.begin(acc.Name)
	if sender, ok := acc.Channel.(channel.Sender); ok {
		conf.Lane, conf.Policy = outbox.Deliver, outbox.DeliverPolicy
		conf.Worker = &deliver.Worker{Channel: sender, Store: a.db, Clock: a.opts.Clock, Log: log, Open: a.openMedia, Link: a.linkMedia}
		acc.dispatch(ctx, outbox.New(conf), a.db)
	}
	_, fetches := acc.Channel.(channel.Fetcher)
	if _, profiles := acc.Channel.(channel.Profiler); fetches || profiles {
		conf.Lane, conf.Policy, conf.Accounts = outbox.Fetch, outbox.FetchPolicy, lane{a, fetching}
		conf.Worker = &fetch.Worker{Channel: acc.Channel, Store: a.db, Files: a.media, MaxMedia: a.maxMedia}
		acc.dispatch(ctx, outbox.New(conf), a.db)
	}
	if !streams && !polls {
		return
	}
	r := &reader{
		account: acc.Account, channel: acc.Channel, ingestor: a.ingestor(), store: a.db, leases: a.db, owner: a.owner,
		now: a.now, log: log, woken: acc.woken,
		state: func(state, reason string) { a.setReading(ctx, acc.Name, state, reason) },
		alive: func() { a.metrics.polled.WithLabelValues(acc.Name).Set(float64(a.now().Unix())) },
		rest:  func() { a.rest(acc.Name) },
		gaps:  func(n int) { a.metrics.gaps.WithLabelValues(acc.Name).Add(float64(n)) },
	}
	acc.done.Go(func() { r.run(ctx) })
}

// dispatch runs d, waking it at every commit that may have brought work.
func (a *Account) dispatch(ctx context.Context, d *outbox.Dispatcher, db *store.DB) {
	a.done.Go(func() {
		for ctx.Err() == nil {
			changed := db.Changed()
			d.Notify()
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	})
	a.done.Go(func() {
		if err := d.Run(ctx); err != nil {
			d.Log.Error("the outbox did not stop cleanly", "err", err)
		}
	})
}

// halt stops an account and closes its connector.
func (a *App) halt(ctx context.Context, acc *Account) {
	if acc.stop != nil {
		acc.stop()
	}
	acc.done.Wait()
	if err := acc.Close(ctx); err != nil {
		a.log.Warn("closing an account", "account", acc.Name, "err", err)
	}
}

// Outlet implements timeline.Outlets.
func (a *App) Outlet(name string) (timeline.Outlet, bool) {
	acc := a.account(name)
	if acc == nil || acc.Channel == nil {
		return nil, false
	}
	return outlet{account: acc.Account, channel: acc.Channel, links: a.links(), now: a.now}, true
}

func (a *App) account(name string) *Account {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.accounts[name]
}

// endpoint returns who takes a vendor's calls.
func (a *App) endpoint(name string) (server.Endpoint, bool) {
	acc := a.account(name)
	if acc == nil {
		return nil, false
	}
	if hook, ok := acc.Channel.(channel.Webhook); ok {
		src := timeline.Source{Account: acc.Account, Decoder: acc.Channel}
		return server.ChannelEndpoint(hook, func(ctx context.Context, b normalize.Batch) error {
			err := a.ingestor().Take(ctx, src, b)
			if err == nil {
				acc.wake()
			}
			return err
		}), true
	}
	if hook, ok := acc.Helpdesk.(helpdesk.Webhook); ok {
		return a.ticketEndpoint(acc, hook), true
	}
	return nil, false
}

func (a *App) maxMedia() int64 { return int64(a.file.Load().Media.MaxSize) }

func (a *App) openMedia(ctx context.Context, m *normalize.Media) (io.ReadCloser, error) {
	return a.media.Open(ctx, m.SHA256)
}

// links are those to files, by the configuration in force.
func (a *App) links() timeline.Links {
	f := a.file.Load()
	return timeline.Links{PublicURL: f.Server.PublicURL, Key: a.key, TTL: f.Media.LinkTTL}
}

func (a *App) linkMedia(m *normalize.Media) string {
	url, _ := a.links().Link(m.ID, a.now())
	return url
}

// turn returns when the daemon's own locks are free: a sign of life for the
// watchdog.
func (a *App) turn() {
	a.mu.Lock()
	defer a.mu.Unlock()
}

// summary names the accounts, for the service manager's status line.
func (a *App) summary() string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return strings.Join(slices.Sorted(maps.Keys(a.accounts)), ", ")
}
