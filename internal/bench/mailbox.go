package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel/email"
	"github.com/deskbridge/deskbridge/internal/store/media"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// mailbox is what mailsRole reads, and where to.
type mailbox struct {
	URL, Media      string // of the store
	User, Host      string
	Port            int
	CAFile, Profile string // Profile is the file for a CPU profile, or empty
	Mails           int
}

// mailsRole catches up the mailbox that args[0] describes in JSON, as the
// daemon does, and prints its peak of resident memory in bytes when the last
// mail is committed.
func mailsRole(ctx context.Context, args []string, _ io.Reader, out io.Writer) (err error) {
	var m mailbox
	if err := json.Unmarshal([]byte(args[0]), &m); err != nil {
		return err
	}
	if m.Profile != "" {
		var f *os.File
		if f, err = os.Create(m.Profile); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	files, err := media.Open(m.Media)
	if err != nil {
		return err
	}
	db, err := openStore(ctx, m.URL)
	if err != nil {
		return errors.Join(err, files.Close())
	}
	defer func() { err = errors.Join(err, db.Close(ctx), files.Close()) }()
	account, err := m.account()
	if err != nil {
		return err
	}
	g := ingestor(db)
	g.Files = files
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	t := &taker{
		ingest: g, left: m.Mails, done: stop,
		src: timeline.Source{Account: normalize.Account{Name: hookAccount, Type: email.Type}, Decoder: account},
	}
	if err := account.Stream(ctx, t); !errors.Is(context.Cause(ctx), errCaughtUp) {
		return fmt.Errorf("%d mails were left: %w", t.left, err)
	}
	ctx = context.WithoutCancel(ctx)
	peak, err := status(os.Getpid(), "VmHWM")
	if err == nil {
		_, err = fmt.Fprintln(out, strconv.FormatFloat(peak, 'f', 0, 64))
	}
	return err
}

func (m mailbox) account() (*email.Email, error) {
	c := &email.Config{
		Address: m.User, VerifyDKIM: "auto",
		IMAP: email.IMAP{Host: m.Host, Port: m.Port, TLS: "implicit", Mailbox: "INBOX", Password: configs.Secret(secret), PollInterval: time.Minute, CAFile: m.CAFile},
		SMTP: email.SMTP{Host: m.Host, Port: 1, TLS: "implicit", CAFile: m.CAFile},
	}
	return email.New(c, connectors.Deps{
		Account: normalize.Account{Name: hookAccount, Type: email.Type}, Log: slog.New(slog.DiscardHandler),
		HTTP: http.DefaultClient, Clock: wallClock{}, Key: make([]byte, 32), MaxMedia: 25 << 20,
	})
}

type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

var errCaughtUp = errors.New("every mail is committed")

// taker is the daemon's side of the stream; it ends it with the last mail. The
// stream has it commit one batch at a time.
type taker struct {
	ingest *timeline.Ingestor
	src    timeline.Source
	left   int
	done   func(error)
}

func (t *taker) Cursor(context.Context, string) (string, error) { return "", nil }

func (t *taker) Sink(ctx context.Context, b normalize.Batch) error {
	commit, err := t.Stage(ctx, b)
	if err != nil {
		return err
	}
	return commit(ctx)
}

// Stage implements channel.Stager.
func (t *taker) Stage(ctx context.Context, b normalize.Batch) (func(context.Context) error, error) {
	commit, err := t.ingest.Prepare(ctx, t.src, b)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		if err := commit(ctx); err != nil {
			return err
		}
		if t.left -= len(b.Inputs); t.left <= 0 {
			t.done(errCaughtUp)
		}
		return nil
	}, nil
}

// Alive has no use here: the last batch may still be on its way to Sink.
func (t *taker) Alive() {}

func (t *taker) Woken() <-chan struct{} { return nil }
