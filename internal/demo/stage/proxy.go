package stage

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
)

// newProxy leads to the inbox of the daemon. It changes one thing: the pages
// may stand in a frame of the stage.
func (s *Stage) newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Transport: s.client.Transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(s.Daemon)
			r.Out.Host = r.In.Host // with which the inbox compares where a form comes from
		},
		ModifyResponse: func(r *http.Response) error {
			if h := r.Header; h.Get("X-Frame-Options") == "DENY" {
				h.Set("X-Frame-Options", "SAMEORIGIN")
				h.Set("Content-Security-Policy", strings.ReplaceAll(h.Get("Content-Security-Policy"), "frame-ancestors 'none'", "frame-ancestors 'self'"))
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, "the daemon does not answer", http.StatusBadGateway)
		},
	}
}

// enter logs the visitor in to the inbox, with the password that nobody has to
// know, instead of showing its login page.
func (s *Stage) enter(w http.ResponseWriter, r *http.Request) {
	form := url.Values{"email": {s.Email}, "password": {s.Password}}
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, s.Daemon.JoinPath("inbox/login").String(), strings.NewReader(form.Encode()))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.client.Do(req)
	if err != nil {
		http.Error(w, "the daemon does not answer", http.StatusBadGateway)
		return
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		http.Error(w, "the inbox let nobody in: "+resp.Status, http.StatusBadGateway)
		return
	}
	for _, c := range resp.Cookies() {
		http.SetCookie(w, c)
	}
	http.Redirect(w, r, "/inbox/", http.StatusSeeOther)
}
