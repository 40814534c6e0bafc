package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/internal/cli"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
)

type helpdeskCmd struct {
	Replay  helpdeskReplayCmd  `cmd:"" help:"Load history into a helpdesk: queue what it was not told of yet, in order; it is paused meanwhile. Run it again where it was interrupted"`
	Compare helpdeskCompareCmd `cmd:"" help:"Compare what two helpdesks were given, as far as finished jobs are kept (retention.jobs)"`
}

// span is the time that a command is about.
type span struct {
	Since string `required:"" placeholder:"TIME" help:"From when on: a date (2026-01-31), a time (2026-01-31T09:00:00Z), or how long ago (90d, 12h)"`
	Until string `placeholder:"TIME" help:"Until when; now where not given"`
}

// times returns the ends; until is zero where it was not given.
func (s span) times(e *env) (since, until time.Time, err error) {
	if since, err = e.moment("--since", s.Since); err != nil || s.Until == "" {
		return since, until, err
	}
	if until, err = e.moment("--until", s.Until); err == nil && !since.Before(until) {
		err = badUsage("--since must be before --until")
	}
	return since, until, err
}

// moment reads a time as people write it; a date is its beginning in the zone
// that is shown.
func (e *env) moment(flag, s string) (time.Time, error) {
	if ago, err := configs.ParseDuration(s); err == nil {
		return e.opts.Now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, e.opts.Zone); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, badUsage("%s: %q is no date such as 2026-01-31, time such as 2026-01-31T09:00:00Z or stretch such as 90d", flag, s)
}

type helpdeskReplayCmd struct {
	span
	Name   string `arg:"" help:"The helpdesk"`
	DryRun bool   `help:"Only count what would be queued"`
}

func (c *helpdeskReplayCmd) Run(e *env) error {
	since, until, err := c.times(e)
	if err != nil {
		return err
	}
	return e.withStore(func(s *setup) error {
		end := until
		if end.IsZero() {
			end = e.opts.Now
		}
		bar := &cli.Progress{Out: e.out, Terminal: e.terminal(), Width: e.opts.Width}
		told := 0
		got, err := s.db.Replay(e.ctx, store.Replay{
			Helpdesk: c.Name, Since: since, Until: until, Expire: s.file.Forward.Expire, DryRun: c.DryRun, By: actor(),
			Progress: func(r store.Replayed) {
				told++
				part := float64(r.At.Sub(since)) / float64(max(end.Sub(since), 1))
				_ = bar.Show(part, fmt.Sprintf("%s  %s queued, %d known", e.opts.Stamp(r.At), cli.Count(r.Queued, "event"), r.Known)) // as say
			},
		})
		_ = bar.End()
		if err != nil {
			if told > 0 && !c.DryRun {
				return fmt.Errorf("%w; %s stays paused so that nothing overtakes its history: run this again to complete it, or `deskbridge outbox resume %s` to leave it at that", err, c.Name, c.Name)
			}
			return err
		}
		verb := "queued"
		if c.DryRun {
			verb = "would be queued"
		}
		e.say("%s %s for %s (%d made of messages whose events are no longer kept); %d it has been given already, %d are not for it",
			cli.Count(got.Queued, "event"), verb, c.Name, got.Made, got.Known, got.NotTold)
		if got.StillOff != "" {
			e.say("%s is still paused (%s): deskbridge outbox resume %s", c.Name, got.StillOff, c.Name)
		}
		return nil
	})
}

type helpdeskCompareCmd struct {
	span
	A    string `arg:"" help:"One helpdesk"`
	B    string `arg:"" help:"The other"`
	JSON bool   `name:"json" help:"Write JSON"`
}

// comparedIDs is how many conversations of a kind are named.
const comparedIDs = 20

func (c *helpdeskCompareCmd) Run(e *env) error {
	since, until, err := c.times(e)
	if err != nil {
		return err
	}
	if until.IsZero() {
		until = e.opts.Now
	}
	return e.withStore(func(s *setup) error {
		got, err := s.db.Compare(e.ctx, c.A, c.B, since, until)
		if err != nil {
			return err
		}
		if c.JSON {
			return e.json(got)
		}
		t := cli.Table{Head: []string{"EVENT", c.A, "WAITING", "FAILED", c.B, "WAITING", "FAILED"}, Empty: "neither was given anything"}
		for _, row := range got.Types {
			cells := []string{string(row.Type)}
			for _, n := range row.Counts {
				cells = append(cells, strconv.Itoa(n.Taken), strconv.Itoa(n.Waiting), strconv.Itoa(n.Failed))
			}
			t.Rows = append(t.Rows, cells)
		}
		if err := t.Write(e.out, e.opts); err != nil {
			return err
		}
		e.conversations("only "+c.A+" got", got.Only[0])
		e.conversations("only "+c.B+" got", got.Only[1])
		e.conversations("both got, and not the same of", got.Differ)
		if slices.ContainsFunc(got.Types, func(r store.ComparedType) bool { return r.Counts[0].Failed+r.Counts[1].Failed > 0 }) {
			e.say("what failed: deskbridge outbox list --lane forward --stuck")
		}
		if len(got.Types) > 0 && e.opts.Now.Sub(since) > s.file.Retention.Jobs {
			e.say("finished jobs are kept for %s: what was given before that does not show", cli.Span(s.file.Retention.Jobs))
		}
		return nil
	})
}

func (e *env) conversations(what string, ids []normalize.ID) {
	if len(ids) == 0 {
		return
	}
	e.say("%s %s:", what, cli.Count(len(ids), "conversation"))
	for _, id := range ids[:min(len(ids), comparedIDs)] {
		e.say("  %s  %s", id, e.opts.Stamp(id.Time()))
	}
	if more := len(ids) - comparedIDs; more > 0 {
		e.say("  and %d more: --json names all", more)
	}
}
