package inbox

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/deskbridge/deskbridge/normalize/text"
)

// patience is how long a login with the provider may take.
const patience = 10 * time.Minute

// beginCookie names what the browser keeps during a login with the provider.
func (d *door) beginCookie() string { return d.cookie() + "-login" }

func (d *door) setBegun(w http.ResponseWriter, value string, age int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure where we are reached by https
		Name: d.beginCookie(), Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: d.https(), SameSite: http.SameSiteLaxMode,
	})
}

// leave sends the browser to the provider.
func (in *Inbox) leave(w http.ResponseWriter, r *http.Request) {
	o := in.OIDC()
	if o == nil {
		http.NotFound(w, r)
		return
	}
	b := begun{rand.Text(), rand.Text(), oauth2.GenerateVerifier()}
	to, err := in.sso.ask(r.Context(), o, b)
	if err != nil {
		in.notIn(w, r, o, err)
		return
	}
	in.door.setBegun(w, b.String(), int(patience/time.Second))
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// back takes the browser from the provider.
func (in *Inbox) back(w http.ResponseWriter, r *http.Request) {
	o := in.OIDC()
	if o == nil {
		http.NotFound(w, r)
		return
	}
	in.door.setBegun(w, "", -1) // it is good for one try
	u, err := in.returned(r, o)
	if err == nil {
		err = in.door.open(r.Context(), w, u, o.mark(u))
	}
	if err != nil {
		in.notIn(w, r, o, err)
		return
	}
	in.Log.Info("login to the inbox", "user", u.Email, "by", o.Issuer)
	in.fromLogin(w, r)
}

func (in *Inbox) returned(r *http.Request, o *OIDC) (User, error) {
	q := r.URL.Query()
	c, err := r.Cookie(in.door.beginCookie())
	if err != nil {
		return User{}, errNotBegun
	}
	b, ok := parseBegun(c.Value)
	if !ok || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(b.state)) != 1 {
		return User{}, errNotBegun
	}
	if iss := q.Get("iss"); iss != "" && iss != o.Issuer { // RFC 9207
		return User{}, fmt.Errorf("%w: another provider answered", errUnproven)
	}
	code := q.Get("code")
	if code == "" || len(code) > 8<<10 {
		return User{}, fmt.Errorf("%w: %s", errDeclined, text.Truncate(text.CleanLine(q.Get("error")), 60))
	}
	names := []string{"o " + in.Client(r)}
	if !in.door.allow(names, ssoLimits) {
		return User{}, errMany
	}
	said, err := in.sso.redeem(r.Context(), o, code, b)
	if err != nil {
		return User{}, err
	}
	u, err := o.admit(in.Users(), said)
	if err != nil {
		return User{}, fmt.Errorf("%w: %s", err, text.Truncate(text.CleanLine(said.Email), 254))
	}
	in.door.forgive(names)
	return u, nil
}

// notIn shows the login again and says why.
func (in *Inbox) notIn(w http.ResponseWriter, r *http.Request, o *OIDC, err error) {
	p := in.language(r)
	status := http.StatusForbidden
	var why string
	switch {
	case errors.Is(err, errNotBegun):
		status, why = http.StatusBadRequest, p.t("This login was begun in another window, or too long ago. Try again.")
	case errors.Is(err, errDeclined):
		why = p.t("The login was cancelled or refused there. Try again, or ask an administrator.")
	case errors.Is(err, errUnproven):
		why = p.t("What the login service answered could not be verified. Try again; if it happens again, tell an administrator.")
	case errors.Is(err, errUnverified):
		why = p.t("Your account there has no verified e-mail address. Verify it there, or ask an administrator.")
	case errors.Is(err, errStranger):
		why = p.t("Your account is not admitted to this inbox. Ask an administrator.")
	case errors.Is(err, errMany):
		w.Header().Set("Retry-After", "30")
		status, why = http.StatusTooManyRequests, p.t("Too many failed attempts. Wait a minute and try again.")
	case errors.Is(err, errProvider), errors.Is(err, errBusy), errors.Is(err, errUnset):
		w.Header().Set("Retry-After", "5")
		status, why = http.StatusServiceUnavailable, p.t("The login service cannot be used now. Try again in a moment; if it stays so, tell an administrator.")
	default:
		in.fail(w, &request{Request: r, pages: p}, err)
		return
	}
	in.Log.Warn("failed login to the inbox", "client", in.Client(r), "by", o.Issuer, "err", err)
	in.showLogin(w, r, status, "", why)
}
