package inbox

import (
	"cmp"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

const perPage = 40 // conversations

// anyState lists open and closed conversations.
const anyState = "any"

// list is a page of conversations.
type list struct {
	Rows           []row
	State, Channel string
	Query          string
	Labels         labels
	Channels       []string
	Open           normalize.ID // shown beside the list
	Next           template.URL // query of the page that follows; empty at the end
	Again          template.URL // query of the first page
	Later          bool         // not the first page
	Cursor         int64        // of the newest event that is in it
}

// row is a conversation in the list.
type row struct {
	timeline.Overview
	Name, Words  string
	Ours         bool      // Words are what an agent wrote
	Waiting      time.Time // of the customer's message that nobody has answered; zero where all are
	WindowUntil  time.Time // of the reply window that is open
	WindowClosed bool
	Left         int // answers that the window takes; -1 for any number
	Failed       bool
	Agent        string // whose it is, by name; empty for nobody's
}

func (in *Inbox) list(r *request) (*list, error) {
	q := r.URL.Query()
	l := &list{State: string(normalize.Open), Channel: q.Get("channel"), Query: text.Truncate(q.Get("q"), 100), Channels: in.Channels(), Open: r.id("id")}
	if s := q.Get("state"); s == string(normalize.Closed) || s == anyState {
		l.State = s
	}
	// The cursor before the rows: what happens in between is seen twice rather
	// than never.
	var err error
	if l.Cursor, err = in.Store.LastEvent(r.Context()); err != nil {
		return nil, err
	}
	f := timeline.OverviewFilter{AnyState: l.State == anyState, State: normalize.ConversationState(l.State), Channel: l.Channel, Query: l.Query, Limit: perPage + 1}
	if l.Labels, err = in.labels(r, &f); err != nil {
		return nil, err
	}
	f.ActiveAt, f.ID = after(q.Get("after"))
	l.Later = !f.ActiveAt.IsZero()
	found, err := in.Store.Overview(r.Context(), f)
	if err != nil {
		return nil, err
	}
	keep := kept(q)
	l.Again = query(keep)
	if len(found) > perPage {
		found = found[:perPage]
		last := found[perPage-1]
		keep.Set("after", strconv.FormatInt(last.LastActivityAt.UnixMicro(), 10)+"."+last.ID.String())
		l.Next = query(keep)
	}
	l.Labels.Tabs = tabs(keep, l.Labels)
	now := in.Clock.Now()
	for _, o := range found {
		w := rowOf(o, now, r.pages)
		w.Agent = in.nameOfAgent(o.Assignee)
		l.Rows = append(l.Rows, w)
	}
	return l, nil
}

// query writes v as pages put it after a question mark: it is escaped already,
// and html/template would escape what is only text once more.
func query(v url.Values) template.URL {
	return template.URL(v.Encode()) //nolint:gosec // Encode escapes all that means something in HTML
}

// kept returns what of a page's query belongs to its list.
func kept(q url.Values) url.Values {
	keep := url.Values{}
	for _, k := range filters {
		if v := q.Get(k); v != "" {
			keep.Set(k, v)
		}
	}
	return keep
}

// filters are the parts of a list's address.
var filters = []string{"state", "channel", "q", "who", "tag", "unread"}

// after reads the cursor of a page.
func after(s string) (at time.Time, id normalize.ID) {
	micros, last, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(micros, 10, 64)
	if err != nil || n <= 0 {
		return at, 0
	}
	if id, err = normalize.ParseID(last); err != nil {
		return at, 0
	}
	return time.UnixMicro(n).UTC(), id
}

func rowOf(o timeline.Overview, now time.Time, p *pages) row {
	w := row{Overview: o, Name: nameOf(o.Customer, o.Address)}
	if win := o.ReplyWindow; win != nil {
		w.WindowUntil, w.Left = win.Until, win.Remaining
		w.WindowClosed = !now.Before(win.Until) || win.Remaining == 0
	}
	m := o.Last
	if m == nil {
		return w
	}
	if w.Words = o.Around; w.Words == "" {
		w.Words, w.Ours = p.gist(m), m.Direction == normalize.Outbound
	}
	if asked := o.Asked; asked != nil && o.State == normalize.Open && !asked.Automated {
		w.Waiting = asked.ReceivedAt
	}
	for _, part := range m.Parts {
		w.Failed = w.Failed || normalize.Restart(part.Status)
	}
	return w
}

// gist is a message in one line.
func (p *pages) gist(m *normalize.Message) string {
	if !m.DeletedAt.IsZero() {
		return p.t("Message was taken back")
	}
	if s := text.CleanLine(m.Text); s != "" {
		return text.Truncate(s, 120)
	}
	for _, part := range m.Parts {
		if part.Kind != normalize.PartText || m.Text == "" {
			return "[" + p.t(string(part.Kind)) + "]"
		}
	}
	if m.Unreadable != "" {
		return p.t("A message that could not be read")
	}
	return ""
}

func nameOf(c *normalize.Customer, a normalize.Address) string {
	if c != nil && c.Name != "" {
		return c.Name
	}
	return cmp.Or(a.Name, a.Value)
}

func (in *Inbox) listPage(w http.ResponseWriter, r *request) {
	in.showList(w, r, "list")
}

func (in *Inbox) listPiece(w http.ResponseWriter, r *request) {
	in.showList(w, r, "rows")
}

func (in *Inbox) showList(w http.ResponseWriter, r *request, page string) {
	l, err := in.list(r)
	if err != nil {
		in.fail(w, r, err)
		return
	}
	if open, err := normalize.ParseID(r.URL.Query().Get("open")); err == nil && open != 0 {
		l.Open = open
	}
	in.show(w, r, http.StatusOK, page, view{Title: r.pages.t("Inbox"), Unread: l.Labels.Unread.All, Data: l})
}
