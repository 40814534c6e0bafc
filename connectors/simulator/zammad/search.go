package zammad

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The lists' largest pages.
const (
	maxList   = 100
	maxSearch = 200
)

func page(q url.Values, most, usual int) (offset, limit int) {
	limit = usual
	for _, name := range []string{"limit", "per_page"} {
		if n, err := strconv.Atoi(q.Get(name)); err == nil && n > 0 {
			limit = min(n, most)
		}
	}
	if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 1 {
		offset = (n - 1) * limit
	}
	return offset, limit
}

func cut[T any](list []T, offset, limit int) []T {
	offset = min(offset, len(list))
	return list[offset:min(offset+limit, len(list))]
}

// listTickets gives the tickets by their ids; there is no other order.
func (s *Server) listTickets(w http.ResponseWriter, r *http.Request) {
	offset, limit := page(r.URL.Query(), maxList, maxList)
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []map[string]any{}
	for _, t := range cut(s.tickets, offset, limit) {
		list = append(list, s.renderTicket(t, expand(r)))
	}
	reply(w, 200, list)
}

// condition is one of the search by conditions, all of which have to hold.
type condition struct{ name, operator, value string }

var conditionKey = regexp.MustCompile(`^condition\[([a-z_.]+)\]\[(operator|value)\]$`)

func conditions(q url.Values) []condition {
	byName := map[string]*condition{}
	for key, values := range q {
		m := conditionKey.FindStringSubmatch(key)
		if m == nil {
			continue
		}
		if byName[m[1]] == nil {
			byName[m[1]] = &condition{name: m[1]}
		}
		if m[2] == "operator" {
			byName[m[1]].operator = values[0]
		} else {
			byName[m[1]].value = values[0]
		}
	}
	list := make([]condition, 0, len(byName))
	for _, c := range byName {
		list = append(list, *c)
	}
	return list
}

// holds says whether a ticket meets a condition, and whether the condition is
// one that is known; the lock is held.
func (s *Server) holds(t *Ticket, c condition) (holds, known bool) {
	switch c.name + " " + c.operator {
	case "ticket.updated_at after (absolute)":
		since, ok := parseTime(c.value)
		return ok && !t.Time.Before(since), ok
	case "article.message_id is":
		return slices.ContainsFunc(s.articlesOf(t.ID), func(a *Article) bool { return a.MessageID == c.value }), true
	case "article.in_reply_to is":
		return slices.ContainsFunc(s.articlesOf(t.ID), func(a *Article) bool { return a.InReplyTo == c.value }), true
	case "customer.login is":
		return s.userByID(t.customer).Login == c.value, true
	case "ticket.tags contains all":
		for tag := range strings.SplitSeq(c.value, ",") {
			if !slices.Contains(t.Tags, strings.TrimSpace(tag)) {
				return false, true
			}
		}
		return true, true
	}
	return false, false
}

// search finds tickets by conditions, which the database answers; a query
// would ask the search index, which lags behind and is not played here.
func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	wanted := conditions(q)
	offset, limit := page(q, maxSearch, 50)
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*Ticket
	for _, t := range s.tickets {
		all := true
		for _, c := range wanted {
			holds, known := s.holds(t, c)
			if !known {
				fail(w, 500, "Invalid condition, operator '"+c.operator+"' is invalid for "+c.name)
				return
			}
			all = all && holds
		}
		if all {
			found = append(found, t)
		}
	}
	slices.SortStableFunc(found, func(a, b *Ticket) int {
		order := a.Time.Compare(b.Time)
		if q.Get("sort_by") == "created_at" {
			order = a.Created.Compare(b.Created)
		}
		if cmp.Or(q.Get("order_by"), "desc") == "desc" {
			return -order
		}
		return order
	})
	list, ids, assets := []map[string]any{}, []int64{}, map[string]any{}
	for _, t := range cut(found, offset, limit) {
		list = append(list, s.renderTicket(t, expand(r)))
		ids = append(ids, t.ID)
		assets[strconv.FormatInt(t.ID, 10)] = s.renderTicket(t, false)
	}
	if expand(r) {
		reply(w, 200, list)
		return
	}
	reply(w, 200, map[string]any{"tickets": ids, "tickets_count": len(ids), "assets": map[string]any{"Ticket": assets}})
}
