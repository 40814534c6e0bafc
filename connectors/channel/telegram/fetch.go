package telegram

import (
	"context"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
)

// Fetch implements channel.Fetcher. A file's address holds the bot's token and
// works for an hour, so it is asked for each time
// (https://core.telegram.org/bots/api#getfile).
func (t *Telegram) Fetch(ctx context.Context, ref string) (*channel.Fetched, error) {
	var f struct {
		Path string `json:"file_path"`
		Size int64  `json:"file_size"`
	}
	if err := t.call(ctx, "getFile", map[string]any{"file_id": ref}, &f); err != nil {
		return nil, err
	}
	if f.Path == "" || strings.Contains(f.Path, "..") || strings.Contains(f.Path, "://") {
		return nil, connectors.Errorf(connectors.Rejected, "", "Telegram does not say where the file is")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.cfg.base()+"/file/bot"+t.cfg.BotToken.Reveal()+"/"+strings.TrimPrefix(f.Path, "/"), nil)
	if err != nil {
		return nil, connectors.Errorf(connectors.Rejected, "", "Telegram does not say where the file is")
	}
	resp, err := t.http.Do(r)
	if err != nil {
		return nil, again(lost(err, false))
	}
	if resp.StatusCode != http.StatusOK {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10)) // so that the connection can be used again
		_ = resp.Body.Close()
		e := refusal(&answer{Description: http.StatusText(resp.StatusCode)}, resp.StatusCode)
		if resp.StatusCode == http.StatusNotFound {
			e = connectors.Errorf(connectors.Rejected, "404", "Telegram does not keep the file any more")
		}
		return nil, again(e)
	}
	return &channel.Fetched{Name: path.Base(f.Path), Size: f.Size, Body: resp.Body}, nil
}

// again: nothing is done by looking, so what is unclear may be repeated.
func again(err error) error {
	if e := connectors.Classify(err); e.Class == connectors.Ambiguous {
		e.Class = connectors.Transient
		return e
	}
	return err
}
