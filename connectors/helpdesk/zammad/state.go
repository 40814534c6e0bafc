package zammad

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
)

// The kinds of state that administrators give names of their own
// (https://docs.zammad.org/en/latest/api/ticket/states.html).
const (
	kindOpen   = "open"
	kindClosed = "closed"
	kindMerged = "merged"
	// kindRemoved are tickets that nobody is to see any more.
	kindRemoved = "removed"
)

// state is one of the states that an administrator set up.
type state struct {
	ID     int64  `json:"id"`
	Kind   string `json:"state_type"`
	Active bool   `json:"active"`
}

// keepStates is how long the states are believed. One that is not known is
// asked for at once.
const keepStates = 10 * time.Minute

type states struct {
	mu   sync.Mutex
	list []state
	at   time.Time
}

// load asks Zammad for its states.
func (s *states) load(ctx context.Context, z *Zammad) ([]state, error) {
	var list []state
	if err := z.get(ctx, "/ticket_states", url.Values{"expand": {"true"}}, &list); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list, s.at = list, z.clock.Now()
	return list, nil
}

// known returns the states, asked for lately; fresh asks in any case.
func (s *states) known(ctx context.Context, z *Zammad, fresh bool) ([]state, error) {
	s.mu.Lock()
	list, at := s.list, s.at
	s.mu.Unlock()
	if !fresh && list != nil && z.clock.Now().Sub(at) < keepStates {
		return list, nil
	}
	return s.load(ctx, z)
}

// kind returns what kind of state a ticket is in.
func (s *states) kind(ctx context.Context, z *Zammad, id int64) (string, error) {
	for _, fresh := range []bool{false, true} {
		list, err := s.known(ctx, z, fresh)
		if err != nil {
			return "", err
		}
		for _, st := range list {
			if st.ID == id {
				return st.Kind, nil
			}
		}
	}
	return "", connectors.Errorf(connectors.Transient, "", "the state %d of a ticket is not among the states that Zammad names", id)
}

// of returns the first state of a kind, in the order of Zammad.
func (s *states) of(ctx context.Context, z *Zammad, kind string) (int64, error) {
	list, err := s.known(ctx, z, false)
	if err != nil {
		return 0, err
	}
	for _, st := range list {
		if st.Kind == kind && st.Active {
			return st.ID, nil
		}
	}
	return 0, connectors.Errorf(connectors.AccountDown, "", "Zammad has no active ticket state of the type %q", kind)
}

// ticket is what is asked of a ticket.
type ticket struct {
	ID         int64     `json:"id"`
	StateID    int64     `json:"state_id"`
	UpdatedAt  time.Time `json:"updated_at"`
	ArticleIDs []int64   `json:"article_ids"`

	kind string
}

// ticket returns a ticket that is still there.
func (z *Zammad) ticket(ctx context.Context, id string) (*ticket, error) {
	var t ticket
	err := z.get(ctx, "/tickets/"+url.PathEscape(id), nil, &t)
	if err != nil {
		return nil, ofTicket(err)
	}
	if t.kind, err = z.states.kind(ctx, z, t.StateID); err != nil {
		return nil, err
	}
	switch t.kind {
	case kindMerged:
		return nil, z.mergedInto(ctx, id)
	case kindRemoved:
		return nil, &helpdesk.Gone{}
	}
	return &t, nil
}

// mergedInto follows the link to its parent that a merge leaves. The links from
// before went to the other ticket, so that there is one
// (https://docs.zammad.org/en/latest/api/ticket/links.html).
func (z *Zammad) mergedInto(ctx context.Context, id string) error {
	list, err := z.links(ctx, id)
	if err != nil {
		return err
	}
	for _, l := range list.Links {
		if l.Object == "Ticket" && l.Type == "parent" && itoa(l.Value) != id {
			return &helpdesk.Gone{Into: itoa(l.Value)}
		}
	}
	return &helpdesk.Gone{}
}

// adopted returns the tickets that were merged into this one, and when the
// latest of those that are not known was.
func (z *Zammad) adopted(ctx context.Context, id string, known []int64) (all []int64, until time.Time, err error) {
	list, err := z.links(ctx, id)
	if err != nil {
		return nil, until, err
	}
	for _, l := range list.Links {
		t, ok := list.Assets.Ticket[itoa(l.Value)]
		if l.Object != "Ticket" || l.Type != "child" || !ok {
			continue
		}
		kind, err := z.states.kind(ctx, z, t.StateID)
		if err != nil {
			return nil, until, err
		}
		if kind != kindMerged {
			continue
		}
		if all = append(all, l.Value); !slices.Contains(known, l.Value) && t.UpdatedAt.After(until) {
			until = t.UpdatedAt
		}
	}
	slices.Sort(all)
	return all, until, nil
}

// links are the tickets that belong to another one, with what they are.
type links struct {
	Links []struct {
		Type   string `json:"link_type"`
		Object string `json:"link_object"`
		Value  int64  `json:"link_object_value"`
	} `json:"links"`
	Assets struct {
		Ticket map[string]ticket `json:"Ticket"`
	} `json:"assets"`
}

func (z *Zammad) links(ctx context.Context, id string) (list links, err error) {
	err = z.get(ctx, "/links", url.Values{"link_object": {"Ticket"}, "link_object_value": {id}}, &list)
	return list, ofTicket(err)
}

// conversationState is what a kind of state means: a ticket that waits for
// something is open.
func conversationState(kind string) normalize.ConversationState {
	if kind == kindClosed {
		return normalize.Closed
	}
	return normalize.Open
}

// SetState implements helpdesk.Tickets.
func (z *Zammad) SetState(ctx context.Context, id string, s normalize.ConversationState) error {
	t, err := z.ticket(ctx, id)
	if err != nil {
		return err
	}
	return z.setState(ctx, t, s)
}

func (z *Zammad) setState(ctx context.Context, t *ticket, s normalize.ConversationState) error {
	if conversationState(t.kind) == s {
		return nil
	}
	kind := kindOpen
	if s == normalize.Closed {
		kind = kindClosed
	}
	id, err := z.states.of(ctx, z, kind)
	if err != nil {
		return err
	}
	return followUp(t, z.do(ctx, kit.RESTCall{
		Method: http.MethodPut, Path: "/tickets/" + itoa(t.ID), JSON: map[string]any{"state_id": id},
	}))
}

// followUp is the error of a change to a ticket. Groups can be set up such that
// nothing follows after a ticket was closed; then it is as good as gone.
func followUp(t *ticket, err error) error {
	if t.kind == kindClosed && kit.IsStatus(err, http.StatusUnprocessableEntity) {
		return &helpdesk.Gone{}
	}
	return ofTicket(err)
}
