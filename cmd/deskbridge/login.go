package main

import (
	"bufio"
	"fmt"
	"net"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/internal/app"
	"github.com/deskbridge/deskbridge/internal/cli"
)

type loginCmd struct {
	Account string `arg:"" name:"name" help:"The account, as the configuration names it"`
}

// Run gets the consent of whoever owns the account. A running daemon uses what
// is stored as soon as it tries again.
func (c *loginCmd) Run(e *env) error {
	return e.withNewAccounts(func(s *setup) error {
		acc, err := account(s.app, c.Account)
		if err != nil {
			return err
		}
		var door any = acc.Helpdesk
		if acc.Channel != nil {
			door = acc.Channel
		}
		l, ok := door.(connectors.Loginer)
		if !ok {
			return badUsage("an account of type %s is not logged in to by a browser", acc.Type)
		}
		err = l.Login(e.ctx, e.prompt)
		if err != nil {
			return err
		}
		e.say("The consent is stored.")
		check := probeOne(e.ctx, acc)
		if check.Level != cli.OK {
			return fmt.Errorf("the account does not work all the same: %s; perhaps another person than the owner has logged in", check.Text)
		}
		e.say("%s", check.Text)
		return nil
	})
}

// prompt tells the person what to do.
func (e *env) prompt(p connectors.LoginPrompt) {
	e.say("Open this address in any browser, as the owner of the mailbox:\n\n    %s\n", cli.Line(p.URL))
	if p.Code != "" {
		e.say("and type the code:\n\n    %s\n", cli.Line(p.Code))
	}
	if p.Direct != "" {
		e.say("This address holds the code already:\n\n    %s\n", cli.Line(p.Direct))
	}
	if p.Back != nil {
		_, port, _ := net.SplitHostPort(p.Local)
		e.say("The browser then comes back to http://%s. If it runs on another machine than this\none, first let it through from there,\n\n    ssh -L %s:%s THIS-MACHINE\n\nor copy the address that it ends at, though it cannot show the page, and paste it here.\n", p.Local, port, p.Local)
	}
	e.say("Waiting until %s ...", p.Expires.In(e.opts.Zone).Format(time.TimeOnly))
	if p.Back != nil {
		go e.pasted(p.Back)
	}
}

// pasted hands over the lines of the input until one is the right one. Nobody
// waits for it: reading a terminal cannot be ended.
func (e *env) pasted(back func(string) error) {
	lines := bufio.NewScanner(e.in)
	for lines.Scan() {
		if lines.Text() == "" {
			continue
		}
		err := back(lines.Text())
		if err == nil {
			return
		}
		e.say("%v", err)
	}
}

func account(a *app.App, name string) (*app.Account, error) {
	for _, acc := range a.Accounts() {
		if acc.Name == name {
			return acc, nil
		}
	}
	return nil, badUsage("no account is named %q, or it is not enabled", name)
}
