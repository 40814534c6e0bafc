package inbox

import (
	"context"
	"html/template"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// Ledger is the search of all that came in.
type Ledger interface {
	// SearchLedger returns a page of entries, and where the next one begins: 0
	// at the end.
	SearchLedger(ctx context.Context, f timeline.LedgerSearch) (list []*timeline.LedgerEntry, next normalize.ID, err error)
}

// ledger is a page of what came in.
type ledger struct {
	Account, Outcome, Reason, Key, From, To string

	Accounts []string
	Outcomes []normalize.Outcome
	Entries  []*timeline.LedgerEntry
	Next     template.URL // query of the page that follows
}

var outcomes = []normalize.Outcome{normalize.Accepted, normalize.Duplicate, normalize.Echo, normalize.Disregarded, normalize.Waiting, normalize.Quarantined}

func (in *Inbox) ledgerPage(w http.ResponseWriter, r *request) {
	l, err := in.searchLedger(r)
	if err != nil {
		in.fail(w, r, err)
		return
	}
	in.show(w, r, http.StatusOK, "ledger", view{Title: r.pages.t("Ledger"), Data: l})
}

func (in *Inbox) searchLedger(r *request) (*ledger, error) {
	q := r.URL.Query()
	get := func(k string) string { return text.Truncate(text.CleanLine(q.Get(k)), 200) }
	l := &ledger{Account: get("account"), Outcome: get("outcome"), Reason: get("reason"), Key: get("key"), From: get("from"), To: get("to"), Outcomes: outcomes}
	f := timeline.LedgerSearch{Account: l.Account, Outcome: normalize.Outcome(l.Outcome), Key: l.Key, Reason: l.Reason, Limit: perWork}
	f.Since, _ = day(l.From)
	if until, ok := day(l.To); ok {
		f.Until = until.AddDate(0, 0, 1) // the day itself is meant, too
	}
	if after, err := normalize.ParseID(q.Get("after")); err == nil {
		f.After = after
	}
	accounts, err := in.Admin.Accounts(r.Context())
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		if !a.Helpdesk {
			l.Accounts = append(l.Accounts, a.Name)
		}
	}
	var next normalize.ID
	if l.Entries, next, err = in.Store.SearchLedger(r.Context(), f); err != nil {
		return nil, err
	}
	if next != 0 {
		keep := url.Values{"after": {next.String()}}
		for _, k := range []string{"account", "outcome", "reason", "key", "from", "to"} {
			if v := get(k); v != "" {
				keep.Set(k, v)
			}
		}
		l.Next = query(keep)
	}
	return l, nil
}

// day reads a day in UTC.
func day(s string) (time.Time, bool) {
	at, err := time.Parse(time.DateOnly, s)
	if err != nil || at.Year() < 2000 || at.Year() > 2200 {
		return time.Time{}, false
	}
	return at, true
}

// rawInput hands out an input as it came, to be saved: a browser must not take
// what a stranger wrote for a page.
func (in *Inbox) rawInput(w http.ResponseWriter, r *request) {
	id := r.id("id")
	kind, b, err := in.Admin.Raw(r.Context(), id)
	if err != nil {
		in.fail(w, r, err)
		return
	}
	ending := ".bin"
	switch mediaType(kind) {
	case "message/rfc822":
		ending = ".eml"
	case "application/json":
		ending = ".json"
	case "application/xml", "text/xml":
		ending = ".xml"
	case "text/plain", "application/x-www-form-urlencoded":
		ending = ".txt"
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "input-" + id.String() + ending}))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(fileTimeout))
	_, _ = w.Write(b)
}

// messagePage leads to a message on its timeline.
func (in *Inbox) messagePage(w http.ResponseWriter, r *request) {
	m, err := in.Store.Message(r.Context(), r.id("id"))
	if err != nil {
		in.fail(w, r, err)
		return
	}
	newest, err := in.Store.Timeline(r.Context(), m.Customer.ID, 0, perStory)
	if err != nil {
		in.fail(w, r, err)
		return
	}
	keep := kept(r.URL.Query())
	if len(newest) == perStory && m.ID < newest[perStory-1].ID {
		keep.Set("before", (m.ID + 1).String())
	}
	page := Path + "c/" + m.ConversationID.String()
	if len(keep) > 0 {
		page += "?" + keep.Encode()
	}
	http.Redirect(w, r.Request, page+"#m"+m.ID.String(), http.StatusSeeOther)
}
