package inbox

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/kit/password"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

const (
	// idle ends a session that is not used, as an open page does; longest ends
	// any session.
	idle    = 12 * time.Hour
	longest = 7 * 24 * time.Hour
	// longestOIDC is shorter: the provider alone knows who has left the company.
	longestOIDC = 24 * time.Hour
	renew       = 10 * time.Minute // a session is not extended more often

	// hashing is how many passwords are looked at once: each takes memory and
	// a core for a while.
	hashing     = 2
	hashingWait = 10 * time.Second

	maxRemembered = 10_000 // limiters, of each kind
)

// limit bounds failed logins.
type limit struct {
	every time.Duration
	burst int
}

// limits are for passwords: from one network for one name, from one network,
// and for one name from everywhere. ssoLimits is for logins with the company's
// account, from one network.
var (
	limits    = []limit{{30 * time.Second, 5}, {6 * time.Second, 20}, {6 * time.Second, 100}}
	ssoLimits = []limit{{6 * time.Second, 20}}
)

// door lets users in.
type door struct {
	Deps
	slots chan struct{}

	mu       sync.Mutex
	limiters map[string]*rate.Limiter
	clock    connectors.Clock
}

func newDoor(d Deps) *door {
	return &door{Deps: d, slots: make(chan struct{}, hashing), limiters: map[string]*rate.Limiter{}, clock: d.Clock}
}

var (
	errWrong = errors.New("wrong e-mail address or password")
	errMany  = errors.New("too many failed attempts")
	errBusy  = errors.New("too many logins at once")
)

// enter checks a password. An unknown name takes as long as a known one.
func (d *door) enter(ctx context.Context, client, email, pass string) (User, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	if len(email) > 254 || len(pass) > password.MaxLength {
		return User{}, errWrong
	}
	names := []string{"p " + client + " " + email, "c " + client, "n " + email}
	if !d.allow(names, limits) {
		return User{}, errMany
	}
	users := withPassword(d.Users())
	if len(users) == 0 {
		return User{}, errWrong
	}
	user, known := find(users, email)
	if !known {
		user = users[0]
	}
	hash, err := password.Parse(user.PasswordHash)
	if err != nil {
		return User{}, errWrong // the configuration's check does not let it through
	}
	wait, cancel := context.WithTimeout(ctx, hashingWait)
	defer cancel()
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-wait.Done():
		return User{}, errBusy
	}
	if !hash.Is(pass) || !known {
		return User{}, errWrong
	}
	d.forgive(names)
	return user, nil
}

// withPassword returns the users who can log in with one.
func withPassword(users []User) (all []User) {
	for _, u := range users {
		if u.PasswordHash != "" {
			all = append(all, u)
		}
	}
	return all
}

func find(users []User, email string) (User, bool) {
	for _, u := range users {
		if strings.EqualFold(u.Email, email) {
			return u, true
		}
	}
	return User{}, false
}

// allow counts an attempt before it is made, so that many at once are no way
// around the limits.
func (d *door) allow(names []string, limits []limit) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.Now()
	var all []*rate.Limiter
	for i, n := range names {
		l := d.limiters[n]
		if l == nil {
			for k := range d.limiters { // any: whoever fills the table has more names than it
				if len(d.limiters) < maxRemembered {
					break
				}
				delete(d.limiters, k)
			}
			l = rate.NewLimiter(rate.Every(limits[i].every), limits[i].burst)
			d.limiters[n] = l
		}
		l.SetLimitAt(now, l.Limit()) // or a clock that stepped back would fill it no more
		if l.TokensAt(now) < 1 {
			return false
		}
		all = append(all, l)
	}
	for _, l := range all {
		l.AllowN(now, 1)
	}
	return true
}

func (d *door) forgive(names []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range names[:1] {
		delete(d.limiters, n)
	}
}

// cookie names the session's cookie. With https it is bound to this host.
func (d *door) cookie() string {
	if d.https() {
		return "__Host-deskbridge"
	}
	return "deskbridge"
}

func (d *door) https() bool { return strings.HasPrefix(d.PublicURL, "https://") }

// open begins a session; its mark says what the login was made with.
func (d *door) open(ctx context.Context, w http.ResponseWriter, u User, mark string) error {
	token := rand.Text() + rand.Text()
	now := d.clock.Now()
	if err := d.Store.StartSession(ctx, sha256.Sum256([]byte(token)), strings.ToLower(u.Email), mark, now, now.Add(idle)); err != nil {
		return err
	}
	d.setCookie(w, token, int(longest/time.Second))
	return nil
}

func (d *door) setCookie(w http.ResponseWriter, token string, age int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure where we are reached by https
		Name: d.cookie(), Value: token, Path: "/", MaxAge: age, HttpOnly: true, Secure: d.https(), SameSite: http.SameSiteLaxMode,
	})
}

// markOf tells whether the password is still the one of the login.
func markOf(u User) string {
	sum := sha256.Sum256([]byte(u.PasswordHash))
	return hex.EncodeToString(sum[:8])
}

// token returns the hash of a request's session token.
func (d *door) token(r *http.Request) (hash [32]byte, ok bool) {
	c, err := r.Cookie(d.cookie())
	if err != nil || c.Value == "" || len(c.Value) > 100 {
		return hash, false
	}
	return sha256.Sum256([]byte(c.Value)), true
}

// who returns whose session a token is; timeline.ErrNotFound for nobody's.
func (d *door) who(ctx context.Context, hash [32]byte) (User, error) {
	now := d.clock.Now()
	email, mark, started, expires, err := d.Store.Session(ctx, hash, now)
	if err != nil {
		return User{}, err
	}
	u, known := d.marked(email, mark)
	most := longest
	if strings.HasPrefix(mark, markOIDC) {
		most = longestOIDC
	}
	if !known || now.Sub(started) >= most {
		return User{}, timeline.ErrNotFound
	}
	if next := now.Add(idle); next.Sub(expires) > renew {
		if err := d.Store.ExtendSession(ctx, hash, next); err != nil {
			return User{}, err
		}
	}
	return u, nil
}

// marked returns the user of a session; false where what the login was made
// with is no longer good for one.
func (d *door) marked(email, mark string) (User, bool) {
	if strings.HasPrefix(mark, markOIDC) {
		return d.OIDC().marked(d.Users(), email, mark)
	}
	u, known := find(d.Users(), email)
	return u, known && u.PasswordHash != "" && markOf(u) == mark
}

func originOf(publicURL string) string {
	u, err := url.Parse(publicURL)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
