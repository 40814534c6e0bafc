package wecom

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"time"
)

// listed is an entry of msg_list.
type listed struct {
	at    time.Time
	entry map[string]any
}

// position is what a cursor stands for: how many entries of an account were
// handed out.
type position struct {
	kfID  string
	after int
}

// syncMsg lists what customers and servicers wrote in the last three days.
func (s *Server) syncMsg(body []byte) (any, *refusal) {
	var in struct {
		Cursor   string `json:"cursor"`
		Token    string `json:"token"`
		Limit    int    `json:"limit"`
		OpenKfID string `json:"open_kfid"`
	}
	if no := read(body, &in); no != nil {
		return nil, no
	}
	now := s.o.Now()
	if no := s.mayPull(in.OpenKfID, in.Token, now); no != nil {
		return nil, no
	}
	if in.Limit == 0 {
		in.Limit = 1000
	}
	if in.Limit < 0 || in.Limit > 1000 || len(in.Cursor) > 64 {
		return nil, deny(40058, "invalid Request Parameter")
	}
	all := s.log[in.OpenKfID]
	from := slices.IndexFunc(all, func(l listed) bool { return now.Sub(l.at) < listedFor })
	if from < 0 {
		from = len(all)
	}
	if in.Cursor != "" {
		at, ok := s.cursors[in.Cursor]
		if !ok || at.kfID != in.OpenKfID {
			return nil, deny(40058, "invalid cursor")
		}
		from = max(from, at.after)
	}
	to := min(len(all), from+min(in.Limit, s.o.PageCap))
	if s.empty > 0 && from < len(all) {
		// There is more, and nothing on this page.
		s.empty--
		return map[string]any{"next_cursor": s.cursor(in.OpenKfID, from), "has_more": 1, "msg_list": []any{}}, nil
	}
	list := []map[string]any{}
	for _, l := range all[from:to] {
		list = append(list, l.entry)
	}
	if s.shuffled {
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	more := 0
	if to < len(all) {
		more = 1
	}
	return map[string]any{"next_cursor": s.cursor(in.OpenKfID, to), "has_more": more, "msg_list": list}, nil
}

func (s *Server) mayPull(kfID, token string, now time.Time) *refusal {
	until, known := s.called[token]
	switch {
	case kfID == "":
		return deny(40058, "open_kfid is empty")
	case !s.knows(kfID):
		return deny(95004, "open_kfid not exist")
	case token != "" && (!known || !now.Before(until)):
		return deny(95007, "invalid msg token")
	case token == "" && now.Sub(s.pulled[kfID]) < s.o.Untokened:
		return deny(45009, "api freq out of limit")
	case token == "":
		s.pulled[kfID] = now
	}
	return nil
}

// cursor returns a new one, as opaque as the vendor's.
func (s *Server) cursor(kfID string, after int) string {
	c := s.id("cursor-")
	s.cursors[c] = position{kfID, after}
	return c
}

// list adds an entry, and tells of it. The mutex is held.
func (s *Server) list(kfID string, entry map[string]any) {
	// What stands in the log is JSON, as it will be sent.
	b, err := json.Marshal(entry)
	if err != nil {
		panic(err) // a mistake in the simulator
	}
	var plain map[string]any
	if err := json.Unmarshal(b, &plain); err != nil {
		panic(err)
	}
	s.log[kfID] = append(s.log[kfID], listed{s.o.Now(), plain})
	s.call(kfID)
}
