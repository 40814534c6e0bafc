package telegram

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// getUpdates answers a poll: at once where there is news, else when some comes
// or the poll's time is over. A poll that begins ends the one before it.
func (s *Server) getUpdates(w http.ResponseWriter, r *http.Request, q *request) {
	offset, _ := strconv.ParseInt(q.params["offset"], 10, 64)
	limit, _ := strconv.Atoi(q.params["limit"])
	if limit <= 0 || limit > 100 {
		limit = 100
	}
	seconds, _ := strconv.Atoi(q.params["timeout"])
	deadline := time.NewTimer(time.Duration(seconds) * time.Second)
	defer deadline.Stop()
	s.mu.Lock()
	s.polling++
	mine := s.polling
	s.wake()
	for over := false; ; {
		if s.hook.URL != "" {
			s.mu.Unlock()
			fail(w, 409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
			return
		}
		if s.polling != mine {
			s.mu.Unlock()
			fail(w, 409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running")
			return
		}
		for len(s.queue) > 0 && offset > 0 && s.queue[0].id < offset {
			s.queue = s.queue[1:]
		}
		if len(s.queue) > 0 || over {
			break
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-deadline.C:
			over = true
		case <-r.Context().Done():
			return
		case <-s.Context().Done():
			return
		}
		s.mu.Lock()
	}
	news := []json.RawMessage{}
	for _, u := range s.queue[:min(limit, len(s.queue))] {
		news = append(news, u.body)
	}
	s.mu.Unlock()
	reply(w, news)
}

func (s *Server) setWebhook(h hook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = h
	s.wake()
}

func (s *Server) webhookInfo(w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info := map[string]any{"url": s.hook.URL, "pending_update_count": len(s.queue)}
	if !s.hook.lastErrorAt.IsZero() {
		info["last_error_date"], info["last_error_message"] = s.hook.lastErrorAt.Unix(), s.hook.lastError
	}
	reply(w, info)
}

// deliver calls the webhook with each update, in order, until it answers 2xx
// and Telegram hears it.
func (s *Server) deliver() {
	for {
		s.mu.Lock()
		h, changed := s.hook, s.changed
		var next queued
		if h.URL != "" && len(s.queue) > 0 && !s.holding {
			next = s.queue[0]
		}
		s.mu.Unlock()
		if next.body == nil {
			select {
			case <-changed:
				continue
			case <-s.Context().Done():
				return
			}
		}
		if !s.settle(h, next, s.post(h, next.body)) && !s.Pause(s.opts.RetryAfter) {
			return
		}
	}
}

// settle takes note of what became of a call; why it was not taken, if so. It
// reports whether the next one may be made at once.
func (s *Server) settle(h hook, made queued, why string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case why == "" && s.twice > 0:
		s.twice--
		return true
	case why == "" && s.deaf > 0:
		s.deaf--
		why = "Read timeout expired"
	case why == "":
		s.queue = slices.DeleteFunc(s.queue, func(q queued) bool { return q.id == made.id })
		return true
	}
	if s.hook.URL == h.URL {
		s.hook.lastError, s.hook.lastErrorAt = why, time.Now()
	}
	return false
}

// post returns why the webhook did not take an update, or "".
func (s *Server) post(h hook, body []byte) string {
	header := http.Header{"Content-Type": {"application/json"}}
	if h.Secret != "" {
		header.Set("X-Telegram-Bot-Api-Secret-Token", h.Secret)
	}
	status, err := s.Post(h.URL, header, body)
	if err != nil {
		return err.Error()
	}
	if status/100 != 2 {
		return "Wrong response from the webhook: " + strconv.Itoa(status) + " " + http.StatusText(status)
	}
	return ""
}
