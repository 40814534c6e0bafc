package inbox

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// wantedCookie keeps the page that a browser asked for before its user logged
// in, for as long as a login may take.
const wantedCookie = "deskbridge-wanted"

func (in *Inbox) setWanted(w http.ResponseWriter, value string, age int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure where we are reached by https
		Name: wantedCookie, Value: value, Path: Path, MaxAge: age, HttpOnly: true, Secure: in.door.https(), SameSite: http.SameSiteLaxMode,
	})
}

// toLogin sends a browser to the login, to come back to the page that it asked
// for. What a page contains, such as a picture or a frame, is no page.
func (in *Inbox) toLogin(w http.ResponseWriter, r *http.Request) {
	dest := r.Header.Get("Sec-Fetch-Dest") // not sent everywhere
	page := strings.Contains(r.Header.Get("Accept"), "text/html") && (dest == "" || dest == "document")
	if asked := r.URL.RequestURI(); page && ownPage(asked) != Path {
		in.setWanted(w, url.QueryEscape(asked), int(patience/time.Second))
	}
	http.Redirect(w, r, Path+"login", http.StatusSeeOther)
}

// fromLogin sends a browser on after the login.
func (in *Inbox) fromLogin(w http.ResponseWriter, r *http.Request) {
	to := Path
	if c, err := r.Cookie(wantedCookie); err == nil {
		in.setWanted(w, "", -1)
		asked, _ := url.QueryUnescape(c.Value)
		to = ownPage(asked)
	}
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // a page of ours, as was just checked
}

// ownPage returns an address if it is certain to lead to a page of the inbox,
// else the inbox.
func ownPage(address string) string {
	path, _, _ := strings.Cut(address, "?")
	if !strings.HasPrefix(path, Path) || strings.Contains(path, "//") || strings.ContainsAny(address, "\\\r\n") || len(address) > 1000 {
		return Path
	}
	return address
}
