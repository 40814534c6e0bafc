package slack

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

var fileID = regexp.MustCompile(`^F[A-Z0-9]{1,30}$`)

const (
	// filePrefix begins the external id of a sent file as long as Slack has
	// not said which message shows it.
	filePrefix = "file:"
	// uploadKept is how long the id of an upload is remembered: longer than
	// anybody looks for what became of it.
	uploadKept = 14 * 24 * time.Hour
	// sharedWithin is how long Slack is asked which message shows a file.
	sharedWithin = 3 * time.Second
)

// uploadName is the name under which the id of an upload is kept.
func uploadName(key string) string { return "upload/" + key }

// sendFile uploads a file and shows it. The first two requests may be repeated:
// what was uploaded and is shown nowhere Slack throws away. The file's id is
// stored before the third, so that Resolve can look what became of it.
// https://docs.slack.dev/messaging/working-with-files
func (s *Slack) sendFile(ctx context.Context, o *channel.Outbound, p *normalize.Part, to target) (channel.Sent, error) {
	if p.Media == nil {
		return channel.Sent{}, connectors.Errorf(connectors.Unsupported, "", "Slack does not carry a part of kind %s", p.Kind)
	}
	if p.Media.Size <= 0 {
		return channel.Sent{}, connectors.Errorf(connectors.Rejected, "", "the file is empty, which Slack does not take")
	}
	name := path.Base(strings.ReplaceAll(text.CleanLine(p.Media.Name), `\`, "/"))
	if name == "." || name == "/" {
		name = "file"
	}
	id, err := s.upload(ctx, o, p.Media, name)
	if err != nil {
		return channel.Sent{}, err
	}
	if err := s.deps.Tokens.Set(ctx, uploadName(o.Key), id, s.deps.Clock.Now().Add(uploadKept)); err != nil {
		return channel.Sent{}, connectors.Errorf(connectors.Transient, "", "not sent: %w", err)
	}
	if err := s.begin(ctx, o, to); err != nil {
		return channel.Sent{}, err
	}
	_, err = s.api.CompleteUploadExternalContext(ctx, slack.CompleteUploadExternalParameters{
		Files: []slack.FileSummary{{ID: id, Title: name}}, Channel: to.channel, ThreadTimestamp: to.thread,
		InitialComment: toMrkdwn(p),
	})
	if err != nil {
		return channel.Sent{}, ofFiles(trouble(err, true))
	}
	return channel.Sent{ExternalID: s.shownAs(ctx, id, to)}, nil
}

// upload hands the bytes over and returns the file's id.
func (s *Slack) upload(ctx context.Context, o *channel.Outbound, m *normalize.Media, name string) (string, error) {
	slot, err := s.api.GetUploadURLExternalContext(ctx, slack.GetUploadURLExternalParameters{FileName: name, FileSize: int(m.Size)})
	if err != nil {
		return "", ofFiles(trouble(err, false))
	}
	if !fileID.MatchString(slot.FileID) {
		return "", connectors.Errorf(connectors.Transient, "", "Slack gives no place to upload to")
	}
	content, err := o.Open(ctx, m)
	if err != nil {
		return "", connectors.Errorf(connectors.Transient, "", "the file cannot be read: %w", err)
	}
	defer content.Close()
	err = s.api.UploadToURL(ctx, slack.UploadToURLParameters{UploadURL: slot.UploadURL, Reader: content, Filename: name})
	if err != nil {
		return "", ofFiles(trouble(err, false))
	}
	return slot.FileID, nil
}

// ofFiles: what is wrong with files alone does not stop the account's texts.
func ofFiles(e *connectors.Error) *connectors.Error {
	if e.Class == connectors.AccountDown && e.Code == "missing_scope" {
		e.Class = connectors.Rejected
	}
	return e
}

// shownAs returns the external id of the message that shows a file. Slack makes
// it a moment after the upload was completed.
func (s *Slack) shownAs(ctx context.Context, id string, to target) string {
	ctx, cancel := context.WithTimeout(ctx, sharedWithin)
	defer cancel()
	for pause := 100 * time.Millisecond; ; pause *= 3 {
		if shown, err := s.shown(ctx, id, to); err == nil && shown != "" {
			return shown
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return filePrefix + id
		}
	}
}

// shown returns the external id of the message in which a file stands, or "".
func (s *Slack) shown(ctx context.Context, id string, to target) (string, error) {
	f, _, _, err := s.api.GetFileInfoContext(ctx, id, 0, 0)
	if err != nil {
		return "", err
	}
	for _, of := range []map[string][]slack.ShareFileInfo{f.Shares.Public, f.Shares.Private} {
		for _, share := range of[to.channel] {
			if shown, err := place(to.channel, share.Ts); err == nil {
				return shown, nil
			}
		}
	}
	return "", nil
}

// Fetch opens a file that a customer sent. The reference is the file's private
// address, which is only ever asked with our token where it is Slack's; or else
// the id, by which the address is asked for.
func (s *Slack) Fetch(ctx context.Context, ref string) (*channel.Fetched, error) {
	known := &channel.Fetched{}
	if fileID.MatchString(ref) {
		f, _, _, err := s.api.GetFileInfoContext(ctx, ref, 0, 0)
		if err != nil {
			return nil, ofFiles(trouble(err, false))
		}
		known.Name, known.ContentType = first(f.Name, f.Title), f.Mimetype
		ref = first(f.URLPrivateDownload, f.URLPrivate)
	}
	u, err := url.Parse(ref)
	if err != nil || !s.trusts(u) {
		return nil, connectors.Errorf(connectors.Rejected, "", "the file does not lie with Slack")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, connectors.Errorf(connectors.Rejected, "", "the file has no address that can be asked")
	}
	r.Header.Set("Authorization", "Bearer "+s.cfg.BotToken.Reveal())
	resp, err := s.http.Do(r)
	if err != nil {
		if bad, ok := errors.AsType[*url.Error](err); ok {
			err = bad.Err
		}
		return nil, connectors.Errorf(connectors.Transient, "", "no answer from Slack: %w", err)
	}
	if err := served(resp, u, s.deps.Clock.Now()); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	known.Size = max(resp.ContentLength, 0)
	if known.ContentType == "" {
		known.ContentType = resp.Header.Get("Content-Type")
	}
	known.Body = struct {
		io.Reader
		io.Closer
	}{resp.Body, resp.Body}
	return known, nil
}

// served returns why an answer is not the file. Whoever may not have it is led
// to the page for signing in.
func served(resp *http.Response, asked *url.URL, now time.Time) error {
	switch code := resp.StatusCode; {
	case code == http.StatusOK && resp.Request.URL.Query().Get("redir") != "" && resp.Request.URL.Path != asked.Path,
		code >= 300 && code < 400, code == http.StatusForbidden, code == http.StatusUnauthorized:
		return connectors.Errorf(connectors.Rejected, "", "the app may not read this file: check its scope files:read")
	case code == http.StatusOK:
		return nil
	case code == http.StatusNotFound || code == http.StatusGone:
		return connectors.Errorf(connectors.Rejected, "file_not_found", "Slack does not have the file any more")
	case code == http.StatusTooManyRequests:
		wait, _ := kit.RetryAfter(resp.Header, now)
		if wait == 0 {
			wait = fallbackWait
		}
		return &connectors.Error{Class: connectors.Throttled, Code: "ratelimited", Detail: "Slack asks to slow down", RetryAfter: wait}
	case code >= 400 && code < 500 && code != http.StatusRequestTimeout:
		return connectors.Errorf(connectors.Rejected, "", "Slack refuses the file: %s", http.StatusText(code))
	}
	return connectors.Errorf(connectors.Transient, "", "Slack failed: %s", http.StatusText(resp.StatusCode))
}
