package app

import (
	"context"
	"time"

	config "github.com/deskbridge/deskbridge/connectors/helpdesk/inbox"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/internal/inbox"
	"github.com/deskbridge/deskbridge/internal/server"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// newInbox makes the built-in inbox. It follows the configuration in force:
// while no helpdesk of its type is enabled, it is not there.
func (a *App) newInbox(publicURL string) *inbox.Inbox {
	guarded := a.opts.Guarded
	if guarded == nil {
		guarded = kit.GuardedClient(vendorTimeout)
	}
	return inbox.New(inbox.Deps{
		Guarded: guarded,
		Store:   a.db, Desk: a, Admin: admin{a}, Users: a.users, OIDC: a.oidc, Channels: a.channels, Open: a.openMedia, Upload: a.server.Upload, Changed: a.db.Changed,
		Expire: func() time.Duration { return a.file.Load().Delivery.Expire },
		Client: server.ClientOf, PublicURL: publicURL, Clock: a.opts.Clock, Log: a.log,
	})
}

// admin is what the inbox shows to administrators.
type admin struct{ *App }

// Accounts implements inbox.Admin: those that are configured, by their names.
func (a admin) Accounts(ctx context.Context) ([]inbox.Account, error) {
	known, err := a.db.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	var all []inbox.Account
	for _, k := range known {
		if !k.Enabled {
			continue
		}
		all = append(all, inbox.Account{
			Name: k.Name, Type: k.Type, Helpdesk: k.Role == store.RoleHelpdesk, State: k.State, Reason: k.Reason, Since: k.StateAt,
			PausedBy: k.PausedBy, PausedWhy: k.PausedWhy,
		})
	}
	return all, nil
}

// Raw implements inbox.Admin.
func (a admin) Raw(ctx context.Context, id normalize.ID) (kind string, content []byte, err error) {
	_, raw, err := a.db.LedgerRaw(ctx, id)
	if err != nil {
		return "", nil, err
	}
	content, err = timeline.Unpack(ctx, a.media, raw)
	return raw.ContentType, content, err
}

// users are those who may log in to the inbox.
func (a *App) users() (all []inbox.User) {
	for _, acc := range a.file.Load().Helpdesks {
		c, ok := acc.Settings.(*config.Config)
		if !ok || !acc.Enabled {
			continue
		}
		for _, u := range c.Users {
			all = append(all, inbox.User{Name: u.Name, Email: u.Email, PasswordHash: u.PasswordHash.Reveal(), Admin: u.Role == "admin"})
		}
	}
	return all
}

// oidc is the login with the company's accounts, of the first inbox that has
// one; nil for none.
func (a *App) oidc() *inbox.OIDC {
	for _, acc := range a.file.Load().Helpdesks {
		if c, ok := acc.Settings.(*config.Config); ok && acc.Enabled && c.OIDC != nil {
			o := c.OIDC
			return &inbox.OIDC{
				Name: o.Name, Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: o.ClientSecret.Reveal(),
				Domains: o.AllowedDomains, Admins: o.Admins, TrustEmail: o.TrustEmail,
			}
		}
	}
	return nil
}

// channels are the names of the accounts that can be written to.
func (a *App) channels() (names []string) {
	for _, acc := range a.Accounts() {
		if acc.Channel != nil {
			names = append(names, acc.Name)
		}
	}
	return names
}
