package zendesk

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// page returns the bounds of a page of n items that are asked for by a cursor,
// which is the number of items before it, and tells of the next one.
func page(r *http.Request, n int) (from, to int, meta map[string]any) {
	size, _ := strconv.Atoi(r.URL.Query().Get("page[size]"))
	if size < 1 || size > 100 {
		size = 100
	}
	raw, _ := base64.StdEncoding.DecodeString(r.URL.Query().Get("page[after]"))
	from, _ = strconv.Atoi(string(raw))
	from = min(from, n)
	to = min(from+size, n)
	return from, to, map[string]any{"has_more": to < n, "after_cursor": base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(to)))}
}

func (s *Server) listAudits(w http.ResponseWriter, r *http.Request) {
	t := s.ticket(number(r))
	if t == nil {
		missing(w)
		return
	}
	from, to, meta := page(r, len(t.audits))
	list := []any{}
	for _, a := range t.audits[from:to] {
		list = append(list, s.auditView(t, a))
	}
	reply(w, http.StatusOK, map[string]any{"audits": list, "meta": meta})
}

func (s *Server) listComments(w http.ResponseWriter, r *http.Request) {
	t := s.ticket(number(r))
	if t == nil {
		missing(w)
		return
	}
	list := []any{}
	for _, a := range t.audits {
		if a.comment >= 0 {
			list = append(list, s.commentView(t, a))
		}
	}
	from, to, meta := page(r, len(list))
	reply(w, http.StatusOK, map[string]any{"comments": list[from:to], "meta": meta})
}

// exportTickets gives the tickets changed since a time or a cursor, in the
// order of their last change, deleted ones with them. A cursor names the last
// change that was given.
func (s *Server) exportTickets(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var since time.Time
	var after int64
	if raw := q.Get("cursor"); raw != "" {
		b, err1 := base64.StdEncoding.DecodeString(raw)
		n, err2 := strconv.ParseInt(string(b), 10, 64)
		if after = n; err1 != nil || err2 != nil {
			reply(w, http.StatusBadRequest, map[string]any{"error": "InvalidPaginationCursor"})
			return
		}
	} else {
		n, err := strconv.ParseInt(q.Get("start_time"), 10, 64)
		since = time.Unix(n, 0)
		if err != nil || time.Since(since) < s.opts.Recent {
			reply(w, http.StatusUnprocessableEntity, map[string]any{"error": "InvalidValue", "description": "Too recent start_time. Use a start_time older than 60 seconds"})
			return
		}
	}
	var changed []*Ticket
	for _, t := range s.tickets {
		if t.sequence > after && !t.Updated.Before(since) && time.Since(t.Updated) >= s.opts.Recent {
			changed = append(changed, t)
		}
	}
	slices.SortFunc(changed, func(a, b *Ticket) int { return cmp.Compare(a.sequence, b.sequence) })
	size, _ := strconv.Atoi(q.Get("per_page"))
	if size < 1 || size > 1000 {
		size = 1000
	}
	given := changed[:min(size, len(changed))]
	list := []any{}
	for _, t := range given {
		after = t.sequence
		if t.Status != statusDeleted || q.Get("exclude_deleted") != "true" {
			list = append(list, s.ticketView(t))
		}
	}
	var cursor any
	if after > 0 {
		cursor = base64.StdEncoding.EncodeToString([]byte(strconv.FormatInt(after, 10)))
	}
	reply(w, http.StatusOK, map[string]any{
		"tickets": list, "after_cursor": cursor, "before_cursor": nil, "after_url": nil, "end_of_stream": len(given) == len(changed),
	})
}

// exportEvents gives the updates since a time.
func (s *Server) exportEvents(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.ParseInt(r.URL.Query().Get("start_time"), 10, 64)
	since := time.Unix(n, 0)
	if err != nil || time.Since(since) < s.opts.Recent {
		reply(w, http.StatusUnprocessableEntity, map[string]any{"error": "InvalidValue", "description": "Too recent start_time. Use a start_time older than 60 seconds"})
		return
	}
	list := []any{}
	end := n
	for _, t := range s.tickets {
		for _, a := range t.audits {
			if a.at.Before(since) || time.Since(a.at) < s.opts.Recent {
				continue
			}
			v := s.auditView(t, a)
			v["event_type"], v["child_events"], v["timestamp"], v["updater_id"] = "Audit", v["events"], a.at.Unix(), a.author
			delete(v, "events")
			list = append(list, v)
			end = max(end, a.at.Unix())
		}
	}
	reply(w, http.StatusOK, map[string]any{"ticket_events": list, "count": len(list), "end_time": end, "end_of_stream": true, "next_page": nil})
}
