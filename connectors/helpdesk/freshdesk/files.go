package freshdesk

import (
	"context"
	"errors"
	"html"
	"io"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
)

// inlinePicture is an image within the words, which Freshdesk keeps and does
// not name among the files.
var inlinePicture = regexp.MustCompile(`(<img\b[^>]*?\bsrc=)"(https?://[^"/]+/inline/attachment\?[^"]+)"`)

// File implements helpdesk.Tickets. The links to files end after some minutes,
// so what a reference names is looked up again.
func (f *Freshdesk) File(ctx context.Context, file helpdesk.File) (io.ReadCloser, error) {
	parts := strings.Split(file.Ref, "/")
	if len(parts) != 3 {
		return nil, connectors.Errorf(connectors.Rejected, "", "not a file of Freshdesk")
	}
	body, list, err := f.entry(ctx, parts[0], parts[1])
	if gone, ok := errors.AsType[*helpdesk.Gone](err); ok {
		return nil, connectors.Errorf(connectors.Rejected, "", "%s", gone)
	} else if err != nil {
		return nil, err
	}
	if n, ok := strings.CutPrefix(parts[2], "p"); ok {
		pictures := inlinePicture.FindAllStringSubmatch(body, -1)
		if i, err := strconv.Atoi(n); err == nil && i >= 0 && i < len(pictures) {
			return f.picture(ctx, html.UnescapeString(pictures[i][2]))
		}
	}
	for _, a := range list {
		if itoa(a.ID) == parts[2] {
			return f.api.Download(ctx, a.URL, false) // the link is a credential by itself
		}
	}
	return nil, connectors.Errorf(connectors.Rejected, "", "Freshdesk has the file no more")
}

// entry looks up what an entry says now, and its files.
func (f *Freshdesk) entry(ctx context.Context, id, entry string) (body string, list []attachment, err error) {
	if entry == descriptionOf(id) {
		t, err := f.ticket(ctx, id)
		if err != nil {
			return "", nil, err
		}
		return t.Description, t.Attachments, nil
	}
	for page := 1; page <= 10*maxPages; page++ {
		all, err := f.conversations(ctx, id, page)
		if err != nil {
			return "", nil, err
		}
		for _, c := range all {
			if itoa(c.ID) == entry {
				return c.Body, c.Attachments, nil
			}
		}
		if len(all) < perPage {
			break
		}
	}
	return "", nil, connectors.Errorf(connectors.Rejected, "", "Freshdesk has the entry no more")
}

// picture opens an image within words. An agent may have typed its address, so
// that only Freshdesk's own hosts are asked.
func (f *Freshdesk) picture(ctx context.Context, address string) (io.ReadCloser, error) {
	u, err := url.Parse(address)
	own, _ := url.Parse(f.cfg.base()) // it was validated
	if err != nil || u.Host != own.Host && (u.Scheme != "https" || !strings.HasSuffix(u.Hostname(), ".freshdesk.com")) {
		return nil, connectors.Errorf(connectors.Rejected, "", "the picture is not one of Freshdesk's")
	}
	return f.api.Download(ctx, address, false)
}
