package app

import (
	"time"

	config "github.com/deskbridge/deskbridge/connectors/helpdesk/inbox"
	"github.com/deskbridge/deskbridge/internal/inbox"
	"github.com/deskbridge/deskbridge/internal/server"
)

// newInbox makes the built-in inbox. It follows the configuration in force:
// while no helpdesk of its type is enabled, it is not there.
func (a *App) newInbox(publicURL string) *inbox.Inbox {
	return inbox.New(inbox.Deps{
		Store: a.db, Desk: a, Users: a.users, Channels: a.channels, Open: a.openMedia, Upload: a.server.Upload, Changed: a.db.Changed,
		Expire: func() time.Duration { return a.file.Load().Delivery.Expire },
		Client: server.ClientOf, PublicURL: publicURL, Clock: a.opts.Clock, Log: a.log,
	})
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

// channels are the names of the accounts that can be written to.
func (a *App) channels() (names []string) {
	for _, acc := range a.Accounts() {
		if acc.Channel != nil {
			names = append(names, acc.Name)
		}
	}
	return names
}
