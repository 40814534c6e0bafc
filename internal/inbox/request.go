package inbox

import (
	"context"
	"errors"
	"net/http"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// request is a call of somebody who is logged in.
type request struct {
	*http.Request
	user    User
	session [32]byte
	pages   *pages
}

// member lets only users through. Others are sent to the login, or told so
// where a script asks.
func (in *Inbox) member(h func(http.ResponseWriter, *request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := &request{Request: r, pages: in.language(r)}
		hash, ok := in.door.token(r)
		err := timeline.ErrNotFound
		if ok {
			req.session = hash
			req.user, err = in.door.who(r.Context(), hash)
		}
		switch {
		case err == nil:
			h(w, req)
		case !errors.Is(err, timeline.ErrNotFound):
			in.fail(w, req, err)
		case r.Method == http.MethodGet && !scripted(r):
			in.toLogin(w, r)
		default:
			http.Error(w, req.pages.t("Your session has ended. Log in again."), http.StatusUnauthorized)
		}
	})
}

// id returns the id of the path, or zero for what is none.
func (r *request) id(name string) normalize.ID {
	id, err := normalize.ParseID(r.PathValue(name))
	if err != nil {
		return 0
	}
	return id
}

// fail answers for an error in the user's words. A failure of ours is 503.
func (in *Inbox) fail(w http.ResponseWriter, r *request, err error) {
	status, words := in.explain(r.pages, err)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	if scripted(r.Request) {
		http.Error(w, words, status)
		return
	}
	in.show(w, r, status, "trouble", view{Title: r.pages.t("This did not work"), Data: words})
}

func (in *Inbox) explain(p *pages, err error) (status int, words string) {
	if refused, ok := errors.AsType[*timeline.Refused](err); ok {
		return http.StatusUnprocessableEntity, p.refused(refused)
	}
	switch {
	case errors.Is(err, timeline.ErrNotFound), errors.Is(err, timeline.ErrErased), errors.Is(err, timeline.ErrNoMedia), errors.Is(err, timeline.ErrGone):
		return http.StatusNotFound, p.t("This does not exist, or no longer.")
	case errors.Is(err, timeline.ErrPending):
		return http.StatusNotFound, p.t("This file is still being fetched.")
	case errors.Is(err, timeline.ErrConflict), errors.Is(err, outbox.ErrState):
		return http.StatusConflict, p.t("Somebody else changed this in the meantime. Load the page again.")
	}
	if !errors.Is(err, context.Canceled) { // else the browser has left
		in.Log.Error("the inbox could not answer", "err", err)
	}
	return http.StatusServiceUnavailable, p.t("The server cannot do this now. Try again in a moment.")
}

// nowhere answers for addresses that name no page.
func (in *Inbox) nowhere(w http.ResponseWriter, r *request) { in.fail(w, r, timeline.ErrNotFound) }

func (in *Inbox) loginPage(w http.ResponseWriter, r *http.Request) {
	in.showLogin(w, r, http.StatusOK, "", "")
}

// ways are those in which one can log in.
type ways struct {
	Email, Why string
	Passwords  bool
	Company    string // what the login with the company's account is called; empty for none
}

func (in *Inbox) showLogin(w http.ResponseWriter, r *http.Request, status int, email, why string) {
	p := in.language(r)
	v := ways{Email: email, Why: why, Passwords: len(withPassword(in.Users())) > 0}
	if o := in.OIDC(); o != nil {
		v.Company = o.Name
	}
	in.show(w, &request{Request: r, pages: p}, status, "login", view{Title: p.t("Log in"), Data: v})
}

func (in *Inbox) login(w http.ResponseWriter, r *http.Request) {
	p := in.language(r)
	email := r.PostFormValue("email")
	user, err := in.door.enter(r.Context(), in.Client(r), email, r.PostFormValue("password"))
	if err == nil {
		err = in.door.open(r.Context(), w, user, markOf(user))
	}
	switch {
	case err == nil:
		in.Log.Info("login to the inbox", "user", user.Email)
		in.fromLogin(w, r)
	case errors.Is(err, errWrong):
		in.Log.Warn("failed login to the inbox", "client", in.Client(r))
		in.showLogin(w, r, http.StatusUnauthorized, email, p.t("Wrong e-mail address or password."))
	case errors.Is(err, errMany):
		w.Header().Set("Retry-After", "30")
		in.showLogin(w, r, http.StatusTooManyRequests, email, p.t("Too many failed attempts. Wait a minute and try again."))
	case errors.Is(err, errBusy):
		w.Header().Set("Retry-After", "5")
		in.showLogin(w, r, http.StatusServiceUnavailable, email, p.t("The server cannot do this now. Try again in a moment."))
	default:
		in.fail(w, &request{Request: r, pages: p}, err)
	}
}

func (in *Inbox) logout(w http.ResponseWriter, r *request) {
	if err := in.Store.EndSession(r.Context(), r.session); err != nil {
		in.fail(w, r, err)
		return
	}
	in.door.setCookie(w, "", -1)
	http.Redirect(w, r.Request, Path+"login", http.StatusSeeOther)
}

const languageCookie = "deskbridge-language"

func (in *Inbox) setLanguage(w http.ResponseWriter, r *http.Request) {
	lang := r.PostFormValue("language")
	if _, ok := in.pages[lang]; ok {
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure where we are reached by https
			Name: languageCookie, Value: lang, Path: Path, MaxAge: 365 * 24 * 3600, HttpOnly: true, Secure: in.door.https(), SameSite: http.SameSiteLaxMode,
		})
	}
	http.Redirect(w, r, ownPage(r.PostFormValue("back")), http.StatusSeeOther) //nolint:gosec // a page of ours, as was just checked
}

// scripted reports whether our own script asks, rather than a person who is to
// see a page.
func scripted(r *http.Request) bool { return r.Header.Get("X-Inbox") != "" }
