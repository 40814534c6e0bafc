package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/deskbridge/deskbridge/configs"
	passwords "github.com/deskbridge/deskbridge/connectors/kit/password"
	"github.com/deskbridge/deskbridge/connectors/simulator/mail"
	"github.com/deskbridge/deskbridge/internal/app"
	"github.com/deskbridge/deskbridge/internal/cli"
	"github.com/deskbridge/deskbridge/internal/demo/stage"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// password is everybody's on the demo's mail system.
const password = "demo"

// The agents of the inbox: the visitor, and the colleague who answers by
// herself.
const (
	agentName      = "Robin Reed"
	agentEmail     = "robin@rainworks.example"
	colleagueEmail = "mia@rainworks.example"
)

// world is all that runs: the mail system, the vendors, the helpdesk, the
// daemon, and the pages of the visitor.
type world struct {
	dir, config string
	temporary   bool
	again       bool // there was a store in dir already
	mail        *mail.Server
	town        *town
	desk        *desk
	app         *app.App
	api         *client
	token       string
	book        *stage.Book // the customers' phones
	stage       *stage.Stage
	agent       string       // the password of the visitor in the inbox
	outside     *http.Client // with which vendors fetch what we send
	log         *os.File

	stop    context.CancelFunc
	running sync.WaitGroup
	failed  chan error // the daemon ended; nil where it was told to
}

// build starts everything. What it has started it stops where it fails.
func build(ctx context.Context, o Options) (w *world, err error) {
	w = &world{failed: make(chan error, 1), book: stage.NewBook(), agent: rand.Text(), outside: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}}
	defer func() { //nolint:contextcheck // what was started is stopped even if the context has ended
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if err := w.folder(o.Data); err != nil {
		return w, err
	}
	if w.mail, err = mail.Start(mail.Options{Host: "mail.demo.example"}); err != nil { //nolint:contextcheck // it runs until close, so that answers under way still leave
		return w, err
	}
	w.mail.AddUser(mail.User{Address: deskAddress, Password: password})
	if w.desk, err = newDesk(ctx); err != nil {
		return w, err
	}
	file, err := w.configure(ctx)
	if err != nil {
		return w, err
	}
	if w.log, err = os.OpenFile(filepath.Join(w.dir, "deskbridge.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return w, err
	}
	log := slog.New(slog.NewJSONHandler(w.log, nil))
	if w.app, err = app.New(ctx, file, app.Options{Log: log, Version: o.Version, Poll: 200 * time.Millisecond}); err != nil {
		return w, fmt.Errorf("start the daemon: %w", err)
	}
	if w.token, err = w.app.Store().CreateToken(ctx, "demo", time.Now().UTC()); err != nil {
		return w, fmt.Errorf("make an API token: %w", err)
	}
	if err := w.prepare(ctx); err != nil {
		return w, fmt.Errorf("prepare the inbox: %w", err)
	}
	w.api = newClient(w.url(), w.token)
	var running context.Context
	running, w.stop = context.WithCancel(context.WithoutCancel(ctx))
	w.running.Go(func() { w.failed <- w.app.Run(running) })
	select {
	case <-w.app.Ready():
		return w, nil
	case err := <-w.failed:
		return w, fmt.Errorf("the daemon did not start: %w", err)
	case <-ctx.Done():
		return w, ctx.Err()
	}
}

// folder makes the place for the store: a temporary one unless dir is named.
func (w *world) folder(dir string) (err error) {
	if dir == "" {
		w.temporary = true
		w.dir, err = os.MkdirTemp("", "deskbridge-demo-")
		return err
	}
	if w.dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	_, err = os.Stat(filepath.Join(w.dir, "deskbridge.db"))
	w.again = err == nil
	return os.MkdirAll(w.dir, 0o700)
}

// configure writes the configuration and reads it back as deskbridge serve
// would, so that the other commands work on it while the demo runs.
func (w *world) configure(ctx context.Context) (*configs.File, error) {
	w.config = filepath.Join(w.dir, "deskbridge.yaml")
	hash, err := passwords.New(w.agent)
	if err != nil {
		return nil, err
	}
	listen, err := freeAddr(ctx, "127.0.0.1:8081")
	if err != nil {
		return nil, err
	}
	admin, err := freeAddr(ctx, "127.0.0.1:9090")
	if err != nil {
		return nil, err
	}
	if w.town, err = openTown("http://" + listen); err != nil {
		return nil, err
	}
	imapHost, imapPort, _ := strings.Cut(w.mail.IMAPAddr(), ":")
	smtpHost, smtpPort, _ := strings.Cut(w.mail.SMTPAddr(), ":")
	text := fmt.Sprintf(`# Written by deskbridge demo.
server: {listen: %q, public_url: %q, admin_listen: %q}
store: {url: %q}
media: {dir: %q}
channels:
  - name: support
    type: email
    address: %s
    from_name: %s
    imap: {host: %s, port: %s, tls: none, password: %s}
    smtp: {host: %s, port: %s, tls: none, password: %s}
%shelpdesks:
  - name: desk
    type: webhook
    url: %s
    secret: %s
  - name: inbox
    type: inbox
    users:
      - {name: %s, email: %s, password_hash: %[19]q, role: admin}
      - {name: %[20]s, email: %[21]s, password_hash: %[19]q}
shutdown: {grace: 3s}
`, listen, "http://"+listen, admin, "sqlite://"+filepath.Join(w.dir, "deskbridge.db"), filepath.Join(w.dir, "media"),
		deskAddress, deskName, imapHost, imapPort, password, smtpHost, smtpPort, password, w.town.config(), w.desk.url, w.desk.secret,
		agentName, agentEmail, hash, colleague, colleagueEmail)
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return configs.Load(w.config, app.Types())
}

// listen listens on preferred, or on another port where somebody does already.
func listen(ctx context.Context, preferred string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", preferred)
	if err != nil {
		return lc.Listen(ctx, "tcp", "127.0.0.1:0")
	}
	return ln, nil
}

// prepare puts into a new store what a desk has after some weeks.
func (w *world) prepare(ctx context.Context) error {
	if w.again {
		return nil
	}
	for name, text := range map[string]string{
		"hello":   "Hello {customer}, thank you for writing. I am looking into it.\n\n{agent}, Rainworks",
		"returns": "You can send it back within 30 days, free of charge: put the return label from the parcel onto it.",
		"您好":      "{客户}，您好！感谢您的来信，我马上为您查询。\n\nRainworks {客服}",
	} {
		if err := w.app.Store().PutCanned(ctx, timeline.Canned{Name: name, Text: text, ChangedBy: agentName}, time.Now().UTC()); err != nil {
			return err
		}
	}
	return nil
}

// freeAddr returns preferred where nobody listens on it, else another port.
func freeAddr(ctx context.Context, preferred string) (string, error) {
	ln, err := listen(ctx, preferred)
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// open opens the pages for the visitor, who plays through d.
func (w *world) open(ctx context.Context, d *director) error {
	ln, err := listen(ctx, "127.0.0.1:8080")
	if err != nil {
		return fmt.Errorf("listen for a browser: %w", err)
	}
	w.stage, err = stage.Start(ln, stage.Options{ //nolint:contextcheck // it runs until close
		Daemon: &url.URL{Scheme: "http", Host: w.app.PublicAddr().String()}, Email: agentEmail, Password: w.agent,
		Book: w.book, Write: d.visitor, Opened: func(next string) { d.opened(ctx, next) }, Log: slog.New(slog.NewJSONHandler(w.log, nil)),
	})
	return err
}

func (w *world) url() string { return "http://" + w.app.PublicAddr().String() }

// close stops the pages and the helpdesk, which nobody reads any more, then the
// daemon, and the vendors after it, so that answers under way still leave.
func (w *world) close() error {
	var errs []error
	if w.stage != nil {
		errs = append(errs, w.stage.Close())
	}
	if w.desk != nil {
		w.desk.close()
	}
	if w.stop != nil {
		w.stop()
		w.running.Wait()
	} else if w.app != nil {
		w.app.Close()
	}
	if w.api != nil {
		w.api.close()
	}
	w.outside.CloseIdleConnections()
	if w.town != nil {
		errs = append(errs, w.town.close())
	}
	if w.mail != nil {
		errs = append(errs, w.mail.Close())
	}
	if w.log != nil {
		errs = append(errs, w.log.Close())
	}
	if w.temporary && w.dir != "" {
		errs = append(errs, os.RemoveAll(w.dir))
	}
	return errors.Join(errs...)
}

// post hands a customer's letter to the mail system.
func (w *world) post(ctx context.Context, from *customer, raw []byte) error {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", w.mail.SMTPAddr())
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	c := smtp.NewClient(conn)
	defer func() { _ = c.Close() }() // after QUIT it is closed already
	if err := c.Auth(sasl.NewPlainClient("", from.address, password)); err != nil {
		return fmt.Errorf("log in as %s: %w", from.address, err)
	}
	if err := c.SendMail(from.address, []string{deskAddress}, strings.NewReader(string(raw))); err != nil {
		return fmt.Errorf("send as %s: %w", from.address, err)
	}
	return c.Quit()
}

// timeline draws a customer's whole timeline as deskbridge timeline does.
func (w *world) timeline(ctx context.Context, id normalize.ID, o cli.Options) (string, error) {
	db := w.app.Store()
	who, err := db.Customer(ctx, id)
	if err != nil {
		return "", err
	}
	messages, err := db.Timeline(ctx, who.ID, 0, 50)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = cli.RenderTimeline(&b, cli.Timeline{Customer: who, Messages: messages}, o)
	return b.String(), err
}
