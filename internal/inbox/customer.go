package inbox

import (
	"cmp"
	"net/http"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// customer is the panel of one customer.
type customer struct {
	*normalize.Customer
	Name    string
	Merges  []*identity.Merge
	Related []identity.Related
	Query   string
	Found   []*normalize.Customer
	// With is who would be merged into this one: the preview.
	With *normalize.Customer
}

const perPanel = 20

func (in *Inbox) customerPage(w http.ResponseWriter, r *request) {
	c, err := in.panel(r)
	if err != nil {
		in.fail(w, r, err)
		return
	}
	in.show(w, r, http.StatusOK, "customer", view{Title: c.Name, Data: c})
}

func (in *Inbox) panel(r *request) (*customer, error) {
	ctx := r.Context()
	found, err := in.Store.Customer(ctx, r.id("id"))
	if err != nil {
		return nil, err
	}
	c := &customer{Customer: found, Name: found.Name, Query: text.Truncate(r.URL.Query().Get("q"), 100)}
	if len(found.Addresses) > 0 {
		c.Name = nameOf(found, found.Addresses[0])
	}
	if c.Merges, err = in.Store.Merges(ctx, found.ID); err != nil {
		return nil, err
	}
	if c.Related, err = in.Store.Related(ctx, found.ID); err != nil {
		return nil, err
	}
	if c.Query != "" {
		if c.Found, err = in.Store.Customers(ctx, c.Query, 0, perPanel); err != nil {
			return nil, err
		}
	}
	if with, err := normalize.ParseID(r.URL.Query().Get("with")); err == nil && with != 0 && with != found.ID {
		if c.With, err = in.Store.Customer(ctx, with); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// merge moves the addresses of the customer named by the form to the one of
// the page.
func (in *Inbox) merge(w http.ResponseWriter, r *request) {
	into := r.id("id")
	from, err := normalize.ParseID(r.PostFormValue("from"))
	if err == nil {
		_, err = in.Store.Merge(r.Context(), identity.Merge{
			From: from, Into: into, Evidence: "by hand", Author: r.user.Email, At: in.Clock.Now(),
			Reason: cmp.Or(text.Truncate(r.PostFormValue("reason"), 200), "merged in the inbox"),
		})
	}
	in.done(w, r, err, Path+"customer/"+into.String())
}

func (in *Inbox) undo(w http.ResponseWriter, r *request) {
	m, err := in.Store.Undo(r.Context(), r.id("id"), r.user.Email, in.Clock.Now())
	page := Path
	if m != nil {
		page += "customer/" + m.Into.String()
	}
	in.done(w, r, err, page)
}
