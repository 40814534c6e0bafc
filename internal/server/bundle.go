package server

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// bundle is an archive that is being written.
type bundle struct {
	zip      *zip.Writer
	timeline timeline.Reader
	files    Media
}

// WriteBundle writes all that is stored of a customer as a ZIP archive:
// customer.json, media/ with their files by id, raw/ with the inputs as they
// came, as far as they are still kept.
func WriteBundle(ctx context.Context, w io.Writer, r timeline.Reader, files Media, all *identity.Export) error {
	b := bundle{zip.NewWriter(w), r, files}
	z := b.zip
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
			if p.Media == nil || p.Media.SHA256 == "" || written[p.Media.ID] {
				continue
			}
			written[p.Media.ID] = true
			if err := b.file(ctx, p.Media); err != nil {
				return fmt.Errorf("medium %s: %w", p.Media.ID, err)
			}
		}
		if err := b.raw(ctx, m); err != nil {
			return fmt.Errorf("raw input of message %s: %w", m.ID, err)
		}
	}
	return z.Close()
}

func (b bundle) file(ctx context.Context, m *normalize.Media) error {
	src, err := b.files.Open(ctx, m.SHA256)
	if err != nil {
		return err
	}
	defer src.Close()
	f, err := b.zip.Create("media/" + m.ID.String() + "-" + fileName(m.Name))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, src)
	return err
}

func (b bundle) raw(ctx context.Context, m *normalize.Message) error {
	if !m.RawAvailable {
		return nil
	}
	entry, err := b.timeline.LedgerOf(ctx, m.ID)
	if err != nil {
		return err
	}
	_, raw, err := b.timeline.LedgerRaw(ctx, entry.ID)
	if errors.Is(err, timeline.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	content, err := timeline.Unpack(ctx, b.files, raw)
	if errors.Is(err, timeline.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	f, err := b.zip.Create("raw/" + m.ID.String() + extension(raw.ContentType))
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
