package inbox

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/deskbridge/deskbridge/normalize/text"
)

const (
	// Remote images of a mail are shown up to this number, and within the sizes
	// of its own ones.
	maxRemote     = 50
	remoteAtOnce  = 6
	remoteMails   = 4                // whose images are fetched at once
	remoteTimeout = 15 * time.Second // for all of a mail
)

// mailWithImages shows the HTML of a mail with the images that it names
// elsewhere. The agent asks for it, since whoever keeps an image hears that it
// is looked at; but they hear it from us: the browser gets the images within
// the page.
func (in *Inbox) mailWithImages(w http.ResponseWriter, r *request) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(remoteTimeout + time.Minute))
	in.showMail(w, r, func(body string, left int64) string {
		all := text.RemoteImages(body)
		shown := in.remoteImages(r.Context(), all, left)
		body = text.ShowImages(body, shown)
		if missing := len(all) - len(shown); missing > 0 {
			body = "<p><em>" + html.EscapeString(r.pages.t("Images that could not be loaded: %d", missing)) + "</em></p>" + body
		}
		return body
	})
}

// remoteImages fetches images, and returns those that are, as data: addresses.
func (in *Inbox) remoteImages(ctx context.Context, addresses []string, left int64) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, remoteTimeout)
	defer cancel()
	select {
	case in.remote <- struct{}{}:
		defer func() { <-in.remote }()
	case <-ctx.Done():
		return nil
	}
	var mu sync.Mutex
	shown := map[string]string{}
	var work errgroup.Group
	work.SetLimit(remoteAtOnce)
	for _, address := range addresses[:min(len(addresses), maxRemote)] {
		work.Go(func() error {
			kind, content, err := in.fetchImage(ctx, address)
			if err != nil {
				if e, ok := errors.AsType[*url.Error](err); ok {
					err = e.Err // the address may name the customer
				}
				in.Log.Debug("a remote image of a mail is not shown", "err", err)
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			if left -= int64(len(content)); left >= 0 {
				shown[address] = "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(content)
			}
			return nil
		})
	}
	_ = work.Wait() // none fails
	return shown
}

// fetchImage gets an image that a stranger named. What it is tell its bytes.
func (in *Inbox) fetchImage(ctx context.Context, address string) (kind string, content []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return "", nil, err
	}
	req.Header.Set("Accept", "image/png, image/jpeg, image/gif, image/webp")
	req.Header.Set("User-Agent", "Deskbridge")
	res, err := in.Guarded.Do(req)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return "", nil, fmt.Errorf("the server answered %s", res.Status)
	}
	if content, err = io.ReadAll(io.LimitReader(res.Body, maxInline+1)); err != nil {
		return "", nil, err
	}
	if len(content) > maxInline {
		return "", nil, errors.New("it is too large")
	}
	if kind = http.DetectContentType(content); playable[kind] != "image" {
		return "", nil, errors.New("it is no image")
	}
	return kind, content, nil
}
