package inbox

import (
	"cmp"
	"context"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// Agents is what the store keeps for agents. They are named by their e-mail
// addresses in lower case.
type Agents interface {
	// Label changes assignee and tags of a conversation.
	Label(ctx context.Context, id normalize.ID, l timeline.Labels, now time.Time) (*normalize.Conversation, error)
	// Tags returns the tags in use.
	Tags(ctx context.Context, limit int) ([]string, error)
	// SessionUsers returns who is logged in, with a mark of a session of theirs.
	SessionUsers(ctx context.Context, now time.Time) (marks map[string]string, err error)
	// Look notes that an agent has read a conversation up to a message, and
	// Unlook that it is to be read again.
	Look(ctx context.Context, agent string, conversation, upTo normalize.ID) error
	Unlook(ctx context.Context, agent string, conversation normalize.ID) error
	Unread(ctx context.Context, agent string) (timeline.Unread, error)
}

// knownTags bounds how many tags are offered.
const knownTags = 200

// Whose conversations a list shows, beside an agent's.
const (
	whoMe     = "me"
	whoNobody = "nobody"
)

// labels narrow a list down.
type labels struct {
	Who, Tag string
	Only     bool // unread ones
	Tags     []string
	Tabs     []tab
	Unread   timeline.Unread
}

// tab is a list of one click, with how many of it are unread.
type tab struct {
	Who, Words string
	Query      template.URL
	Unread     int
	Here       bool
}

// me names the agent in the store.
func (r *request) me() string { return strings.ToLower(r.user.Email) }

// labels reads what the list is narrowed down to, and counts what is unread.
func (in *Inbox) labels(r *request, f *timeline.OverviewFilter) (l labels, err error) {
	q := r.URL.Query()
	l.Who, l.Tag, l.Only = text.Truncate(q.Get("who"), timeline.MaxAssignee), strings.ToLower(text.Truncate(q.Get("tag"), timeline.MaxTag)), q.Get("unread") != ""
	f.Agent, f.Tag, f.Unread = r.me(), l.Tag, l.Only
	switch l.Who {
	case whoMe:
		f.Assignee = r.me()
	case whoNobody:
		f.Nobodys = true
	default:
		f.Assignee = strings.ToLower(l.Who)
	}
	if l.Tags, err = in.Store.Tags(r.Context(), knownTags); err != nil {
		return l, err
	}
	if l.Tag != "" && !slices.Contains(l.Tags, l.Tag) {
		l.Tags = append(l.Tags, l.Tag)
	}
	l.Unread, err = in.Store.Unread(r.Context(), r.me())
	return l, err
}

// tabs lead from a list to the same one of others.
func tabs(kept url.Values, l labels) []tab {
	all := []tab{{Words: "All", Unread: l.Unread.All}, {Who: whoMe, Words: "Mine", Unread: l.Unread.Mine}, {Who: whoNobody, Words: "Nobody's", Unread: l.Unread.Nobodys}}
	for i := range all {
		to := url.Values{}
		for k, v := range kept {
			if k != "who" && k != "after" {
				to[k] = v
			}
		}
		if all[i].Who != "" {
			to.Set("who", all[i].Who)
		}
		all[i].Query, all[i].Here = query(to), all[i].Who == l.Who
	}
	return all
}

// upTo99 is a count as a small mark shows it.
func upTo99(n int) string {
	if n > 99 {
		return "99+"
	}
	return strconv.Itoa(n)
}

// about is what agents have written onto a conversation.
type about struct {
	Conversation *normalize.Conversation
	Agents       []agent
	Known        []string // tags that can be added
	Me           string
	Mine         bool
}

// agent is one to whom a conversation can be assigned.
type agent struct {
	Name, Email string
	Has         bool
}

func (in *Inbox) about(r *request, c *normalize.Conversation) (about, error) {
	a := about{Conversation: c, Me: r.me(), Mine: c.Assignee == r.me()}
	colleagues, err := in.colleagues(r)
	if err != nil {
		return a, err
	}
	for _, u := range colleagues {
		a.Agents = append(a.Agents, agent{u.Name, strings.ToLower(u.Email), strings.EqualFold(u.Email, c.Assignee)})
	}
	slices.SortFunc(a.Agents, func(a, b agent) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Email, b.Email)) })
	if c.Assignee != "" && !slices.ContainsFunc(a.Agents, func(a agent) bool { return a.Has }) {
		a.Agents = append(a.Agents, agent{c.Assignee, c.Assignee, true}) // one who has left, or of another helpdesk
	}
	known, err := in.Store.Tags(r.Context(), knownTags)
	a.Known = slices.DeleteFunc(known, func(t string) bool { return slices.Contains(c.Tags, t) })
	return a, err
}

// colleagues are those who can be given a conversation: the users of the
// configuration, and whoever else is logged in with the company's own account.
func (in *Inbox) colleagues(r *request) ([]User, error) {
	all := slices.Clone(in.Users())
	marks, err := in.Store.SessionUsers(r.Context(), in.Clock.Now())
	if err != nil {
		return nil, err
	}
	for email, mark := range marks {
		if _, known := find(all, email); known {
			continue
		}
		if u, ok := in.door.marked(email, mark); ok {
			all = append(all, u)
		}
	}
	return all, nil
}

// nameOfAgent is how colleagues know whom a conversation is assigned to.
func (in *Inbox) nameOfAgent(email string) string {
	if u, ok := find(in.Users(), email); ok {
		return u.Name
	}
	return email
}

// labelsPiece is loaded again when somebody changed them.
func (in *Inbox) labelsPiece(w http.ResponseWriter, r *request) {
	c, err := in.Store.Conversation(r.Context(), r.id("id"))
	if err != nil {
		in.fail(w, r, err)
		return
	}
	a, err := in.about(r, c)
	if err != nil {
		in.fail(w, r, err)
		return
	}
	in.show(w, r, http.StatusOK, "labels-piece", view{Data: a})
}

// assign gives a conversation to an agent, or to nobody.
func (in *Inbox) assign(w http.ResponseWriter, r *request) {
	to := strings.ToLower(r.PostFormValue("to"))
	colleagues, err := in.colleagues(r)
	if err != nil {
		in.fail(w, r, err)
		return
	}
	if _, known := find(colleagues, to); !known && to != "" {
		in.fail(w, r, timeline.Refuse("assignee", "there is no such agent any more: load the page again"))
		return
	}
	in.label(w, r, timeline.Labels{Assignee: &to})
}

// tag adds or removes one tag.
func (in *Inbox) tag(w http.ResponseWriter, r *request) {
	var l timeline.Labels
	if tag := r.PostFormValue("remove"); tag != "" {
		l.Remove = []string{tag}
	} else {
		l.Add = []string{r.PostFormValue("add")}
	}
	in.label(w, r, l)
}

func (in *Inbox) label(w http.ResponseWriter, r *request, l timeline.Labels) {
	_, err := in.Store.Label(r.Context(), r.id("id"), l, in.Clock.Now())
	in.done(w, r, err, Path+"c/"+r.PathValue("id"))
}

// look notes that the agent has seen what the page shows of a conversation;
// found is the newest first.
func (in *Inbox) look(r *request, s *story, found []*normalize.Message) error {
	if s.Past {
		return nil
	}
	i := slices.IndexFunc(found, func(m *normalize.Message) bool {
		return m.ConversationID == s.Conversation.ID && m.Direction == normalize.Inbound
	})
	if i < 0 {
		return nil
	}
	return in.Store.Look(r.Context(), r.me(), s.Conversation.ID, found[i].ID)
}

// unread leaves a conversation for another look, and so leads away from it.
func (in *Inbox) unread(w http.ResponseWriter, r *request) {
	in.done(w, r, in.Store.Unlook(r.Context(), r.me(), r.id("id")), Path)
}
