package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

const (
	// maxHeaders is how many header lines a request may have. What they may
	// weigh together is bounded by Listener.
	maxHeaders = 200
	// writeTimeout bounds the answer of a call that is not a stream.
	writeTimeout = time.Minute
)

// info is what is known of a request under way.
type info struct {
	id     string
	client string // address, see clientAddr
	route  string // the pattern of the mux; "" where none fits
	token  string // name of the API token, once checked
}

type infoKey struct{}

// infoOf returns the info that outer put into every request's context.
func infoOf(ctx context.Context) *info {
	if in, ok := ctx.Value(infoKey{}).(*info); ok {
		return in
	}
	return &info{}
}

func requestID(ctx context.Context) string { return infoOf(ctx).id }

// outer is around all of the public listener: it names each request, bounds
// its headers and its answer's time, survives panics, counts and logs.
func (s *Server) outer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		in := &info{id: requestName(r), client: clientAddr(r, s.config.TrustedProxies)}
		r = r.WithContext(context.WithValue(r.Context(), infoKey{}, in))
		rec := &recorder{ResponseWriter: w}
		h := w.Header()
		h.Set("X-Request-Id", in.id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		// Not all writers have deadlines; those of real connections do.
		control := http.NewResponseController(w)
		_ = control.SetWriteDeadline(begun.Add(writeTimeout))
		if r.Body != http.NoBody {
			// net/http reads what a handler leaves unread, for as long as it takes.
			_ = control.SetReadDeadline(begun.Add(bodyTimeout))
		}

		defer func() {
			v := recover()
			err, _ := v.(error)
			aborted := errors.Is(err, http.ErrAbortHandler)
			if v != nil && !aborted {
				s.panicked(rec, r, v)
			}
			s.observe(rec, r, in, time.Since(begun))
			if aborted || rec.broken {
				panic(http.ErrAbortHandler) // the answer is cut: let the client see that
			}
		}()
		if countHeaders(r.Header) > maxHeaders {
			h.Set("Connection", "close")
			problem(http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("at most %d header lines are taken", maxHeaders)).write(rec)
			return
		}
		next.ServeHTTP(rec, r)
	})
}

// panicked answers for a handler that broke down. The panic's value may quote
// the request, so only its type is logged.
func (s *Server) panicked(rec *recorder, r *http.Request, v any) {
	err, _ := v.(error)
	if _, ok := errors.AsType[net.Error](err); ok || r.Context().Err() != nil {
		rec.broken = true // the client is gone; huma reports a failed write this way
		return
	}
	s.metrics.panics.Inc()
	s.log.Error("handler panicked", "request", requestID(r.Context()), "panic", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
	if rec.status != 0 {
		rec.broken = true
		return
	}
	unavailable("the request could not be completed; see the log for request " + requestID(r.Context())).write(rec)
}

// observe counts and logs a request: its path, never its query, in which some
// vendors put secrets, and never its body.
func (s *Server) observe(rec *recorder, r *http.Request, in *info, took time.Duration) {
	status := rec.status
	if status == 0 {
		status = http.StatusOK // net/http sends it when the handler has returned
	}
	route := in.route
	if route == "" {
		route = "none"
	}
	s.metrics.requests.WithLabelValues(route, methodLabel(r.Method), strconv.Itoa(status)).Observe(took.Seconds())
	level := slog.LevelDebug
	switch {
	case status >= 500:
		level = slog.LevelWarn
	case status >= 400:
		level = slog.LevelInfo
	}
	if !s.log.Enabled(r.Context(), level) {
		return
	}
	path := r.URL.Path
	if len(path) > 200 {
		path = path[:200]
	}
	s.log.Log(r.Context(), level, "request", "request", in.id, "method", methodLabel(r.Method), "path", path,
		"status", status, "bytes", rec.bytes, "took", took, "client", in.client, "token", in.token)
}

// methodLabel keeps the number of labels bounded: a method may be any word.
func methodLabel(m string) string {
	switch m {
	case http.MethodGet, http.MethodPost, http.MethodDelete, http.MethodPut, http.MethodPatch, http.MethodHead, http.MethodOptions:
		return m
	}
	return "other"
}

// requestName takes over the name that a proxy gave the request, where it is
// harmless, and makes one up otherwise.
func requestName(r *http.Request) string {
	given := r.Header.Get("X-Request-Id")
	harmless := func(c rune) bool {
		return c == '-' || c == '_' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	}
	if given != "" && len(given) <= 64 && strings.IndexFunc(given, func(c rune) bool { return !harmless(c) }) < 0 {
		return given
	}
	return strconv.FormatUint(rand.Uint64(), 36)
}

func countHeaders(h http.Header) (n int) {
	for _, values := range h {
		n += len(values)
	}
	return n
}

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	broken bool // the answer was begun and cannot be completed
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
