package kit

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
)

// Download opens a file at a whole address that the product named, perhaps of
// another host. It follows redirects. Where ours is set, the credentials go
// along to the product's own host, and no further provided that they are in
// the header Authorization. The caller closes it.
func (c *REST) Download(ctx context.Context, address string, ours bool) (io.ReadCloser, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, connectors.Errorf(connectors.Rejected, "", "%s does not say where the file is", c.Product)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, connectors.Errorf(connectors.Rejected, "", "%s does not say where the file is", c.Product)
	}
	r.Header.Set("User-Agent", "Deskbridge")
	if own, err := url.Parse(c.URL); err == nil && ours && own.Scheme == u.Scheme && strings.EqualFold(own.Host, u.Host) {
		c.Authorize(r)
	}
	follow := *c.http
	follow.CheckRedirect = nil
	resp, err := follow.Do(r)
	if err != nil {
		return nil, c.lost(http.MethodGet, err, false)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone {
		return nil, connectors.Errorf(connectors.Rejected, resp.Status[:3], "%s does not keep the file any more", c.Product)
	}
	return nil, c.refusal(http.MethodGet, resp, nil)
}
