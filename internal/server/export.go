package server

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
	"github.com/deskbridge/deskbridge/normalize/timeline"
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
		if err := s.bundle(ctx, newSlowly(w), all); err != nil {
			s.log.Error("export cut short", "request", requestID(ctx), "customer", all.Customer.ID, "err", err)
			// What went out has no end yet: no reader takes it for complete.
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// bundle writes the archive.
func (s *Server) bundle(ctx context.Context, w io.Writer, all *identity.Export) error {
	z := zip.NewWriter(w)
	f, err := z.Create("customer.json")
	if err != nil {
		return err
	}
	enc := json.NewEncoder(f)
	enc.SetIndent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	written := map[normalize.ID]bool{}
	for _, m := range all.Messages {
		for _, p := range m.Parts {
			if p.Media == nil || written[p.Media.ID] {
				continue
			}
			written[p.Media.ID] = true
			if err := s.bundleFile(ctx, z, p.Media); err != nil {
				return fmt.Errorf("medium %s: %w", p.Media.ID, err)
			}
		}
		if err := s.bundleRaw(ctx, z, m); err != nil {
			return fmt.Errorf("raw input of message %s: %w", m.ID, err)
		}
	}
	return z.Close()
}

func (s *Server) bundleFile(ctx context.Context, z *zip.Writer, m *normalize.Media) error {
	src, err := s.deps.Media.Open(ctx, m.SHA256)
	if err != nil {
		return err
	}
	defer src.Close()
	f, err := z.Create("media/" + m.ID.String() + "-" + fileName(m.Name))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, src)
	return err
}

func (s *Server) bundleRaw(ctx context.Context, z *zip.Writer, m *normalize.Message) error {
	if !m.RawAvailable {
		return nil
	}
	entry, err := s.deps.Timeline.LedgerOf(ctx, m.ID)
	if err != nil {
		return err
	}
	_, raw, err := s.deps.Timeline.LedgerRaw(ctx, entry.ID)
	if errors.Is(err, timeline.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	content, err := timeline.Unpack(ctx, s.deps.Media, raw)
	if errors.Is(err, timeline.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	f, err := z.Create("raw/" + m.ID.String() + extension(raw.ContentType))
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return err
}

func extension(contentType string) string {
	switch contentType {
	case "message/rfc822":
		return ".eml"
	case "application/json":
		return ".json"
	case "application/xml", "text/xml":
		return ".xml"
	}
	return ".bin"
}
