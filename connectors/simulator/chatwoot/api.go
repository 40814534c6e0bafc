package chatwoot

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	const account = "/api/v1/accounts/{account}/"
	for pattern, h := range map[string]http.HandlerFunc{
		"GET inboxes":                               s.inboxes,
		"GET contacts/search":                       s.searchContacts,
		"POST contacts":                             s.createContact,
		"GET contacts/{id}":                         s.showContact,
		"PUT contacts/{id}":                         s.updateContact,
		"DELETE contacts/{id}":                      s.deleteContact,
		"GET contacts/{id}/conversations":           s.contactConversations,
		"POST contacts/{id}/contact_inboxes":        s.createContactInbox,
		"GET conversations":                         s.listConversations,
		"POST conversations":                        s.createConversation,
		"GET conversations/{id}":                    s.showConversation,
		"POST conversations/{id}/toggle_status":     s.toggleStatus,
		"GET conversations/{id}/messages":           s.listMessages,
		"POST conversations/{id}/messages":          s.createMessage,
		"PATCH conversations/{id}/messages/{mid}":   s.updateMessage,
		"DELETE conversations/{id}/messages/{mid}":  s.deleteMessage,
		"POST conversations/{id}/custom_attributes": s.setAttributes,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+account+path, s.guarded(h))
	}
	mux.HandleFunc("GET /rails/active_storage/blobs/redirect/{id}/{name}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/rails/active_storage/disk/"+r.PathValue("id")+"/"+r.PathValue("name"), http.StatusFound)
	})
	mux.HandleFunc("GET /rails/active_storage/disk/{id}/{name}", s.download)
	return mux
}

// guarded takes the requests of our token on our account, as many a minute as
// are allowed, and holds the lock while h runs.
func (s *Server) guarded(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		now := time.Now()
		s.taken = slices.DeleteFunc(s.taken, func(t time.Time) bool { return now.Sub(t) > time.Minute })
		switch {
		case s.opts.PerMinute > 0 && len(s.taken) >= s.opts.PerMinute:
			w.Header().Set("Retry-After", strconv.Itoa(int(time.Minute.Seconds()-now.Sub(s.taken[0]).Seconds())+1))
			http.Error(w, "Retry later", http.StatusTooManyRequests)
		case r.Header.Get("api_access_token") != s.opts.Token:
			fail(w, http.StatusUnauthorized, map[string]any{"error": "Invalid Access Token"})
		case r.PathValue("account") != strconv.FormatInt(s.opts.Account, 10):
			missing(w)
		default:
			s.taken = append(s.taken, now)
			h(w, r)
		}
	}
}

func reply(w http.ResponseWriter, v any) { fail(w, http.StatusOK, v) }

func fail(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic("simulated Chatwoot: " + err.Error()) // a mistake in this package
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

func missing(w http.ResponseWriter) {
	fail(w, http.StatusNotFound, map[string]any{"error": "Resource could not be found"})
}

func invalid(w http.ResponseWriter, format string, args ...any) {
	fail(w, http.StatusUnprocessableEntity, map[string]any{"error": fmt.Sprintf(format, args...)})
}

// read takes the body's JSON into v and answers where there is none.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<20)).Decode(v); err != nil {
		fail(w, http.StatusBadRequest, map[string]any{"error": "Error occurred while parsing request parameters"})
		return false
	}
	return true
}

func number(r *http.Request, name string) int64 {
	n, _ := strconv.ParseInt(r.PathValue(name), 10, 64)
	return n
}

func query(r *http.Request, name string) int64 {
	n, _ := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	return n
}

func (s *Server) inboxes(w http.ResponseWriter, _ *http.Request) {
	reply(w, map[string]any{"payload": []any{
		map[string]any{"id": s.opts.Inbox + 1, "name": "Website", "channel_type": "Channel::WebWidget"},
		map[string]any{"id": s.opts.Inbox, "name": "Deskbridge", "channel_type": "Channel::Api", "lock_to_single_conversation": false},
	}})
}

func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f, ok := s.files[number(r, "id")]
	s.mu.Unlock()
	if !ok {
		missing(w)
		return
	}
	w.Header().Set("Content-Type", f.ContentType)
	_, _ = w.Write(f.Content)
}
