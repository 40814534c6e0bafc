package main

import (
	"context"
	"errors"
	"slices"

	"github.com/deskbridge/deskbridge/internal/cli"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

type timelineCmd struct {
	Customer string       `arg:"" help:"An id, or an address such as zhang@example.cn"`
	Limit    int          `default:"30" help:"How many messages at most"`
	Before   normalize.ID `placeholder:"MESSAGE" help:"Show what is older than this message"`
	JSON     bool         `name:"json" help:"Write JSON, newest first"`
}

func (c *timelineCmd) Run(e *env) error {
	if c.Limit < 1 || c.Limit > maxLimit {
		return badUsage("--limit must lie between 1 and %d", maxLimit)
	}
	return e.withStore(func(s *setup) error {
		who, err := e.customer(s.db, c.Customer)
		if err != nil {
			return err
		}
		found, err := s.db.Timeline(e.ctx, who.ID, c.Before, c.Limit+1)
		if err != nil {
			return err
		}
		page, next := cut(found, c.Limit, func(m *normalize.Message) normalize.ID { return m.ID })
		if c.JSON {
			return e.json(cli.NewList(page, next))
		}
		t := cli.Timeline{Customer: who, Messages: page}
		if next != "" {
			t.Older = found[c.Limit].ID
		}
		if err := around(e.ctx, s.db, &t); err != nil {
			return err
		}
		return cli.RenderTimeline(e.out, t, e.opts)
	})
}

// around fetches what stands around the messages of a timeline.
func around(ctx context.Context, db *store.DB, t *cli.Timeline) error {
	var seen []normalize.ID
	t.Ledger = map[normalize.ID]normalize.ID{}
	for _, m := range t.Messages {
		if !slices.Contains(seen, m.ConversationID) {
			seen = append(seen, m.ConversationID)
			c, err := db.Conversation(ctx, m.ConversationID)
			if err != nil {
				return err
			}
			t.Conversations = append(t.Conversations, c)
		}
		if m.Unreadable == "" {
			continue
		}
		switch entry, err := db.LedgerOf(ctx, m.ID); {
		case err == nil:
			t.Ledger[m.ID] = entry.ID
		case !errors.Is(err, timeline.ErrNotFound):
			return err
		}
	}
	return nil
}
