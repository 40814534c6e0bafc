package slack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Request is one call of the Web API, for tests to look at. Its token is left
// out.
type Request struct {
	Method string // "chat.postMessage"
	Form   url.Values
}

// Requests returns all calls so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Sent is a message that the app sent.
type Sent struct {
	Channel, Thread, TS, Text string
	// Key is in the message's metadata.
	Key     string
	Files   []SentFile
	Deleted bool
}

// SentFile is one that the app sent.
type SentFile struct {
	ID, Name, Title string
	Content         []byte
}

// Record returns what the app sent, oldest first.
func (s *Server) Record() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Sent, len(s.sent))
	for i, m := range s.sent {
		list[i] = *m
	}
	return list
}

// answer is what a method says beside ok.
type answer map[string]any

// refusal is ok:false.
type refusal string

const maxForm = 4 << 20

// call answers a method of the Web API.
func (s *Server) call(w http.ResponseWriter, r *http.Request) {
	method := r.PathValue("method")
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	form := url.Values{}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") || r.Method == http.MethodGet {
		if err := r.ParseForm(); err != nil {
			reply(w, nil, "invalid_form_data")
			return
		}
		form = r.Form
	}
	token := strings.TrimSpace(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer"))
	if t := form.Get("token"); t != "" {
		token = t
	}
	form.Del("token")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, Request{method, form})
	defer s.notify()
	want, handle := s.o.BotToken, methods[method]
	if method == "apps.connections.open" {
		want = s.o.AppToken
	}
	switch {
	case handle == nil:
		reply(w, nil, "unknown_method")
	case token == "":
		reply(w, nil, "not_authed")
	case token != want && (token == s.o.BotToken || token == s.o.AppToken):
		reply(w, nil, "not_allowed_token_type")
	case token != want:
		reply(w, nil, "invalid_auth")
	case s.revoked != "" && method != "apps.connections.open":
		reply(w, nil, refusal(s.revoked))
	default:
		if method == "auth.test" {
			w.Header().Set("X-OAuth-Scopes", "chat:write,im:write,im:history,channels:history,channels:read,files:read,files:write,reactions:read,users:read,users:read.email")
		}
		if wait := s.paced(method, form); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
			w.WriteHeader(http.StatusTooManyRequests)
			reply(w, nil, "ratelimited")
			return
		}
		a, err := handle(s, r, form)
		reply(w, a, err)
	}
}

func reply(w http.ResponseWriter, a answer, err refusal) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if a == nil {
		a = answer{}
	}
	if a["ok"] = err == ""; err != "" {
		a["error"] = string(err)
	}
	b, bad := json.Marshal(a)
	if bad != nil {
		panic(bad) // a method answered what is no JSON
	}
	_, _ = w.Write(b)
}

// paced returns how long a message to a channel comes too early.
func (s *Server) paced(method string, form url.Values) time.Duration {
	if s.o.PerChannel == 0 || method != "chat.postMessage" && method != "files.completeUploadExternal" {
		return 0
	}
	r := s.room(form.Get("channel") + form.Get("channel_id"))
	now := time.Now()
	if wait := r.nextAt.Sub(now); wait > s.o.PerChannel/10 {
		return wait
	}
	r.nextAt = now.Add(s.o.PerChannel)
	return 0
}

// methods are those that the simulator knows, called with the lock held.
var methods = map[string]func(*Server, *http.Request, url.Values) (answer, refusal){
	"auth.test":                    (*Server).authTest,
	"apps.connections.open":        (*Server).openConnection,
	"chat.postMessage":             (*Server).postMessage,
	"chat.delete":                  (*Server).deleteMessage,
	"conversations.open":           (*Server).openDirect,
	"conversations.info":           (*Server).channelInfo,
	"conversations.list":           (*Server).listDirects,
	"conversations.history":        (*Server).history,
	"conversations.replies":        (*Server).replies,
	"users.info":                   (*Server).userInfo,
	"files.info":                   (*Server).fileInfo,
	"files.delete":                 (*Server).deleteFile,
	"files.getUploadURLExternal":   (*Server).uploadURL,
	"files.completeUploadExternal": (*Server).completeUpload,
}

func (s *Server) authTest(r *http.Request, _ url.Values) (answer, refusal) {
	return answer{
		"url": "http://" + r.Host + "/", "team": "Desk", "team_id": s.o.Team, "user": "deskbridge", "user_id": s.o.BotUser, "bot_id": "B0DESK",
	}, ""
}

func (s *Server) openConnection(r *http.Request, _ url.Values) (answer, refusal) {
	s.serial++
	ticket := fmt.Sprintf("ticket-%d-%d", s.serial, time.Now().UnixNano())
	s.tickets[ticket] = true
	return answer{"url": "ws://" + r.Host + "/link?ticket=" + ticket + "&app_id=" + s.o.AppID}, ""
}

// writable says why a channel takes no message.
func (s *Server) writable(id, thread string) (*room, refusal) {
	r := s.channels[id]
	switch {
	case r == nil:
		return nil, "channel_not_found"
	case r.Archived:
		return nil, "is_archived"
	case r.Without:
		return nil, "not_in_channel"
	}
	if _, err := strconv.ParseFloat(thread, 64); thread != "" && err != nil {
		return nil, "invalid_thread_ts"
	}
	return r, ""
}

const maxText = 40_000

func (s *Server) postMessage(_ *http.Request, form url.Values) (answer, refusal) {
	r, bad := s.writable(form.Get("channel"), form.Get("thread_ts"))
	text := form.Get("text")
	switch {
	case bad != "":
		return nil, bad
	case text == "":
		return nil, "no_text"
	case len([]rune(text)) > maxText:
		return nil, "msg_too_long"
	}
	var meta struct {
		EventType    string         `json:"event_type"`
		EventPayload map[string]any `json:"event_payload"`
	}
	var shown any
	if raw := form.Get("metadata"); raw != "" {
		if json.Unmarshal([]byte(raw), &meta) != nil || meta.EventType == "" || meta.EventPayload == nil {
			return nil, "invalid_metadata_format"
		}
		shown = json.RawMessage(raw)
	}
	key, _ := meta.EventPayload["key"].(string)
	m := s.say(r, &message{thread: form.Get("thread_ts"), text: text, metadata: shown}, &Sent{Key: key})
	return answer{"channel": r.ID, "ts": m.ts, "message": s.show(r, m)}, ""
}

// say lets the app write.
func (s *Server) say(r *room, m *message, record *Sent) *message {
	m.ts, m.user, m.bot, m.record = s.ts(), s.o.BotUser, true, record
	record.Channel, record.Thread, record.TS, record.Text = r.ID, m.thread, m.ts, m.text
	s.sent = append(s.sent, record)
	r.said = append(r.said, m)
	e := s.show(r, m)
	e["event_ts"], e["channel"], e["channel_type"] = m.ts, r.ID, channelType(r.ID)
	s.emit(r, e)
	return m
}

func (s *Server) deleteMessage(_ *http.Request, form url.Values) (answer, refusal) {
	_, m := s.find(form.Get("channel"), form.Get("ts"))
	switch {
	case m == nil:
		return nil, "message_not_found"
	case !m.bot:
		return nil, "cant_delete_message"
	}
	s.delete(form.Get("channel"), m.ts)
	return answer{"channel": form.Get("channel"), "ts": m.ts}, ""
}

func (s *Server) openDirect(_ *http.Request, form url.Values) (answer, refusal) {
	u, ok := s.users[form.Get("users")]
	switch {
	case form.Get("users") == "":
		return nil, "users_list_not_supplied"
	case !ok:
		return nil, "user_not_found"
	case u.Closed:
		return nil, "user_disabled"
	}
	return answer{"channel": map[string]any{"id": s.room(Direct(u.ID)).ID}}, ""
}

func (s *Server) channelInfo(_ *http.Request, form url.Values) (answer, refusal) {
	r := s.channels[form.Get("channel")]
	if r == nil {
		return nil, "channel_not_found"
	}
	return answer{"channel": map[string]any{
		"id": r.ID, "is_channel": true, "is_member": !r.Without, "is_ext_shared": r.Shared, "is_archived": r.Archived,
	}}, ""
}

// listDirects lists the direct messages that there are.
func (s *Server) listDirects(_ *http.Request, form url.Values) (answer, refusal) {
	if form.Get("types") != "im" {
		return nil, "invalid_types"
	}
	list := []any{}
	for id := range s.channels {
		if channelType(id) == "im" {
			list = append(list, map[string]any{"id": id, "is_im": true})
		}
	}
	return answer{"channels": list, "response_metadata": map[string]any{"next_cursor": ""}}, ""
}

func (s *Server) history(_ *http.Request, form url.Values) (answer, refusal) {
	return s.list(form, func(m *message) bool { return m.thread == "" || m.thread == m.ts }, true)
}

func (s *Server) replies(_ *http.Request, form url.Values) (answer, refusal) {
	root := form.Get("ts")
	if _, m := s.find(form.Get("channel"), root); m == nil {
		return nil, "thread_not_found"
	}
	return s.list(form, func(m *message) bool { return m.ts == root || m.thread == root }, false)
}

// list pages through a channel: history newest first, replies oldest first.
func (s *Server) list(form url.Values, in func(*message) bool, newest bool) (answer, refusal) {
	r := s.channels[form.Get("channel")]
	switch {
	case r == nil:
		return nil, "channel_not_found"
	case r.Without:
		return nil, "not_in_channel"
	}
	var all []*message
	for _, m := range r.said {
		if in(m) && (form.Get("oldest") == "" || m.ts > form.Get("oldest")) {
			all = append(all, m)
		}
	}
	if newest {
		slices.Reverse(all)
	}
	from, _ := strconv.Atoi(form.Get("cursor"))
	limit, _ := strconv.Atoi(form.Get("limit"))
	if limit <= 0 {
		limit = 100
	}
	from = min(max(from, 0), len(all))
	to := min(from+limit, len(all))
	messages := []any{}
	for _, m := range all[from:to] {
		e := s.show(r, m)
		if form.Get("include_all_metadata") != "1" && form.Get("include_all_metadata") != "true" {
			delete(e, "metadata")
		}
		for _, reply := range r.said {
			if reply.thread == m.ts && reply != m {
				e["latest_reply"] = reply.ts
			}
		}
		messages = append(messages, e)
	}
	next := ""
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return answer{"messages": messages, "has_more": next != "", "response_metadata": map[string]any{"next_cursor": next}}, ""
}

func (s *Server) userInfo(_ *http.Request, form url.Values) (answer, refusal) {
	u, ok := s.users[form.Get("user")]
	if !ok {
		return nil, "user_not_found"
	}
	profile := map[string]any{"real_name": u.Name, "display_name": u.Name, "team": u.Team}
	if u.Email != "" {
		profile["email"] = u.Email
	}
	return answer{"user": map[string]any{
		"id": u.ID, "team_id": u.Team, "name": strings.ToLower(u.ID), "real_name": u.Name, "deleted": u.Closed, "profile": profile,
		"is_restricted": u.Guest, "is_stranger": u.Team != s.o.Team,
	}}, ""
}
