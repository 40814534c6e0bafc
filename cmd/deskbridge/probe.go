package main

import (
	"context"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/internal/app"
	"github.com/deskbridge/deskbridge/internal/cli"
)

const probePatience = 30 * time.Second

// probeAll asks the vendors of all open accounts, at the same time.
func probeAll(ctx context.Context, a *app.App) []cli.Check {
	accounts := a.Accounts()
	checks := make([]cli.Check, len(accounts))
	var all sync.WaitGroup
	for i, acc := range accounts {
		all.Go(func() { checks[i] = probeOne(ctx, acc) })
	}
	all.Wait()
	return checks
}

func probeOne(ctx context.Context, acc *app.Account) cli.Check {
	c := cli.Check{Name: acc.Role() + " " + acc.Name, Level: cli.OK}
	began := time.Now()
	err := acc.Probe(ctx)
	if err == nil {
		c.Text = acc.Type + " took the credentials in " + cli.Span(time.Since(began))
		return c
	}
	e := connectors.Classify(err)
	c.Level, c.Text = cli.Fail, e.Error()
	if ctx.Err() != nil {
		c.Text = "no answer within " + cli.Span(probePatience) + ": " + c.Text
	}
	c.Advice = adviceFor(e.Class)
	return c
}

// adviceFor says what a class of error asks an administrator to do.
func adviceFor(c connectors.Class) string {
	switch c {
	case connectors.AccountDown:
		return "mend the credentials of this account, or see the vendor's console for a ban or a quota"
	case connectors.Throttled:
		return "the vendor asks to slow down: wait, then run doctor again"
	case connectors.Rejected, connectors.Unsupported, connectors.Unreachable:
		return "the vendor refuses the request: check this account's settings against the vendor's console"
	}
	return "check host, port, TLS and firewall, then run doctor again"
}
