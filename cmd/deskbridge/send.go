package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/deskbridge/deskbridge/internal/cli"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/store/media"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

type sendCmd struct {
	To      string        `required:"" placeholder:"ADDRESS" help:"The customer's address on that channel"`
	Channel string        `required:"" placeholder:"NAME" help:"The channel to send by"`
	Text    string        `arg:"" optional:"" help:"The text; - reads it from standard input"`
	Subject string        `help:"The subject, where the channel has one"`
	Attach  []string      `type:"existingfile" placeholder:"FILE" help:"A file to go with it; may be repeated"`
	Key     string        `placeholder:"KEY" help:"Idempotency key: the same key twice is one message"`
	Wait    bool          `help:"Wait until it is accepted by the vendor; exit 1 when it failed or is uncertain"`
	Timeout time.Duration `default:"10m" help:"How long --wait waits"`
	JSON    bool          `name:"json" help:"Write the message as JSON"`
}

const (
	sendPoll    = 250 * time.Millisecond
	sendMaxText = 1 << 20 // bytes of standard input
)

func (c *sendCmd) Run(e *env) error {
	text, err := c.text(e.in)
	if err != nil {
		return err
	}
	return e.withAccounts(func(s *setup) error {
		known, err := s.db.Accounts(e.ctx)
		if err != nil {
			return err
		}
		if _, open := s.app.Outlet(c.Channel); open && !slices.ContainsFunc(known, func(a store.Account) bool { return a.Name == c.Channel && a.Enabled }) {
			return fmt.Errorf("no daemon has taken up channel %q yet: start it with `deskbridge serve`, or reload it", c.Channel)
		}
		answer := timeline.Answer{
			Channel: c.Channel, To: c.To, Subject: c.Subject, Text: text,
			Author: &normalize.Author{Name: actor()}, IdempotencyKey: c.Key,
		}
		if answer.Attachments, err = c.attach(e, s); err != nil {
			return err
		}
		if answer.Hash, err = c.hash(text); err != nil {
			return err
		}
		m, _, err := s.app.Reply(e.ctx, answer)
		if refused, ok := errors.AsType[*timeline.Refused](err); ok {
			return errors.New(refused.Detail)
		}
		if err != nil {
			return err
		}
		if c.Wait {
			m, err = c.wait(e, s, m)
		}
		if c.JSON {
			return errors.Join(err, e.json(m))
		}
		e.say("message %s %s", m.ID, status(m))
		return err
	})
}

func (c *sendCmd) text(in io.Reader) (string, error) {
	if c.Text != "-" {
		if c.Text == "" && len(c.Attach) == 0 {
			return "", badUsage("say what to send: a text, - for standard input, or --attach FILE")
		}
		return c.Text, nil
	}
	b, err := io.ReadAll(io.LimitReader(in, sendMaxText+1))
	if len(b) > sendMaxText {
		return "", badUsage("the text on standard input is longer than %s", cli.Size(sendMaxText))
	}
	return string(b), err
}

// hash tells an honest repeat of --key from another message.
func (c *sendCmd) hash(text string) ([32]byte, error) {
	b, err := json.Marshal([]any{c.Channel, c.To, c.Subject, text, c.Attach})
	return sha256.Sum256(b), err
}

// attach stores the files.
func (c *sendCmd) attach(e *env, s *setup) (ids []normalize.ID, err error) {
	if len(c.Attach) == 0 {
		return nil, nil
	}
	dir, err := media.Open(s.file.Media.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	for _, path := range c.Attach {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if limit := int64(s.file.Media.MaxSize); int64(len(b)) > limit {
			return nil, fmt.Errorf("%s has %s, media.max_size allows %s", path, cli.Size(int64(len(b))), cli.Size(limit))
		}
		digest, size, err := dir.Put(e.ctx, bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		m, err := s.db.PutMedia(e.ctx, normalize.Media{Name: filepath.Base(path), ContentType: contentType(path, b), Size: size, SHA256: digest}, time.Now().UTC())
		if err != nil {
			return nil, err
		}
		ids = append(ids, m.ID)
	}
	return ids, nil
}

// contentType goes by the name, else by the content.
func contentType(path string, content []byte) string {
	t := mime.TypeByExtension(filepath.Ext(path))
	if t == "" {
		t = http.DetectContentType(content)
	}
	if main, _, err := mime.ParseMediaType(t); err == nil {
		return main
	}
	return "application/octet-stream"
}

// wait returns the message once all of its parts are accepted or better. It
// fails when one failed or is uncertain.
func (c *sendCmd) wait(e *env, s *setup, m *normalize.Message) (*normalize.Message, error) {
	deadline := time.Now().Add(c.Timeout)
	for {
		next, err := s.db.Message(e.ctx, m.ID)
		if err != nil {
			return m, err
		}
		m = next
		open := false
		for _, p := range m.Parts {
			switch p.Status {
			case normalize.StatusFailed, normalize.StatusUncertain:
				return m, fmt.Errorf("%s: %s (deskbridge explain %s)", p.Status, p.Error, m.ID)
			case normalize.StatusQueued, normalize.StatusSending:
				open = true
			}
		}
		if !open {
			return m, nil
		}
		if time.Now().After(deadline) {
			return m, fmt.Errorf("still not sent after %s: does the daemon run? (deskbridge explain %s)", c.Timeout, m.ID)
		}
		select {
		case <-time.After(sendPoll):
		case <-e.ctx.Done():
			return m, fmt.Errorf("no longer waiting; the message stays queued (deskbridge explain %s)", m.ID)
		}
	}
}

// status sums up the parts: the one that is least far.
func status(m *normalize.Message) normalize.Status {
	least := normalize.StatusRead
	for _, p := range m.Parts {
		if normalize.Advance(p.Status, least) == least {
			least = p.Status
		}
	}
	return least
}
