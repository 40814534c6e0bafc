package telegram

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Lengths that are refused above: of texts and captions in UTF-16 code units
// without markup, of files in bytes.
const (
	maxText    = 4096
	maxCaption = 1024
	maxPhoto   = 10 << 20
	maxUpload  = 50 << 20
	maxFetch   = 20 << 20
)

// reply and fail write the envelope of all answers.
func reply(w http.ResponseWriter, result any) {
	w.Header().Set("Content-Type", "application/json")
	write(w, map[string]any{"ok": true, "result": result})
}

func fail(w http.ResponseWriter, code int, description string) {
	failWith(w, code, description, nil)
}

func failWith(w http.ResponseWriter, code int, description string, parameters map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	a := map[string]any{"ok": false, "error_code": code, "description": description}
	if parameters != nil {
		a["parameters"] = parameters
	}
	write(w, a)
}

func write(w http.ResponseWriter, a map[string]any) {
	b, err := json.Marshal(a)
	if err != nil {
		panic("simulated Telegram: " + err.Error()) // a mistake in this package
	}
	_, _ = w.Write(b)
}

// request is a call with its fields as text, in whichever form it came.
type request struct {
	params   map[string]string
	file     []byte
	fileName string
}

func read(r *http.Request) (*request, error) {
	q := &request{params: map[string]string{}}
	if kind := r.Header.Get("Content-Type"); strings.HasPrefix(kind, "multipart/form-data") {
		if err := r.ParseMultipartForm(maxUpload + 1<<20); err != nil {
			return nil, err
		}
		for k, v := range r.MultipartForm.Value {
			q.params[k] = v[0]
		}
		for _, files := range r.MultipartForm.File {
			f, err := files[0].Open()
			if err != nil {
				return nil, err
			}
			q.file, err = io.ReadAll(f)
			q.fileName = files[0].Filename
			if err != nil {
				return nil, err
			}
		}
		return q, r.MultipartForm.RemoveAll()
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxUpload))
	if err != nil || len(body) == 0 {
		return q, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, err
	}
	for k, v := range fields {
		var s string
		if json.Unmarshal(v, &s) != nil {
			s = string(v)
		}
		q.params[k] = s
	}
	return q, nil
}

func (s *Server) call(w http.ResponseWriter, r *http.Request) {
	if s.isRevoked() {
		fail(w, 401, "Unauthorized")
		return
	}
	q, err := read(r)
	if err != nil {
		fail(w, 400, "Bad Request: can't parse the request")
		return
	}
	switch method := r.PathValue("method"); method {
	case "getMe":
		reply(w, map[string]any{"id": s.id, "is_bot": true, "first_name": "Desk", "username": s.opts.Username})
	case "getUpdates":
		s.getUpdates(w, r, q)
	case "getWebhookInfo":
		s.webhookInfo(w)
	case "setWebhook":
		s.setWebhook(hook{URL: q.params["url"], Secret: q.params["secret_token"]})
		reply(w, true)
	case "deleteWebhook":
		s.setWebhook(hook{})
		reply(w, true)
	case "getFile":
		s.getFile(w, q.params["file_id"])
	case "sendChatAction":
		reply(w, true)
	case "deleteMessage":
		s.deleteMessage(w, q)
	default:
		if !strings.HasPrefix(method, "send") {
			fail(w, 404, "Not Found: method not found")
			return
		}
		s.send(w, method, q)
	}
}

// mayWrite refuses a message as Telegram would; the lock is held.
func (s *Server) mayWrite(w http.ResponseWriter, chat int64) bool {
	switch {
	case s.blocked[chat]:
		fail(w, 403, "Forbidden: bot was blocked by the user")
	case !s.known[chat]:
		fail(w, 400, "Bad Request: chat not found")
	case s.opts.ChatGap > 0 && time.Since(s.lastSent[chat]) < s.opts.ChatGap:
		wait := int((s.opts.ChatGap-time.Since(s.lastSent[chat]))/time.Second) + 1
		failWith(w, 429, "Too Many Requests: retry after "+strconv.Itoa(wait), map[string]any{"retry_after": wait})
	default:
		return true
	}
	return false
}

func (s *Server) send(w http.ResponseWriter, method string, q *request) {
	chat, err := strconv.ParseInt(q.params["chat_id"], 10, 64)
	if err != nil {
		fail(w, 400, "Bad Request: chat_id is empty")
		return
	}
	text, limit := q.params["text"], maxText
	if method != "sendMessage" {
		text, limit = q.params["caption"], maxCaption
	}
	bare, err := unmark(text, q.params["parse_mode"])
	switch {
	case err != nil:
		fail(w, 400, "Bad Request: can't parse entities: "+err.Error())
		return
	case method == "sendMessage" && strings.TrimSpace(bare) == "":
		fail(w, 400, "Bad Request: message text is empty")
		return
	case len(utf16.Encode([]rune(bare))) > limit:
		fail(w, 400, "Bad Request: message is too long")
		return
	case q.file != nil && (len(q.file) > maxUpload || method == "sendPhoto" && len(q.file) > maxPhoto):
		fail(w, 413, "Request Entity Too Large")
		return
	case slices.Contains([]string{"sendPhoto", "sendAudio", "sendVideo", "sendDocument", "sendSticker", "sendVoice"}, method) && len(q.file) == 0:
		fail(w, 400, "Bad Request: file must be non-empty")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mayWrite(w, chat) {
		return
	}
	s.message++
	m := &Sent{
		ChatID: chat, MessageID: s.message, Method: method, Params: maps.Clone(q.params), Text: bare, File: q.file, FileName: q.fileName, At: time.Now(),
	}
	s.sent = append(s.sent, m)
	s.lastSent[chat] = m.At
	reply(w, map[string]any{"message_id": m.MessageID, "date": m.At.Unix(), "chat": map[string]any{"id": chat}, "text": bare})
}

var tag = regexp.MustCompile(`<(/?)([a-z-]+)[^>]*>`)

// unmark returns text without the markup of parse_mode HTML, which has to be
// balanced.
func unmark(s, mode string) (string, error) {
	if mode != "HTML" {
		return s, nil
	}
	var open []string
	for _, m := range tag.FindAllStringSubmatch(s, -1) {
		switch {
		case m[1] == "":
			open = append(open, m[2])
		case len(open) == 0 || open[len(open)-1] != m[2]:
			return "", fmt.Errorf("unexpected end tag %q", m[2])
		default:
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return "", fmt.Errorf("can't find end tag corresponding to start tag %q", open[0])
	}
	bare := tag.ReplaceAllString(s, "")
	if strings.Contains(bare, "<") {
		return "", fmt.Errorf("unsupported start tag")
	}
	return html.UnescapeString(bare), nil
}

func (s *Server) deleteMessage(w http.ResponseWriter, q *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.sent {
		if strconv.FormatInt(m.ChatID, 10) == q.params["chat_id"] && strconv.Itoa(m.MessageID) == q.params["message_id"] && !m.Deleted {
			if time.Since(m.At) > 48*time.Hour {
				fail(w, 400, "Bad Request: message can't be deleted")
				return
			}
			m.Deleted = true
			reply(w, true)
			return
		}
	}
	fail(w, 400, "Bad Request: message to delete not found")
}

func (s *Server) getFile(w http.ResponseWriter, id string) {
	s.mu.Lock()
	content, ok := s.files[id]
	s.mu.Unlock()
	switch {
	case !ok:
		fail(w, 400, "Bad Request: wrong file_id or the file is temporarily unavailable")
	case len(content) > maxFetch:
		fail(w, 400, "Bad Request: file is too big")
	default:
		reply(w, map[string]any{"file_id": id, "file_unique_id": id, "file_size": len(content), "file_path": "documents/" + id})
	}
}

func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	content, ok := s.files[strings.TrimPrefix(r.PathValue("path"), "documents/")]
	s.mu.Unlock()
	if !ok {
		fail(w, 404, "Not Found")
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(content)
}
