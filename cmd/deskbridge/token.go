package main

import (
	"time"

	"github.com/deskbridge/deskbridge/internal/cli"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make a token, and print it alone: it is shown this once"`
	List   tokenListCmd   `cmd:"" help:"List tokens by name; they themselves are not known any more"`
	Revoke tokenRevokeCmd `cmd:"" help:"Make a token worthless"`
}

type tokenCreateCmd struct {
	Name string `arg:"" help:"What uses it, such as the name of a helpdesk"`
}

func (c *tokenCreateCmd) Run(e *env) error {
	return e.withNewStore(func(s *setup) error {
		token, err := s.db.CreateToken(e.ctx, c.Name, time.Now().UTC())
		if err != nil {
			return err
		}
		e.say("%s", token)
		return nil
	})
}

type tokenListCmd struct {
	JSON bool `name:"json" help:"Write JSON"`
}

func (c *tokenListCmd) Run(e *env) error {
	return e.withStore(func(s *setup) error {
		tokens, err := s.db.Tokens(e.ctx)
		if err != nil {
			return err
		}
		t := cli.Table{Head: []string{"ID", "NAME", "MADE", "REVOKED"}, Flex: 1, Empty: "no tokens: deskbridge token create NAME"}
		for _, k := range tokens {
			t.Rows = append(t.Rows, []string{k.ID.String(), k.Name, e.opts.Stamp(k.CreatedAt), e.opts.Stamp(k.RevokedAt)})
		}
		return list(e, c.JSON, tokens, "", t)
	})
}

type tokenRevokeCmd struct {
	Token string `arg:"" help:"The token's id or name, as token list shows them"`
}

func (c *tokenRevokeCmd) Run(e *env) error {
	return e.withStore(func(s *setup) error {
		if err := s.db.RevokeToken(e.ctx, c.Token, time.Now().UTC()); err != nil {
			return err
		}
		e.say("token %s is revoked", cli.Line(c.Token))
		return nil
	})
}
