// Package inbox configures the built-in inbox: its users. The inbox itself is
// internal/inbox, which reads the store; nothing has to be forwarded to it.
package inbox

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit/password"
)

func init() {
	helpdesk.Register(helpdesk.Kind{
		Type:   "inbox",
		Title:  "Built-in inbox, at /inbox/ of server.listen",
		Config: func() connectors.Config { return &Config{} },
		New: func(c connectors.Config, d connectors.Deps) (helpdesk.Helpdesk, error) {
			cfg, ok := c.(*Config)
			if !ok {
				return nil, fmt.Errorf("inbox: not its configuration: %T", c)
			}
			return desk{cfg.OIDC, d}, nil
		},
	})
}

// Config is who may log in.
type Config struct {
	Users []User `yaml:"users" shown:"true" doc:"Who may log in."`
	OIDC  *OIDC  `yaml:"oidc" doc:"Log in with the company's own accounts."`
}

// User is an agent.
type User struct {
	Name         string         `yaml:"name" required:"true" doc:"Shown to colleagues, and as the author of answers." example:"Li Na"`
	Email        string         `yaml:"email" required:"true" doc:"Names the user at the login." example:"li@example.com"`
	PasswordHash configs.Secret `yaml:"password_hash" shown:"true" doc:"What the command deskbridge password prints; empty for a login by oidc alone." example:"${LI_PASSWORD_HASH}"`
	Role         string         `yaml:"role" default:"agent" enum:"agent,admin" doc:"agent, or admin, who also sees accounts and the outbox."`
}

// Validate checks what the types of the settings cannot say.
func (c *Config) Validate() []error {
	var errs []error
	if c.OIDC != nil {
		errs = append(errs, c.OIDC.check(len(c.Users))...)
	} else if len(c.Users) == 0 {
		errs = append(errs, configs.Key("users", "name at least one user, or leave the inbox out"))
	}
	seen := map[string]bool{}
	for _, u := range c.Users {
		email := strings.ToLower(u.Email)
		switch _, err := password.Parse(u.PasswordHash.Reveal()); {
		case u.PasswordHash == "" && c.OIDC == nil:
			errs = append(errs, configs.Key("users", "%s needs a password_hash: the command deskbridge password prints one", u.Email))
		case u.PasswordHash != "" && err != nil:
			errs = append(errs, configs.Key("users", "password_hash of %s: %v", u.Email, err))
		case email != "" && seen[email]:
			errs = append(errs, configs.Key("users", "there are two users %s", u.Email))
		case email != "" && !strings.Contains(email, "@"):
			errs = append(errs, configs.Key("users", "%q is no e-mail address", u.Email))
		}
		seen[email] = true
	}
	return errs
}

// desk takes nothing: the inbox shows what is in the store.
type desk struct {
	oidc *OIDC
	deps connectors.Deps
}

// Probe finds out whether the provider of the logins is what it is said to be.
func (d desk) Probe(ctx context.Context) error {
	if d.oidc == nil {
		return nil
	}
	_, err := oidc.NewProvider(oidc.ClientContext(ctx, d.deps.HTTP), d.oidc.Issuer)
	if _, other := errors.AsType[*oidc.IssuerMismatchError](err); other {
		return connectors.Errorf(connectors.Rejected, "issuer", "oidc: %w", err)
	}
	if err != nil {
		return connectors.Errorf(connectors.Transient, "oidc", "the provider of the logins cannot be used: %w", err)
	}
	return nil
}

func (desk) Close(context.Context) error { return nil }
