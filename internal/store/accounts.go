package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// Roles of an account.
const (
	RoleChannel  = "channel"
	RoleHelpdesk = "helpdesk"
)

// AccountRow is a configured channel or helpdesk.
type AccountRow struct {
	Name, Role, Type string
	// Wants are the events that a helpdesk is to get.
	Wants []normalize.EventType
	// Route is a helpdesk's rule, see normalize/route; empty for all
	// conversations.
	Route string
	// Profiles: the vendor of a channel can be asked who its customers are.
	Profiles bool
}

// Account is an account as the store knows it.
type Account struct {
	ID        int64     `json:"-"`
	Name      string    `json:"name"`
	Role      string    `json:"role"`
	Type      string    `json:"type"`
	Enabled   bool      `json:"enabled"`
	State     string    `json:"state"`
	Reason    string    `json:"reason,omitempty"`
	StateAt   time.Time `json:"state_at,omitzero"`
	PausedBy  string    `json:"paused_by,omitempty"`
	PausedWhy string    `json:"paused_why,omitempty"`
	PausedAt  time.Time `json:"paused_at,omitzero"`
	// Route is which conversations a helpdesk gets; all where empty.
	Route string `json:"route,omitempty"`

	wants    map[normalize.EventType]bool
	profiles bool
}

// ref is how messages and events name the account.
func (a Account) ref() normalize.Account { return normalize.Account{Name: a.Name, Type: a.Type} }

// RegisterAccounts writes down which accounts are configured. Others that the
// store knows are disabled; their data stay.
func (db *DB) RegisterAccounts(ctx context.Context, rows []AccountRow) error {
	defer db.accounts.forget()
	return db.write(ctx, func(t tx) error {
		defer db.accounts.forget()
		t.exec(`UPDATE accounts SET enabled = 0`)
		for _, r := range rows {
			wants := make([]string, len(r.Wants))
			for i, w := range r.Wants {
				wants[i] = string(w)
			}
			t.exec(`INSERT INTO accounts (name, role, type, wants, profiles, route) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (name) DO UPDATE SET role = excluded.role, type = excluded.type, wants = excluded.wants,
				profiles = excluded.profiles, route = excluded.route, enabled = 1`,
				r.Name, r.Role, r.Type, strings.Join(wants, " "), r.Profiles, r.Route)
		}
		return nil
	})
}

// Accounts returns all accounts that were ever registered, by name.
func (db *DB) Accounts(ctx context.Context) (list []Account, err error) {
	err = db.read(ctx, func(s session) error {
		list, err = readAccounts(s)
		return err
	})
	return list, err
}

// SetAccountState notes that an account is connected, degraded, down or
// paused. Only a change is written, and emits account.state.
func (db *DB) SetAccountState(ctx context.Context, name, state, reason string, now time.Time) error {
	return db.write(ctx, func(t tx) error {
		var id int64
		var typ, oldState, oldReason string
		found, err := one(t, `SELECT id, type, state, reason FROM accounts WHERE name = $1 {LOCK}`, args(name), &id, &typ, &oldState, &oldReason)
		if err != nil {
			return err
		}
		if !found {
			return refuse(errNoAccount(name))
		}
		reason := clean(reason)
		if oldState == state && oldReason == reason {
			return nil
		}
		t.exec(`UPDATE accounts SET state = $1, reason = $2, state_at = $3 WHERE id = $4`, state, reason, now, id)
		t.emit(event{typ: normalize.AccountState, at: now, detail: normalize.AccountEvent{
			Account: normalize.Account{Name: name, Type: typ}, State: state, Reason: reason,
		}})
		return nil
	})
}

func errNoAccount(name string) error {
	return fmt.Errorf("account %q is not configured", name)
}

func readAccounts(s session) (list []Account, err error) {
	err = s.query(`SELECT id, name, role, type, enabled, wants, profiles, state, reason, state_at, paused_by, paused_why, paused_at, route
		FROM accounts ORDER BY name`, nil, func(r row) error {
		var a Account
		var wants string
		if err := r.scan(&a.ID, &a.Name, &a.Role, &a.Type, &a.Enabled, &wants, &a.profiles, &a.State, &a.Reason, &a.StateAt,
			&a.PausedBy, &a.PausedWhy, &a.PausedAt, &a.Route); err != nil {
			return err
		}
		a.wants = map[normalize.EventType]bool{}
		for w := range strings.FieldsSeq(wants) {
			a.wants[normalize.EventType(w)] = true
		}
		list = append(list, a)
		return nil
	})
	return list, err
}

// accountSet is all accounts at one moment.
type accountSet struct {
	byName    map[string]Account
	byID      map[int64]Account
	helpdesks []helpdeskWants
	// routed: there are rules, or decisions of rules that were there.
	routed bool
}

type helpdeskWants struct {
	id    int64
	name  string
	wants map[normalize.EventType]bool
	rule  *heldRule // nil for all conversations
}

// takesAll reports whether a helpdesk gets all conversations.
func (s *accountSet) takesAll() bool {
	return slices.ContainsFunc(s.helpdesks, func(h helpdeskWants) bool { return h.rule == nil })
}

// helpdesk returns an enabled helpdesk.
func (s *accountSet) helpdesk(id int64) (helpdeskWants, bool) {
	i := slices.IndexFunc(s.helpdesks, func(h helpdeskWants) bool { return h.id == id })
	if i < 0 {
		return helpdeskWants{}, false
	}
	return s.helpdesks[i], true
}

func newAccountSet(list []Account, routed bool) *accountSet {
	set := &accountSet{byName: map[string]Account{}, byID: map[int64]Account{}, routed: routed}
	for _, a := range list {
		set.byName[a.Name], set.byID[a.ID] = a, a
		if a.Role == RoleHelpdesk && a.Enabled {
			set.helpdesks = append(set.helpdesks, helpdeskWants{a.ID, a.Name, a.wants, holdRule(a.Route)})
			set.routed = set.routed || a.Route != ""
		}
	}
	return set
}

// accountCacheTime is how late a change by another process may be seen.
const accountCacheTime = time.Second

// accountCache keeps what the accounts are called and want. What changes
// often, such as their state, is to be read from the database.
type accountCache struct {
	mu  sync.Mutex
	set *accountSet
	at  time.Time
}

func (c *accountCache) get(s session) (*accountSet, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set != nil && time.Since(c.at) < accountCacheTime {
		return c.set, nil
	}
	list, err := readAccounts(s)
	if err != nil {
		return nil, err
	}
	var first normalize.ID
	routed, err := one(s, `SELECT conversation_id FROM routes LIMIT 1`, nil, &first)
	if err != nil {
		return nil, err
	}
	c.set, c.at = newAccountSet(list, routed), time.Now()
	return c.set, nil
}

// named returns an account by its name.
func (c *accountCache) named(s session, name string) (Account, error) {
	set, err := c.get(s)
	if err != nil {
		return Account{}, err
	}
	a, ok := set.byName[name]
	if !ok {
		return a, refuse(errNoAccount(name))
	}
	return a, nil
}

// numbered returns an account by its id, which a row of ours refers to.
func (c *accountCache) numbered(s session, id int64) (Account, error) {
	for range 2 {
		set, err := c.get(s)
		if err != nil {
			return Account{}, err
		}
		if a, ok := set.byID[id]; ok {
			return a, nil
		}
		c.forget() // another process has just added it
	}
	return Account{}, fmt.Errorf("account %d is missing in the store", id)
}

func (c *accountCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set = nil
}
