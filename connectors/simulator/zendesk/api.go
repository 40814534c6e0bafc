package zendesk

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
	for pattern, h := range map[string]http.HandlerFunc{
		"GET users/me":                   s.whoAmI,
		"GET users/search":               s.searchUsers,
		"GET users/show_many":            s.showUsers,
		"POST users/create_or_update":    s.putUser,
		"GET tickets":                    s.listTickets,
		"POST tickets":                   s.createTicket,
		"GET tickets/{id}":               s.showTicket,
		"PUT tickets/{id}":               s.updateTicket,
		"DELETE tickets/{id}":            s.deleteTicket,
		"GET tickets/{id}/comments":      s.listComments,
		"GET tickets/{id}/audits":        s.listAudits,
		"GET attachments/{id}":           s.showAttachment,
		"POST uploads":                   s.upload,
		"GET incremental/tickets/cursor": s.exportTickets,
		"GET incremental/ticket_events":  s.exportEvents,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /api/v2/"+path, s.guarded(h))
	}
	mux.HandleFunc("GET /attachments/token/{token}/", s.download)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = strings.TrimSuffix(r.URL.Path, ".json")
		mux.ServeHTTP(w, r)
	})
}

// guarded takes the requests with our credentials, as many a minute as are
// allowed, and holds the lock while h runs.
func (s *Server) guarded(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		user, password, _ := r.BasicAuth()
		switch {
		case (user != s.opts.Email+"/token" || password != s.opts.Token) && r.Header.Get("Authorization") != "Bearer "+s.opts.OAuthToken:
			reply(w, http.StatusUnauthorized, map[string]any{"error": "Couldn't authenticate you"})
		case !allow(w, &s.taken, s.opts.PerMinute):
		case strings.HasPrefix(r.URL.Path, "/api/v2/incremental/") && !allow(w, &s.exports, s.opts.ExportsPerMinute):
		default:
			h(w, r)
		}
	}
}

// allow counts a request, and refuses it where there were too many.
func allow(w http.ResponseWriter, taken *[]time.Time, most int) bool {
	now := time.Now()
	*taken = slices.DeleteFunc(*taken, func(t time.Time) bool { return now.Sub(t) > time.Minute })
	if most > 0 && len(*taken) >= most {
		w.Header().Set("Retry-After", strconv.Itoa(int((time.Minute-now.Sub((*taken)[0]))/time.Second)+1))
		reply(w, http.StatusTooManyRequests, map[string]any{"error": "APIRateLimitExceeded", "description": "Number of allowed API requests per minute exceeded"})
		return false
	}
	*taken = append(*taken, now)
	return true
}

func reply(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic("simulated Zendesk: " + err.Error()) // a mistake in this package
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

func missing(w http.ResponseWriter) {
	reply(w, http.StatusNotFound, map[string]any{"error": "RecordNotFound", "description": "Not found"})
}

// invalid refuses a record for one of its fields.
func invalid(w http.ResponseWriter, field, format string, args ...any) {
	reply(w, http.StatusUnprocessableEntity, map[string]any{
		"error": "RecordInvalid", "description": "Record validation errors",
		"details": map[string]any{field: []any{map[string]any{"description": fmt.Sprintf(format, args...)}}},
	})
}

// read takes the body's JSON into v and answers where there is none.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<20)).Decode(v); err != nil {
		reply(w, http.StatusBadRequest, map[string]any{"error": "Unprocessable JSON", "description": "the body is no JSON"})
		return false
	}
	return true
}

func number(r *http.Request) int64 {
	n, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	return n
}

func (u *User) view() map[string]any {
	null := func(v string) any {
		if v == "" {
			return nil
		}
		return v
	}
	return map[string]any{
		"id": u.ID, "name": u.Name, "email": null(u.Email), "external_id": null(u.ExternalID), "role": u.Role, "details": null(u.Details), "active": true,
		"created_at": u.created.UTC().Format(time.RFC3339),
	}
}

func (s *Server) whoAmI(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{"user": s.me.view()})
}

func (s *Server) searchUsers(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("external_id")
	list := []any{}
	for _, u := range s.users {
		if id != "" && u.ExternalID == id {
			list = append(list, u.view())
		}
	}
	reply(w, http.StatusOK, map[string]any{"users": list, "count": len(list)})
}

func (s *Server) showUsers(w http.ResponseWriter, r *http.Request) {
	list := []any{}
	for id := range strings.SplitSeq(r.URL.Query().Get("ids"), ",") {
		n, _ := strconv.ParseInt(id, 10, 64)
		if u := s.user(n); u != nil {
			list = append(list, u.view())
		}
	}
	reply(w, http.StatusOK, map[string]any{"users": list, "count": len(list)})
}

func (s *Server) putUser(w http.ResponseWriter, r *http.Request) {
	var f struct {
		User struct {
			Name, Email, Details string
			ExternalID           string `json:"external_id"`
		}
	}
	if !read(w, r, &f) {
		return
	}
	for _, u := range s.users {
		if f.User.ExternalID != "" && u.ExternalID == f.User.ExternalID || f.User.Email != "" && strings.EqualFold(u.Email, f.User.Email) {
			if f.User.Name != "" {
				u.Name = f.User.Name
			}
			if f.User.Details != "" {
				u.Details = f.User.Details
			}
			reply(w, http.StatusOK, map[string]any{"user": u.view()})
			return
		}
	}
	if strings.TrimSpace(f.User.Name) == "" {
		invalid(w, "name", "Name: is too short (minimum one character)")
		return
	}
	u := s.newUser(User{Name: f.User.Name, Email: f.User.Email, ExternalID: f.User.ExternalID, Details: f.User.Details, Role: roleCustomer})
	reply(w, http.StatusCreated, map[string]any{"user": u.view()})
}
