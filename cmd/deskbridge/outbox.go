package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/deskbridge/deskbridge/internal/cli"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

type outboxCmd struct {
	List   outboxListCmd   `cmd:"" help:"List jobs, newest first"`
	Show   outboxShowCmd   `cmd:"" help:"Show a job and its attempts"`
	Retry  outboxRetryCmd  `cmd:"" help:"Try failed, uncertain, expired or cancelled jobs again"`
	Cancel outboxCancelCmd `cmd:"" help:"Give up queued jobs, or close uncertain ones"`
	Pause  outboxPauseCmd  `cmd:"" help:"Stop the work of an account, or all work; its queue stays"`
	Resume outboxResumeCmd `cmd:"" help:"Go on with paused work"`
}

type outboxListCmd struct {
	listing
	Lane    string `enum:"deliver,forward,fetch," default:"" help:"Only this lane: deliver, forward or fetch"`
	State   string `enum:"queued,sending,done,failed,uncertain,cancelled,expired," default:"" help:"Only this state: queued, sending, done, failed, uncertain, cancelled or expired"`
	Account string `help:"Only this channel or helpdesk"`
	Stuck   bool   `help:"Only what a person should look at: failed, uncertain, expired, or queued after three tries and more"`
}

func (c *outboxListCmd) Run(e *env) error {
	after, limit, err := c.page()
	if err != nil {
		return err
	}
	return e.withStore(func(s *setup) error {
		jobs, err := s.db.Jobs(e.ctx, outbox.Filter{Lane: outbox.Lane(c.Lane), Account: c.Account, State: outbox.State(c.State), Stuck: c.Stuck, After: after, Limit: limit})
		if err != nil {
			return err
		}
		page, next := cut(jobs, c.Limit, func(j *outbox.Job) normalize.ID { return j.ID })
		t := cli.Table{Head: []string{"JOB", "TASK", "ACCOUNT", "STATE", "ATTEMPTS", "MADE", "NEXT TRY", "LAST ERROR"}, Flex: 7, Empty: "no jobs"}
		for _, j := range page {
			due := ""
			if j.State == outbox.Queued {
				due = e.opts.Ago(j.DueAt)
			}
			t.Rows = append(t.Rows, []string{j.ID.String(), string(j.Task), j.Account, string(j.State), strconv.Itoa(j.Attempts), e.opts.Ago(j.CreatedAt), due, j.LastError})
		}
		return list(e, c.JSON, page, next, t)
	})
}

type outboxShowCmd struct {
	Job  normalize.ID `arg:"" help:"The job"`
	JSON bool         `name:"json" help:"Write JSON"`
}

func (c *outboxShowCmd) Run(e *env) error {
	return e.withStore(func(s *setup) error {
		j, err := s.db.Job(e.ctx, c.Job)
		if err != nil {
			return err
		}
		life, err := jobLife(e.ctx, s.db, j)
		if err != nil {
			return err
		}
		if c.JSON {
			return e.json(life)
		}
		return cli.RenderJob(e.out, life, e.opts)
	})
}

type outboxRetryCmd struct {
	Jobs []normalize.ID `arg:"" name:"job" help:"The jobs"`
}

func (c *outboxRetryCmd) Run(e *env) error {
	return e.withStore(func(s *setup) error {
		return e.eachJob(c.Jobs, "retried", func(id normalize.ID) error {
			j, err := s.db.Job(e.ctx, id)
			if err != nil {
				return err
			}
			expire := s.file.Delivery.Expire
			if j.Lane == outbox.Forward {
				expire = s.file.Forward.Expire
			}
			now := time.Now().UTC()
			return s.db.Retry(e.ctx, id, now.Add(expire), now)
		})
	})
}

type outboxCancelCmd struct {
	Jobs []normalize.ID `arg:"" name:"job" help:"The jobs"`
}

func (c *outboxCancelCmd) Run(e *env) error {
	return e.withStore(func(s *setup) error {
		return e.eachJob(c.Jobs, "cancelled", func(id normalize.ID) error { return s.db.Cancel(e.ctx, id, time.Now().UTC()) })
	})
}

// eachJob does the same to several jobs, and stops at the first that fails.
func (e *env) eachJob(ids []normalize.ID, done string, act func(normalize.ID) error) error {
	for _, id := range ids {
		if err := act(id); err != nil {
			return fmt.Errorf("%w (deskbridge outbox show %s)", err, id)
		}
		e.say("job %s %s", id, done)
	}
	return nil
}

// scope is one account or everything.
type scope struct {
	Account string `arg:"" optional:"" help:"The channel or helpdesk"`
	All     bool   `help:"The outbox as a whole"`
}

// account returns "" for all.
func (s scope) account() (string, error) {
	if (s.Account == "") != s.All {
		return "", badUsage("name one account, or write --all")
	}
	return s.Account, nil
}

func (s scope) String() string {
	if s.All {
		return "the whole outbox"
	}
	return "account " + s.Account
}

type outboxPauseCmd struct {
	scope
	Reason string `required:"" help:"Why, for whoever finds it paused"`
}

func (c *outboxPauseCmd) Run(e *env) error {
	account, err := c.account()
	if err != nil {
		return err
	}
	return e.withStore(func(s *setup) error {
		if err := s.db.Pause(e.ctx, account, actor(), c.Reason, time.Now().UTC()); err != nil {
			return err
		}
		e.say("%s is paused; what is queued stays queued", c.scope)
		return nil
	})
}

type outboxResumeCmd struct{ scope }

func (c *outboxResumeCmd) Run(e *env) error {
	account, err := c.account()
	if err != nil {
		return err
	}
	return e.withStore(func(s *setup) error {
		if err := s.db.Resume(e.ctx, account, time.Now().UTC()); err != nil {
			return err
		}
		e.say("%s goes on", c.scope)
		return nil
	})
}
