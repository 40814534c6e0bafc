package redmine

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
)

// What the REST API tells, as far as it matters here.
type (
	named struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	}
	project struct {
		ID int `json:"id"`
	}
	user struct {
		ID          int  `json:"id"`
		Admin       bool `json:"admin"`
		Memberships []struct {
			Project named   `json:"project"`
			Roles   []named `json:"roles"`
		} `json:"memberships"`
	}
	status struct {
		ID     int  `json:"id"`
		Closed bool `json:"is_closed"`
	}
	issue struct {
		ID          int          `json:"id"`
		Project     project      `json:"project"`
		Author      named        `json:"author"`
		Status      status       `json:"status"`
		Description string       `json:"description"`
		Updated     time.Time    `json:"updated_on"`
		Created     time.Time    `json:"created_on"`
		Fields      []field      `json:"custom_fields"`
		Journals    []journal    `json:"journals"`
		Attachments []attachment `json:"attachments"`
		Allowed     []status     `json:"allowed_statuses"`
	}
	field struct {
		ID    int    `json:"id"`
		Name  string `json:"name,omitempty"`
		Value any    `json:"value"`
	}
	journal struct {
		ID      int       `json:"id"`
		User    named     `json:"user"`
		Notes   string    `json:"notes"`
		Private bool      `json:"private_notes"`
		Created time.Time `json:"created_on"`
		Details []struct {
			Property string `json:"property"`
			Name     string `json:"name"`
			New      string `json:"new_value"`
		} `json:"details"`
	}
	attachment struct {
		ID   int    `json:"id"`
		Name string `json:"filename"`
		Size int64  `json:"filesize"`
		Type string `json:"content_type"`
	}
)

// change is what is set on an issue.
type change struct {
	Project     string   `json:"project_id,omitempty"`
	Subject     string   `json:"subject,omitempty"`
	Description string   `json:"description,omitempty"`
	Notes       string   `json:"notes,omitempty"`
	Private     bool     `json:"private_notes,omitempty"`
	Status      int      `json:"status_id,omitempty"`
	Fields      []field  `json:"custom_fields,omitempty"`
	Uploads     []upload `json:"uploads,omitempty"`
}

type upload struct {
	Token string `json:"token"`
	Name  string `json:"filename"`
	Type  string `json:"content_type,omitempty"`
}

// Redmine may give the number of a deleted issue, or of a deleted note, to the
// next one. So all are named by the second of their making too.

func name(id int, made time.Time) string {
	return strconv.Itoa(id) + "-" + strconv.FormatInt(made.Unix(), 10)
}

func (i *issue) ticket() string    { return name(i.ID, i.Created) }
func (j *journal) entry() string   { return name(j.ID, j.Created) }
func (i *issue) beginning() string { return "i" + i.ticket() }

// numbers takes a name apart.
func numbers(name string) (id int, made int64, err error) {
	a, b, _ := strings.Cut(name, "-")
	if id, err = strconv.Atoi(a); err == nil {
		made, err = strconv.ParseInt(b, 10, 64)
	}
	if err != nil {
		return 0, 0, connectors.Errorf(connectors.Rejected, "", "%.40q names nothing in Redmine", name)
	}
	return id, made, nil
}

// issue reads an issue; include names what is to come with it.
func (r *Redmine) issue(ctx context.Context, ticket, include string) (*issue, error) {
	id, made, err := numbers(ticket)
	if err != nil {
		return nil, err
	}
	var found struct{ Issue issue }
	if err := r.get(ctx, path(id)+"?include="+url.QueryEscape(include), &found); err != nil {
		return nil, r.missing(ctx, err)
	}
	i := &found.Issue
	if i.Created.Unix() != made {
		return nil, &helpdesk.Gone{}
	}
	// The user may have chosen to see the newest first.
	slices.SortFunc(i.Journals, func(a, b journal) int { return a.ID - b.ID })
	return i, nil
}

func path(issue int) string { return "/issues/" + strconv.Itoa(issue) + ".json" }

// change edits an issue that was read.
func (r *Redmine) change(ctx context.Context, i *issue, c change) error {
	err := r.json(ctx, http.MethodPut, path(i.ID), map[string]change{"issue": c}, nil)
	if kit.IsStatus(err, http.StatusForbidden) {
		return r.denied(ctx, i, err)
	}
	return r.missing(ctx, err)
}

// denied is what it comes to that we may not do something with an issue that we
// see: one that was moved to another project is out of our hands, and in ours
// there is something to be mended.
func (r *Redmine) denied(ctx context.Context, i *issue, why error) error {
	var ours struct{ Project project }
	if err := r.get(ctx, "/projects/"+r.cfg.Project+".json", &ours); err == nil && ours.Project.ID != i.Project.ID {
		return &helpdesk.Gone{}
	}
	return why
}

// missing tells an issue that was deleted, or moved to where our user does not
// see it, from a Redmine that refuses us altogether.
func (r *Redmine) missing(ctx context.Context, err error) error {
	if kit.IsStatus(err, http.StatusNotFound) || kit.IsStatus(err, http.StatusForbidden) && r.Probe(ctx) == nil {
		return &helpdesk.Gone{}
	}
	return err
}

func (i *issue) state() normalize.ConversationState {
	if i.Status.Closed {
		return normalize.Closed
	}
	return normalize.Open
}

// toward returns the status by which an issue gets into a state: the first that
// the workflow allows to our user. It is 0 where it is in that state already.
func (i *issue) toward(s normalize.ConversationState) (int, error) {
	if i.state() == s {
		return 0, nil
	}
	for _, a := range i.Allowed {
		if a.Closed == (s == normalize.Closed) {
			return a.ID, nil
		}
	}
	what := map[normalize.ConversationState]string{normalize.Open: "open it again", normalize.Closed: "close it (as it would with open subtasks)"}[s]
	return 0, connectors.Errorf(connectors.Rejected, "", "the workflow does not let the user of api_key %s: allow it to the user's role (Administration, Workflow)", what)
}

// values are the custom fields whose names are those of facts.
func values(names map[string]int, facts []helpdesk.Fact) (list []field) {
	for _, f := range facts {
		if id := names[strings.ToLower(f.Name)]; id != 0 {
			list = append(list, field{ID: id, Value: f.Value})
		}
	}
	return list
}
