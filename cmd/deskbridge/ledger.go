package main

import (
	"fmt"
	"time"

	"github.com/deskbridge/deskbridge/internal/cli"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

type ledgerCmd struct {
	List   ledgerListCmd   `cmd:"" help:"List inputs, newest first"`
	Show   ledgerShowCmd   `cmd:"" help:"Show an input, or its raw bytes"`
	Replay ledgerReplayCmd `cmd:"" help:"Decode kept inputs again, such as those in quarantine once the cause is mended"`
}

type ledgerListCmd struct {
	listing
	Account string        `help:"Only this account"`
	Outcome string        `enum:"accepted,duplicate,echo,ignored,waiting,quarantined," default:"" help:"Only this outcome: accepted, duplicate, echo, ignored, waiting or quarantined"`
	Since   time.Duration `placeholder:"48h" help:"Only the last so and so long"`
}

func (c *ledgerListCmd) Run(e *env) error {
	after, limit, err := c.page()
	if err != nil {
		return err
	}
	f := timeline.LedgerFilter{Account: c.Account, Outcome: normalize.Outcome(c.Outcome), After: after, Limit: limit}
	if c.Since > 0 {
		f.Since = e.opts.Now.Add(-c.Since)
	}
	return e.withStore(func(s *setup) error {
		entries, err := s.db.Ledger(e.ctx, f)
		if err != nil {
			return err
		}
		page, next := cut(entries, c.Limit, func(l *timeline.LedgerEntry) normalize.ID { return l.ID })
		t := cli.Table{Head: []string{"ENTRY", "RECORDED", "ACCOUNT", "INPUT", "SIZE", "OUTCOME", "MESSAGE", "REASON"}, Flex: 7, Empty: "no inputs"}
		for _, l := range page {
			t.Rows = append(t.Rows, []string{l.ID.String(), e.opts.Stamp(l.RecordedAt), l.Account, l.Key, cli.Size(l.Size), string(l.Outcome), l.Message.String(), l.Reason})
		}
		return list(e, c.JSON, page, next, t)
	})
}

type ledgerShowCmd struct {
	Entry normalize.ID `arg:"" help:"The ledger entry"`
	Raw   bool         `xor:"form" help:"Write the input as it came; on a terminal with its control characters made visible"`
	JSON  bool         `name:"json" xor:"form" help:"Write JSON"`
}

func (c *ledgerShowCmd) Run(e *env) error {
	if c.Raw {
		return e.withStore(func(s *setup) error {
			_, raw, err := s.db.LedgerRaw(e.ctx, c.Entry)
			if err != nil {
				return fmt.Errorf("ledger entry %s: %w", c.Entry, err)
			}
			b, err := timeline.Unpack(e.ctx, s.files, raw)
			if err != nil {
				return err
			}
			if e.terminal() {
				b = []byte(cli.Safe(string(b)))
			}
			_, err = e.out.Write(b)
			return err
		})
	}
	return e.withStore(func(s *setup) error {
		l, err := s.db.LedgerEntry(e.ctx, c.Entry)
		if err != nil {
			return fmt.Errorf("ledger entry %s: %w", c.Entry, err)
		}
		if c.JSON {
			return e.json(l)
		}
		return cli.RenderEntry(e.out, l, e.opts)
	})
}

type ledgerReplayCmd struct {
	Entries     []normalize.ID `arg:"" optional:"" name:"entry" help:"The ledger entries"`
	Quarantined bool           `help:"All inputs in quarantine"`
	Account     string         `help:"With --quarantined, only those of this account"`
}

func (c *ledgerReplayCmd) Run(e *env) error {
	if (len(c.Entries) == 0) != c.Quarantined {
		return badUsage("name ledger entries, or write --quarantined")
	}
	return e.withAccounts(func(s *setup) error {
		tried, still := 0, 0
		replay := func(id normalize.ID) error {
			tried++
			r, err := s.app.Replay(e.ctx, id)
			if err != nil {
				still++
				e.say("%s  could not be run again: %s", id, cli.Line(err.Error()))
				return e.ctx.Err()
			}
			if r.Outcome == normalize.Quarantined {
				still++
			}
			text := fmt.Sprintf("%s  %s", id, r.Outcome)
			if r.Reason != "" {
				text += ": " + cli.Line(r.Reason)
			}
			if r.Message != 0 {
				text += "  message " + r.Message.String()
			}
			e.say("%s", text)
			return nil
		}
		if err := c.each(e, s.db, replay); err != nil {
			return err
		}
		if still > 0 {
			return fmt.Errorf("%d of %d inputs are still not understood", still, tried)
		}
		return nil
	})
}

// each calls f for the chosen entries. Those in quarantine are paged through
// from the newest, so one that stays there is not met again.
func (c *ledgerReplayCmd) each(e *env, db *store.DB, f func(id normalize.ID) error) error {
	for _, id := range c.Entries {
		if err := f(id); err != nil {
			return err
		}
	}
	filter := timeline.LedgerFilter{Account: c.Account, Outcome: normalize.Quarantined, Limit: 200}
	for c.Quarantined {
		page, err := db.Ledger(e.ctx, filter)
		if err != nil {
			return err
		}
		for _, l := range page {
			if err := f(l.ID); err != nil {
				return err
			}
		}
		if len(page) < filter.Limit {
			break
		}
		filter.After = page[len(page)-1].ID
	}
	return nil
}
