// Package redmine is the helpdesk for Redmine 5 (https://www.redmine.org): a
// conversation is an issue, a message a note on it, by the REST API
// (https://www.redmine.org/projects/redmine/wiki/Rest_api).
//
// Redmine knows no answers to customers: every public note of anybody else is
// taken for one. Private notes, and changes without a note, stay inside.
package redmine

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
)

func init() {
	helpdesk.Register(helpdesk.Kind{
		Type:   "redmine",
		Title:  "Redmine",
		Config: func() connectors.Config { return newConfig() },
		New: func(c connectors.Config, d connectors.Deps) (helpdesk.Helpdesk, error) {
			config, ok := c.(*Config)
			if !ok {
				return nil, fmt.Errorf("redmine: not its configuration: %T", c)
			}
			return New(config, d), nil
		},
	})
}

// Redmine is a project whose issues are tickets.
type Redmine struct {
	cfg *Config
	api *kit.REST
	log *slog.Logger
	now func() time.Time

	mu     sync.Mutex
	self   int            // our user's id, once known
	fields map[string]int // custom fields of issues by their name in lower case
}

var _ helpdesk.Tickets = (*Redmine)(nil)

// New opens a helpdesk. It does no I/O.
func New(c *Config, d connectors.Deps) *Redmine {
	return &Redmine{cfg: c, api: newREST(c, d), log: d.Log, now: d.Clock.Now}
}

// Interval is how often to ask for changes.
func (r *Redmine) Interval() time.Duration { return r.cfg.PollInterval }

// Close drops idle connections.
func (r *Redmine) Close(context.Context) error {
	r.api.Close()
	return nil
}

// permissions are what our user needs, as Redmine's API and its pages name it.
var permissions = []struct{ name, words string }{
	{"view_issues", "View Issues"},
	{"add_issues", "Add issues"},
	{"edit_issues", "Edit issues"},
	{"add_issue_notes", "Add notes"},
	{"view_private_notes", "View private notes"},
	{"set_notes_private", "Set notes as private"},
}

// Probe finds out whether Redmine takes the key, and whether its user may do in
// the project what is needed.
func (r *Redmine) Probe(ctx context.Context) error {
	u, err := r.whoami(ctx, "memberships")
	if err != nil {
		return err
	}
	var found struct{ Project project }
	if err := r.get(ctx, "/projects/"+r.cfg.Project+".json", &found); err != nil {
		if kit.IsStatus(err, http.StatusNotFound, http.StatusForbidden) {
			return connectors.Errorf(connectors.AccountDown, "", "the user of api_key does not see a project %q: check project, and add the user to its members", r.cfg.Project)
		}
		return err
	}
	if u.Admin {
		return nil
	}
	var have []string
	for _, m := range u.Memberships {
		if m.Project.ID != found.Project.ID {
			continue
		}
		for _, role := range m.Roles {
			var its struct {
				Role struct{ Permissions []string }
			}
			if err := r.get(ctx, "/roles/"+strconv.Itoa(role.ID)+".json", &its); err != nil {
				return err
			}
			have = append(have, its.Role.Permissions...)
		}
	}
	var missing []string
	for _, p := range permissions {
		if !slices.Contains(have, p.name) {
			missing = append(missing, p.words)
		}
	}
	if missing != nil {
		return connectors.Errorf(connectors.AccountDown, "", "the user of api_key lacks permissions in the project %q: %s (Administration, Roles and permissions)",
			r.cfg.Project, strings.Join(missing, ", "))
	}
	return nil
}

// whoami asks for our own user. Without a valid key Redmine may let us read as
// anybody, but it does not answer this.
func (r *Redmine) whoami(ctx context.Context, include string) (u user, err error) {
	var found struct{ User user }
	if err := r.get(ctx, "/users/current.json?include="+include, &found); err != nil {
		return u, err
	}
	r.mu.Lock()
	r.self = found.User.ID
	r.mu.Unlock()
	return found.User, nil
}

// me returns the id of our own user.
func (r *Redmine) me(ctx context.Context) (int, error) {
	r.mu.Lock()
	self := r.self
	r.mu.Unlock()
	if self != 0 {
		return self, nil
	}
	u, err := r.whoami(ctx, "")
	return u.ID, err
}
