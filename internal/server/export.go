package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

func (s *Server) exportAPI(a huma.API) {
	huma.Register(a, operation(http.MethodGet, "/v1/customers/{id}/export", "export-customer", "All that is stored of a customer",
		describedAs("A ZIP archive: customer.json with addresses, merges, conversations and messages; media/ with their files, by id; "+
			"raw/ with the inputs as they came, by message, as far as they are still kept."),
		func(o *huma.Operation) {
			o.Responses = map[string]*huma.Response{"200": {
				Description: "The bundle",
				Content:     map[string]*huma.MediaType{"application/zip": {Schema: &huma.Schema{Type: "string", Format: "binary"}}},
			}}
		}), s.exportCustomer)
}

func (s *Server) exportCustomer(ctx context.Context, in *CustomerPath) (*huma.StreamResponse, error) {
	id, err := pathID("customer", in.ID)
	if err != nil {
		return nil, err
	}
	all, err := s.deps.Identity.Export(ctx, id)
	if err != nil {
		return nil, s.fail(ctx, "customer", err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		h := w.Header()
		h.Set("Content-Type", "application/zip")
		h.Set("Content-Disposition", `attachment; filename="customer-`+all.Customer.ID.String()+`.zip"`)
		if err := WriteBundle(ctx, newSlowly(w), s.deps.Timeline, s.deps.Media, all); err != nil {
			s.log.Error("export cut short", "request", requestID(ctx), "customer", all.Customer.ID, "err", err)
			// What went out has no end yet: no reader takes it for complete.
			panic(http.ErrAbortHandler)
		}
	}}, nil
}
