package inbox

import (
	"context"
	"net/http"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// Account is how a channel or a helpdesk fares.
type Account struct {
	Name, Type    string
	Helpdesk      bool
	State, Reason string
	Since         time.Time
	// PausedBy is who stopped its work, and why; empty where it runs.
	PausedBy, PausedWhy string
}

// Admin is what administrators see beside the conversations.
type Admin interface {
	Accounts(ctx context.Context) ([]Account, error)
	// Replay decodes an input of the ledger again.
	Replay(ctx context.Context, id normalize.ID) (timeline.Result, error)
	// Raw returns an input of the ledger as it came, with its content type;
	// timeline.ErrGone where it is no longer kept.
	Raw(ctx context.Context, id normalize.ID) (kind string, content []byte, err error)
}

// perWork bounds each list of the work page.
const perWork = 100

// work is what somebody should look at: jobs that did not get through, inputs
// that were not understood.
type work struct {
	Jobs   []*outbox.Job
	Inputs []*timeline.LedgerEntry
}

// admin lets only administrators through.
func (in *Inbox) admin(h func(http.ResponseWriter, *request)) func(http.ResponseWriter, *request) {
	return func(w http.ResponseWriter, r *request) {
		if !r.user.Admin {
			in.show(w, r, http.StatusForbidden, "trouble", view{Title: r.pages.t("This did not work"), Data: r.pages.t("Only administrators see this page.")})
			return
		}
		h(w, r)
	}
}

func (in *Inbox) accountsPage(w http.ResponseWriter, r *request) {
	all, err := in.Admin.Accounts(r.Context())
	if err != nil {
		in.fail(w, r, err)
		return
	}
	in.show(w, r, http.StatusOK, "accounts", view{Title: r.pages.t("Accounts"), Data: all})
}

func (in *Inbox) workPage(w http.ResponseWriter, r *request) {
	var v work
	var err error
	if v.Jobs, err = in.Store.Jobs(r.Context(), outbox.Filter{Stuck: true, Limit: perWork}); err != nil {
		in.fail(w, r, err)
		return
	}
	if v.Inputs, err = in.Store.Ledger(r.Context(), timeline.LedgerFilter{Outcome: normalize.Quarantined, Limit: perWork}); err != nil {
		in.fail(w, r, err)
		return
	}
	in.show(w, r, http.StatusOK, "work", view{Title: r.pages.t("Needs a look"), Data: v})
}

func (in *Inbox) retryJob(w http.ResponseWriter, r *request) {
	now := in.Clock.Now()
	in.done(w, r, in.Store.Retry(r.Context(), r.id("id"), now.Add(in.Expire()), now), Path+"work")
}

func (in *Inbox) cancelJob(w http.ResponseWriter, r *request) {
	in.done(w, r, in.Store.Cancel(r.Context(), r.id("id"), in.Clock.Now()), Path+"work")
}

func (in *Inbox) replay(w http.ResponseWriter, r *request) {
	_, err := in.Admin.Replay(r.Context(), r.id("id"))
	in.done(w, r, err, Path+"work")
}
