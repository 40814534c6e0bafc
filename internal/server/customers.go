package server

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// CustomerPath names a customer.
type CustomerPath struct {
	ID string `path:"id" doc:"The customer."`
}

func (s *Server) customersAPI(a huma.API) {
	huma.Register(a, operation(http.MethodGet, "/v1/customers", "list-customers", "Customers with their addresses, newest first"), s.listCustomers)
	huma.Register(a, operation(http.MethodGet, "/v1/customers/{id}", "get-customer", "One customer",
		describedAs("A customer who was merged is found under the id of the one they were merged into.")), s.getCustomer)
	huma.Register(a, operation(http.MethodGet, "/v1/customers/{id}/timeline", "get-timeline", "A customer's messages over all channels, newest first"), s.getTimeline)
	huma.Register(a, operation(http.MethodPost, "/v1/customers/{id}/merge", "merge-customer", "Makes two customers one",
		describedAs("All addresses of the customer in the path move to the one named by into, and their messages with them. It can be undone.")), s.mergeCustomer)
	huma.Register(a, operation(http.MethodPost, "/v1/merges/{id}/undo", "undo-merge", "Makes two customers of one again",
		describedAs("Moved addresses go back, as far as no later merge moved them on.")), s.undoMerge)
	huma.Register(a, operation(http.MethodDelete, "/v1/customers/{id}", "erase-customer", "Erases a customer for good",
		describedAs("All that the customer said and is called is removed, and the same input does not bring it back.")), s.eraseCustomer)
	s.exportAPI(a)
}

type listCustomersIn struct {
	LimitParam
	Query string `query:"query" maxLength:"200" doc:"A piece of a name or an address, whatever its case."`
	After string `query:"after" doc:"The value of next from the page before."`
}

func (s *Server) listCustomers(ctx context.Context, in *listCustomersIn) (*body[list[*normalize.Customer]], error) {
	after, err := cursorID("after", in.After)
	if err != nil {
		return nil, err
	}
	found, err := s.deps.Identity.Customers(ctx, strings.TrimSpace(in.Query), after, in.Limit+1)
	if err != nil {
		return nil, s.fail(ctx, "customer", err)
	}
	return answer(page(found, in.Limit, func(c *normalize.Customer) string { return c.ID.String() }), nil)
}

// customer looks a customer up by the id in a path.
func (s *Server) customer(ctx context.Context, id string) (*normalize.Customer, error) {
	cid, err := pathID("customer", id)
	if err != nil {
		return nil, err
	}
	c, err := s.deps.Identity.Customer(ctx, cid)
	if err != nil {
		return nil, s.fail(ctx, "customer", err)
	}
	return c, nil
}

// CustomerDetail is a customer with those who may be the same person.
type CustomerDetail struct {
	*normalize.Customer
	Related []identity.Related `json:"related" nullable:"false" doc:"Other customers who may be the same person, by evidence that is not verified. To make them one, merge them."`
}

func (s *Server) getCustomer(ctx context.Context, in *CustomerPath) (*body[*CustomerDetail], error) {
	c, err := s.customer(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	related, err := s.deps.Identity.Related(ctx, c.ID)
	if err != nil {
		return nil, s.fail(ctx, "customer", err)
	}
	return answer(&CustomerDetail{c, related}, nil)
}

type getTimelineIn struct {
	CustomerPath
	LimitParam
	Before string `query:"before" doc:"The value of next from the page before: what is older follows."`
}

func (s *Server) getTimeline(ctx context.Context, in *getTimelineIn) (*body[list[*normalize.Message]], error) {
	before, err := cursorID("before", in.Before)
	if err != nil {
		return nil, err
	}
	c, err := s.customer(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	found, err := s.deps.Timeline.Timeline(ctx, c.ID, before, in.Limit+1)
	if err != nil {
		return nil, s.fail(ctx, "customer", err)
	}
	for i, m := range found {
		found[i] = s.link(m)
	}
	return answer(page(found, in.Limit, func(m *normalize.Message) string { return m.ID.String() }), nil)
}

type mergeIn struct {
	CustomerPath
	Body struct {
		Into   normalize.ID `json:"into" minLength:"1" doc:"The customer who remains."`
		Reason string       `json:"reason,omitempty" maxLength:"500" doc:"Why they are one person, for whoever looks at it later."`
	}
}

func (s *Server) mergeCustomer(ctx context.Context, in *mergeIn) (*body[*identity.Merge], error) {
	from, err := s.customer(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	into, err := s.deps.Identity.Customer(ctx, in.Body.Into)
	if err != nil {
		return nil, s.fail(ctx, "customer to merge into", err)
	}
	if from.ID == into.ID {
		return nil, flawed("body.into", "this is the same customer already")
	}
	m, err := s.deps.Identity.Merge(ctx, identity.Merge{
		From: from.ID, Into: into.ID, Reason: in.Body.Reason,
		Evidence: "by hand", Author: infoOf(ctx).token, At: s.deps.Clock.Now(),
	})
	if err != nil {
		return nil, s.fail(ctx, "customer", err)
	}
	return answer(m, nil)
}

type undoMergeIn struct {
	ID string `path:"id" doc:"The merge."`
}

func (s *Server) undoMerge(ctx context.Context, in *undoMergeIn) (*body[*identity.Merge], error) {
	id, err := pathID("merge", in.ID)
	if err != nil {
		return nil, err
	}
	m, err := s.deps.Identity.Undo(ctx, id, infoOf(ctx).token, s.deps.Clock.Now())
	if err != nil {
		return nil, s.fail(ctx, "merge", err)
	}
	return answer(m, nil)
}

func (s *Server) eraseCustomer(ctx context.Context, in *CustomerPath) (*struct{}, error) {
	id, err := pathID("customer", in.ID)
	if err != nil {
		return nil, err
	}
	digests, err := s.deps.Identity.Erase(ctx, id, s.deps.Clock.Now())
	if err != nil {
		return nil, s.fail(ctx, "customer", err)
	}
	left := 0
	for _, d := range digests {
		if err := s.deps.Media.Remove(ctx, d); err != nil {
			left++
			s.log.Error("file of an erased customer not removed", "request", requestID(ctx), "sha256", d, "err", err)
		}
	}
	if left > 0 {
		return nil, unavailable("the customer is erased, but some of the files could not be removed: the log names them")
	}
	return nil, nil
}

// link fills in where the media of a message are.
func (s *Server) link(m *normalize.Message) *normalize.Message {
	return normalize.LinkMedia(m, s.config.PublicURL)
}

var _ Answerer = (*timeline.Desk)(nil)
