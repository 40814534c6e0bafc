package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/internal/app"
	"github.com/deskbridge/deskbridge/internal/cli"
	"github.com/deskbridge/deskbridge/internal/store"
)

// staleToken: a token that a running daemon uses is renewed long before.
const staleToken = time.Hour

// leases tells which node does what must run once.
func (d *doctor) leases() {
	held, err := d.app.Store().Leases(d.ctx, d.opts.Now)
	if err != nil {
		d.add(cli.Fail, "nodes", err.Error(), "")
		return
	}
	work := map[string][]string{}
	var owners []string
	for _, l := range held {
		if !slices.Contains(owners, l.Owner) {
			owners = append(owners, l.Owner)
		}
		work[l.Owner] = append(work[l.Owner], l.Name)
	}
	for _, owner := range owners {
		d.add(cli.OK, "nodes", app.OwnerName(owner)+" holds "+strings.Join(work[owner], ", "), "")
	}
	if len(owners) == 0 {
		d.add(cli.Warn, "nodes", "no daemon works on this store", "deskbridge serve")
	}
}

// tokens tells how long vendors' tokens are good and when they were renewed.
func (d *doctor) tokens() {
	tokens, err := d.app.Store().VendorTokens(d.ctx)
	if err != nil {
		d.add(cli.Fail, "tokens", err.Error(), "")
		return
	}
	for _, k := range tokens {
		if k.Expires.IsZero() {
			continue
		}
		renewed := d.renewed(k)
		switch age := d.opts.Now.Sub(k.Expires); {
		case age > staleToken:
			d.add(cli.Warn, "tokens", fmt.Sprintf("%s of %s ran out %s%s", k.Name, k.Account, d.opts.Ago(k.Expires), renewed),
				"it is renewed as soon as the daemon uses it; if it runs, give the consent anew: deskbridge login "+k.Account)
		case age < 0:
			d.add(cli.OK, "tokens", fmt.Sprintf("%s of %s is good for %s%s", k.Name, k.Account, cli.Span(-age), renewed), "")
		}
	}
}

// renewed says when the tokens beside k were issued.
func (d *doctor) renewed(k store.VendorToken) string {
	name, ok := strings.CutSuffix(k.Name, "/access")
	if !ok {
		return ""
	}
	text, err := d.app.Store().TokensOf(k.Account).Get(d.ctx, name+"/renewed")
	at, perr := time.Parse(time.RFC3339, text)
	if err != nil || perr != nil {
		return ""
	}
	return ", renewed " + d.opts.Ago(at)
}
