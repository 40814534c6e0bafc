package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/internal/cli"
	"github.com/deskbridge/deskbridge/internal/server"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
)

type customersCmd struct {
	List    customersListCmd    `cmd:"" help:"List customers, newest first"`
	Show    customersShowCmd    `cmd:"" help:"Show a customer, their addresses and merges"`
	Merge   customersMergeCmd   `cmd:"" help:"Make two customers one; it can be undone"`
	Unmerge customersUnmergeCmd `cmd:"" help:"Undo a merge: the timeline parts again"`
	Export  customersExportCmd  `cmd:"" help:"Write all that is stored of a customer into a ZIP archive, with files and raw inputs"`
	Erase   customersEraseCmd   `cmd:"" help:"Erase a customer for good"`
}

type customersListCmd struct {
	listing
	Query string `short:"q" help:"A piece of a name or an address, whatever its case"`
}

func (c *customersListCmd) Run(e *env) error {
	after, limit, err := c.page()
	if err != nil {
		return err
	}
	return e.withStore(func(s *setup) error {
		found, err := s.db.Customers(e.ctx, strings.TrimSpace(c.Query), after, limit)
		if err != nil {
			return err
		}
		page, next := cut(found, c.Limit, func(c *normalize.Customer) normalize.ID { return c.ID })
		t := cli.Table{Head: []string{"ID", "NAME", "SINCE", "ADDRESSES"}, Flex: 3, Empty: "no customers"}
		for _, c := range page {
			t.Rows = append(t.Rows, []string{c.ID.String(), c.Name, e.opts.Stamp(c.ID.Time()), values(c.Addresses)})
		}
		return list(e, c.JSON, page, next, t)
	})
}

func values(addresses []normalize.Address) string {
	var all []string
	for _, a := range addresses {
		all = append(all, a.Value)
	}
	return strings.Join(all, ", ")
}

// list writes a page as JSON or as a table.
func list[T any](e *env, asJSON bool, page []T, next string, t cli.Table) error {
	if asJSON {
		return e.json(cli.NewList(page, next))
	}
	if err := t.Write(e.out, e.opts); err != nil {
		return err
	}
	if next != "" {
		e.say("\nmore: --after %s", next)
	}
	return nil
}

type customersShowCmd struct {
	Customer string `arg:"" help:"An id, or an address such as zhang@example.cn"`
	JSON     bool   `name:"json" help:"Write JSON"`
}

func (c *customersShowCmd) Run(e *env) error {
	return e.withStore(func(s *setup) error {
		who, err := e.customer(s.db, c.Customer)
		if err != nil {
			return err
		}
		links, err := s.db.Links(e.ctx, who.ID)
		if err != nil {
			return err
		}
		merges, err := s.db.Merges(e.ctx, who.ID)
		if err != nil {
			return err
		}
		related, err := s.db.Related(e.ctx, who.ID)
		if err != nil {
			return err
		}
		shown := cli.Customer{Customer: who, Links: links, Merges: merges, Related: related}
		if c.JSON {
			return e.json(shown)
		}
		return cli.RenderCustomer(e.out, shown, e.opts)
	})
}

type customersMergeCmd struct {
	From   string `arg:"" help:"The customer who goes: an id or an address"`
	Into   string `arg:"" help:"The customer who stays"`
	Reason string `required:"" help:"Why they are one person, for whoever looks at it later"`
}

func (c *customersMergeCmd) Run(e *env) error {
	return e.withStore(func(s *setup) error {
		from, err := e.customer(s.db, c.From)
		if err != nil {
			return err
		}
		into, err := e.customer(s.db, c.Into)
		if err != nil {
			return err
		}
		if from.ID == into.ID {
			return badUsage("%s and %s are the same customer already", c.From, c.Into)
		}
		m, err := s.db.Merge(e.ctx, identity.Merge{From: from.ID, Into: into.ID, Reason: c.Reason, Evidence: "by hand", Author: actor(), At: time.Now().UTC()})
		if err != nil {
			return err
		}
		e.say("merge %s: %d addresses moved from %s to %s", m.ID, len(m.Moved), m.From, m.Into)
		e.say("to undo it: deskbridge customers unmerge %s", m.ID)
		return nil
	})
}

type customersUnmergeCmd struct {
	Merge normalize.ID `arg:"" help:"The merge, as customers show names it"`
}

func (c *customersUnmergeCmd) Run(e *env) error {
	return e.withStore(func(s *setup) error {
		m, err := s.db.Undo(e.ctx, c.Merge, actor(), time.Now().UTC())
		if err != nil {
			return fmt.Errorf("merge %s: %w", c.Merge, err)
		}
		e.say("merge %s undone: %s and %s are two customers again", m.ID, m.From, m.Into)
		return nil
	})
}

type customersExportCmd struct {
	Customer string `arg:"" help:"An id or an address"`
	Output   string `short:"o" placeholder:"FILE" help:"The archive to write, a new file; without it one is named after the customer, in this folder"`
}

func (c *customersExportCmd) Run(e *env) error {
	return e.withStore(func(s *setup) error {
		who, err := e.customer(s.db, c.Customer)
		if err != nil {
			return err
		}
		export, err := s.db.Export(e.ctx, who.ID)
		if err != nil {
			return err
		}
		path := c.Output
		if path == "" {
			path = "customer-" + who.ID.String() + ".zip"
		}
		if err := writeNew(path, func(w io.Writer) error { return server.WriteBundle(e.ctx, w, s.db, s.files, export) }); err != nil {
			return err
		}
		e.say("%s of customer %s written to %s", cli.Count(len(export.Messages), "message"), who.ID, path)
		return nil
	})
}

// writeNew writes a file that is for its owner only and must not exist yet. One
// that could not be completed is removed.
func writeNew(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

type customersEraseCmd struct {
	Customer string `arg:"" help:"An id or an address"`
	Yes      bool   `help:"Do it; without this only what would be erased is shown"`
}

func (c *customersEraseCmd) Run(e *env) error {
	return e.withStore(func(s *setup) error {
		who, err := e.customer(s.db, c.Customer)
		if err != nil {
			return err
		}
		if !c.Yes {
			e.say("would erase customer %s (%s) with all messages and files, for good; addresses: %d", who.ID, cli.Line(cmp.Or(who.Name, "no name")), len(who.Addresses))
			return badUsage("add --yes to erase customer %s", who.ID)
		}
		digests, err := s.db.Erase(e.ctx, who.ID, time.Now().UTC())
		if err != nil {
			return err
		}
		for _, d := range digests {
			if err := s.files.Remove(e.ctx, d); err != nil {
				return fmt.Errorf("the customer is erased from the store, but the media file %s is still there, remove it by hand: %w", d, err)
			}
		}
		e.say("customer %s is erased, with %s", who.ID, cli.Count(len(digests), "file"))
		return nil
	})
}
