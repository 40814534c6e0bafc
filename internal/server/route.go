package server

import (
	"net/http"
	"strings"
)

// route serves what mux knows, behind the API's door where it belongs to the
// API, and answers the rest with a problem.
func (s *Server) route(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/") && r.URL.Path != specPath {
			if p := s.auth.check(r); p != nil {
				if p.Status == http.StatusUnauthorized {
					w.Header().Set("WWW-Authenticate", `Bearer realm="deskbridge"`)
				}
				if p.Status == http.StatusServiceUnavailable {
					s.log.Error("token not checked", "request", requestID(r.Context()), "err", p.Detail)
				}
				p.write(w)
				return
			}
		}
		if _, pattern := mux.Handler(r); pattern == "" {
			unknown(mux, w, r)
			return
		}
		in := infoOf(r.Context())
		defer func() {
			pattern := r.Pattern
			if _, path, ok := strings.Cut(pattern, " "); ok {
				pattern = path // the method is a label of its own
			}
			in.route = pattern
		}()
		mux.ServeHTTP(w, r)
	})
}

// unknown tells a wrong path from a wrong method as mux does.
func unknown(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	probe := &discard{header: http.Header{}}
	mux.ServeHTTP(probe, r)
	if probe.status != http.StatusMethodNotAllowed {
		problem(http.StatusNotFound, "there is nothing at this address").write(w)
		return
	}
	methodNotAllowed(w, probe.header.Get("Allow"))
}

func methodNotAllowed(w http.ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	problem(http.StatusMethodNotAllowed, "use one of: "+allow).write(w)
}

// discard notes the status of an answer that is not sent.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }
