package rt

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
)

// user is one of RT, as far as our user may see it.
type user struct {
	ID           int    `json:"id"`
	Name         string `json:"Name"`
	RealName     string `json:"RealName"`
	EmailAddress string `json:"EmailAddress"`
	// Privileged users are staff; all others customers, or people who got a
	// mail of RT and answered.
	Privileged flag `json:"Privileged"`
}

// flag is a truth that RT writes as 1, "1", 0, "0", "" or null.
type flag bool

// UnmarshalJSON reads any of them.
func (f *flag) UnmarshalJSON(b []byte) error {
	*f = string(b) == "1" || string(b) == `"1"`
	return nil
}

// known is a user who was looked up, until then.
type known struct {
	user
	until time.Time
}

const (
	// knownFor is how long a user is not looked up again.
	knownFor = 10 * time.Minute
	// maxKnown bounds what is remembered in memory, of users and of our writes.
	maxKnown = 10_000
)

// tokenOf matches an auth token: version, number of its user, secret.
var tokenOf = regexp.MustCompile(`^[0-9]+-([0-9]+)-`)

// self returns the user that we act as.
func (h *Helpdesk) self(ctx context.Context) (*user, error) {
	h.mu.Lock()
	me := h.me
	h.mu.Unlock()
	if me != nil {
		return me, nil
	}
	name := h.username
	if h.token != "" {
		m := tokenOf.FindStringSubmatch(h.token.Reveal())
		if m == nil {
			return nil, connectors.Errorf(connectors.AccountDown, "", "token is not an auth token of Request Tracker, such as 1-23-4f6a: make one under Logged in as, Settings, Auth Tokens")
		}
		name = m[1]
	}
	me = &user{}
	if err := h.get(ctx, "/user/"+url.PathEscape(name), nil, me); err != nil {
		return nil, err
	}
	if me.ID == 0 || me.Name == "" {
		return nil, connectors.Errorf(connectors.Transient, "", "the answer is not that of Request Tracker's REST 2.0: check url")
	}
	if !me.Privileged {
		return nil, connectors.Errorf(connectors.AccountDown, "", `the user %s is not privileged: tick "Let this user be granted rights" in Request Tracker`, me.Name)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.me = me
	return me, nil
}

// staff reports whether a user works for the company, in whose name only staff
// may speak: RT takes mails of anybody who was ever sent one.
func (h *Helpdesk) staff(ctx context.Context, name string) (bool, error) {
	now := h.clock.Now()
	h.mu.Lock()
	k, ok := h.users[name]
	h.mu.Unlock()
	if ok && now.Before(k.until) {
		return bool(k.Privileged), nil
	}
	k = known{until: now.Add(knownFor)}
	if err := h.get(ctx, "/user/"+url.PathEscape(name), nil, &k.user); err != nil && !kit.IsStatus(err, http.StatusNotFound) {
		return false, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.users) >= maxKnown {
		clear(h.users)
	}
	h.users[name] = k
	return bool(k.Privileged), nil
}

// requestor returns the name of the user in RT that stands for a customer, and
// makes it where it is missing; "" where our user may not do so, which takes
// the right AdminUsers. It never has a mail address from us; where somebody
// gave it one, it is left out, since RT would write there.
func (h *Helpdesk) requestor(ctx context.Context, c *normalize.Conversation) (string, error) {
	if c == nil || c.Customer == nil {
		return "", nil
	}
	name := "deskbridge-" + c.Customer.ID.String()
	var u user
	err := h.get(ctx, "/user/"+url.PathEscape(name), nil, &u)
	switch {
	case err == nil && u.EmailAddress != "":
		return "", nil
	case err == nil:
		return name, nil
	case !kit.IsStatus(err, http.StatusNotFound, http.StatusForbidden):
		return "", err
	}
	_, err = h.api.Do(ctx, kit.RESTCall{Method: http.MethodPost, Path: "/user", JSON: map[string]any{
		"Name": name, "RealName": cut(cmp.Or(c.Customer.Name, c.Address.Name, c.Address.Value), 120), "Privileged": 0,
		"Comments": "A customer of Deskbridge. Without a mail address on purpose: Deskbridge delivers what is answered.",
	}})
	if kit.IsStatus(err, http.StatusBadRequest, http.StatusForbidden) {
		// Another node made it a moment ago, or we have not got the right.
		if h.get(ctx, "/user/"+url.PathEscape(name), nil, &u) != nil || u.EmailAddress != "" {
			name = ""
		}
		return name, nil
	}
	return name, err
}
