package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/internal/cli"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

type explainCmd struct {
	Message string `arg:"" help:"A message's id, a ledger entry's, a job's, or the vendor's id such as an e-mail's Message-ID"`
	JSON    bool   `name:"json" help:"Write JSON"`
}

func (c *explainCmd) Run(e *env) error {
	return e.withStore(func(s *setup) error {
		e.opts.Redact = redactor(s.file)
		x := explainer{env: e, db: s.db}
		life, err := x.find(c.Message)
		if err != nil {
			return err
		}
		if err := x.complete(life); err != nil {
			return err
		}
		if c.JSON {
			return e.json(life)
		}
		return cli.RenderLife(e.out, *life, e.opts)
	})
}

// explainer gathers the life of a message from the store.
type explainer struct {
	*env
	db *store.DB
}

// find returns a life with its message, its ledger entry, or both.
func (x explainer) find(arg string) (*cli.Life, error) {
	if id, err := normalize.ParseID(arg); err == nil && id != 0 {
		m, err := x.db.Message(x.ctx, id)
		if err == nil {
			return x.withLedger(m)
		}
		if !errors.Is(err, timeline.ErrNotFound) {
			return nil, err
		}
		l, err := x.db.LedgerEntry(x.ctx, id)
		if err == nil {
			return x.withMessage(l)
		}
		if !errors.Is(err, timeline.ErrNotFound) {
			return nil, err
		}
		j, err := x.db.Job(x.ctx, id)
		if err == nil && j.Message != 0 {
			return x.find(j.Message.String())
		}
		if err != nil && !errors.Is(err, timeline.ErrNotFound) {
			return nil, err
		}
	}
	accounts, err := x.db.Accounts(x.ctx)
	if err != nil {
		return nil, err
	}
	external := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(arg), "<"), ">")
	for _, a := range accounts {
		m, err := x.db.ByExternalID(x.ctx, a.Name, external)
		if errors.Is(err, timeline.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return x.withLedger(m)
	}
	return nil, fmt.Errorf("no message, ledger entry or vendor's id %q: `deskbridge timeline CUSTOMER --json` and `deskbridge ledger list` show ids", arg)
}

func (x explainer) withLedger(m *normalize.Message) (*cli.Life, error) {
	l, err := x.db.LedgerOf(x.ctx, m.ID)
	if errors.Is(err, timeline.ErrNotFound) {
		l, err = nil, nil
	}
	return &cli.Life{Message: m, Ledger: l}, err
}

func (x explainer) withMessage(l *timeline.LedgerEntry) (*cli.Life, error) {
	life := &cli.Life{Ledger: l}
	if l.Message == 0 {
		return life, nil
	}
	m, err := x.db.Message(x.ctx, l.Message)
	if errors.Is(err, timeline.ErrNotFound) {
		return life, nil // erased since
	}
	life.Message = m
	return life, err
}

// complete adds all that stands around a message.
func (x explainer) complete(l *cli.Life) error {
	paused, err := x.paused()
	if err != nil {
		return err
	}
	defer func() { l.Next = cli.Advise(*l, x.opts, paused) }()
	l.Jobs, l.Receipts = []cli.JobLife{}, []normalize.Receipt{}
	m := l.Message
	if m == nil {
		return nil
	}
	if l.Conversation, err = x.db.Conversation(x.ctx, m.ConversationID); err != nil {
		return err
	}
	if l.Why, err = x.why(m, l.Conversation); err != nil {
		return err
	}
	routes, err := x.db.RoutesOf(x.ctx, m.ConversationID)
	if err != nil {
		return err
	}
	for _, r := range routes {
		l.Routes = append(l.Routes, cli.Route(r))
	}
	tickets, err := x.db.TicketsOf(x.ctx, m.ConversationID, m.ID)
	if err != nil {
		return err
	}
	for _, k := range tickets {
		l.Tickets = append(l.Tickets, cli.Ticket{Helpdesk: k.Helpdesk, Ticket: k.Ticket, URL: k.URL, State: k.State, Entry: k.Entry, Outcome: string(k.Outcome)})
	}
	if m.Customer != nil {
		links, err := x.db.Links(x.ctx, m.Customer.ID)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(links, func(k identity.Link) bool { return k.Address.Is(m.Address) }); i >= 0 {
			l.Link = &links[i]
		}
	}
	jobs, err := x.db.JobsOf(x.ctx, m.ID)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		life, err := jobLife(x.ctx, x.db, j)
		if err != nil {
			return err
		}
		l.Jobs = append(l.Jobs, life)
	}
	receipts, err := x.db.ReceiptsOf(x.ctx, m.ID)
	l.Receipts = append(l.Receipts, receipts...)
	return err
}

// why says how a message came into its conversation, by the rules of ingest:
// a token of ours, then the messages that it answers, then the open
// conversation with the same address.
func (x explainer) why(m *normalize.Message, c *normalize.Conversation) (string, error) {
	opened := !c.OpenedAt.Before(m.ReceivedAt) || c.ID > m.ID
	if m.Direction == normalize.Outbound && m.Author != nil && !opened {
		return "an agent wrote in it", nil
	}
	answers := append(slices.Clone(m.Thread.References), m.Thread.ReplyTo)
	for _, external := range slices.Backward(answers) {
		if external == "" {
			continue
		}
		answered, err := x.db.ByExternalID(x.ctx, m.Channel.Name, external)
		if errors.Is(err, timeline.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", err
		}
		if answered.ConversationID == m.ConversationID {
			return fmt.Sprintf("it answers message %s of this conversation", answered.ID), nil
		}
	}
	if opened {
		return "it opened this conversation", nil
	}
	return "it carries a token of this conversation, or came from its address while it was open", nil
}

// jobLife adds to a job what it is about and how it went.
func jobLife(ctx context.Context, db *store.DB, j *outbox.Job) (cli.JobLife, error) {
	attempts, err := db.Attempts(ctx, j.ID)
	life := cli.JobLife{Job: j, AttemptList: append([]outbox.Attempt{}, attempts...)}
	if err != nil || j.Event == 0 {
		return life, err
	}
	e, err := db.Event(ctx, j.Event)
	if errors.Is(err, timeline.ErrNotFound) {
		return life, nil // what it tells of was erased
	}
	if err == nil {
		life.EventType = e.Type
	}
	return life, err
}

// paused returns why accounts are paused; under "" why everything is.
func (x explainer) paused() (map[string]string, error) {
	accounts, err := x.db.Accounts(x.ctx)
	if err != nil {
		return nil, err
	}
	paused := map[string]string{}
	all, err := x.db.Paused(x.ctx)
	if err != nil {
		return nil, err
	}
	if all != nil {
		paused[""] = all.Reason
	}
	for _, a := range accounts {
		if !a.PausedAt.IsZero() {
			paused[a.Name] = a.PausedWhy
		}
	}
	return paused, nil
}
