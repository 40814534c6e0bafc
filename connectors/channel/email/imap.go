package email

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// imapConn is a logged-in connection. One goroutine owns it and gives one
// command at a time, each with a time limit of its own; the connection is gone
// when that is exceeded or when the context of dialIMAP ends.
type imapConn struct {
	conn   *kit.Conn
	client *imapclient.Client
	limits timeouts
	// news gets a value when the server says that the mailbox has changed.
	news chan struct{}
}

// dialIMAP connects and logs in. A refused access token is renewed once.
func (e *Email) dialIMAP(ctx context.Context) (*imapConn, error) {
	c, err := e.tryIMAP(ctx, "")
	if refused, ok := errors.AsType[*refusedToken](err); ok {
		c, err = e.tryIMAP(ctx, refused.token)
	}
	return c, err
}

// refusedToken is the failure of a login with an access token that may simply
// have been withdrawn before its time.
type refusedToken struct {
	token string
	cause error
}

func (r *refusedToken) Error() string { return r.cause.Error() }
func (r *refusedToken) Unwrap() error { return r.cause }

func (e *Email) tryIMAP(ctx context.Context, stale string) (*imapConn, error) {
	s := e.imap
	token, err := s.accessToken(ctx, stale)
	if err != nil {
		return nil, err
	}
	implicit := s.tlsConfig
	if s.tls != tlsImplicit {
		implicit = nil
	} else {
		implicit = implicit.Clone()
		implicit.NextProtos = []string{"imap"}
	}
	conn, err := kit.Dial(ctx, s.addr(), implicit, e.timeouts.dial)
	if err != nil {
		return nil, transient(err)
	}
	conn.WriteTimeout = e.timeouts.stall
	c := &imapConn{conn: conn, limits: e.timeouts, news: make(chan struct{}, 1)}
	err = conn.Within(ctx, e.timeouts.dial, func() error {
		options := &imapclient.Options{TLSConfig: s.tlsConfig, UnilateralDataHandler: &imapclient.UnilateralDataHandler{
			Mailbox: func(d *imapclient.UnilateralDataMailbox) {
				if d.NumMessages != nil {
					c.nudge()
				}
			},
		}}
		if s.tls != tlsStart {
			c.client = imapclient.New(conn, options)
			return c.client.WaitGreeting()
		}
		var err error
		c.client, err = imapclient.NewStartTLS(conn, options)
		return err
	})
	if err != nil {
		c.close()
		return nil, imapTrouble("", err)
	}
	if err := c.login(ctx, s, token); err != nil {
		c.close()
		if token != "" && stale == "" && connectors.Classify(err).Class == connectors.AccountDown {
			return nil, &refusedToken{token, err}
		}
		return nil, err
	}
	if e.profile.identifies {
		if err := c.identify(ctx); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// identify says which program this is (RFC 2971).
func (c *imapConn) identify(ctx context.Context) error {
	err := c.do(ctx, func() error {
		_, err := c.client.ID(&imap.IDData{Name: "deskbridge", Version: "1", Vendor: "deskbridge"}).Wait()
		return err
	})
	if err != nil {
		return imapTrouble("id", err)
	}
	return nil
}

// accessToken returns "" where the login is by password.
func (s server) accessToken(ctx context.Context, stale string) (string, error) {
	if s.oauth == nil {
		return "", nil
	}
	return s.oauth.AccessToken(ctx, stale)
}

// login picks the mechanism from what the server offers.
func (c *imapConn) login(ctx context.Context, s server, token string) error {
	if c.client.State() == imap.ConnStateAuthenticated {
		return nil // PREAUTH
	}
	err := c.do(ctx, func() error {
		caps := c.client.Caps()
		switch {
		case token != "" && !caps.Has(imap.AuthCap("XOAUTH2")) && caps.Has(imap.AuthCap(sasl.OAuthBearer)):
			return c.client.Authenticate(kit.OAUTHBEARER(s.username, token))
		case token != "":
			return c.client.Authenticate(kit.XOAUTH2(s.username, token))
		case caps.Has(imap.AuthCap(sasl.Plain)):
			return c.client.Authenticate(sasl.NewPlainClient("", s.username, s.password.Reveal()))
		case caps.Has(imap.CapLoginDisabled):
			return connectors.Errorf(connectors.AccountDown, "LOGINDISABLED", "the IMAP server takes no password without encryption; set imap.tls to implicit or starttls")
		}
		return c.client.Login(s.username, s.password.Reveal()).Wait()
	})
	if err == nil {
		return nil
	}
	var refused *kit.SASLRefused
	var status *imap.Error
	switch {
	case errors.As(err, &refused):
		return connectors.Errorf(connectors.AccountDown, refused.Status, "the IMAP server refused the login of %s: %w", s.username, err)
	case errors.As(err, &status) && status.Type == imap.StatusResponseTypeNo:
		switch status.Code {
		case imap.ResponseCodeUnavailable, imap.ResponseCodeInUse, imap.ResponseCodeLimit, imap.ResponseCodeServerBug:
		default:
			return connectors.Errorf(connectors.AccountDown, string(status.Code), "the IMAP server refused the login of %s: %s%s", s.username, status.Text, s.hint)
		}
	}
	return imapTrouble("login", err)
}

// do runs one command within the usual time.
func (c *imapConn) do(ctx context.Context, f func() error) error {
	return c.conn.Within(ctx, c.limits.command, f)
}

func (c *imapConn) nudge() {
	select {
	case c.news <- struct{}{}:
	default:
	}
}

// forget takes back a nudge that is covered by what is asked next.
func (c *imapConn) forget() {
	select {
	case <-c.news:
	default:
	}
}

// idle lets the server announce news (RFC 2177) until it does or time is up.
func (c *imapConn) idle(ctx context.Context, until <-chan time.Time) error {
	var cmd *imapclient.IdleCommand
	err := c.do(ctx, func() (err error) {
		cmd, err = c.client.Idle()
		return err
	})
	if err != nil {
		return imapTrouble("idle", err)
	}
	select {
	case <-c.news:
	case <-until:
	case <-c.client.Closed():
		return transient(errConnectionLost)
	case <-ctx.Done():
	}
	err = c.do(ctx, func() error {
		if err := cmd.Close(); err != nil {
			return err
		}
		return cmd.Wait()
	})
	if err != nil {
		return imapTrouble("idle", err)
	}
	return nil
}

// close ends the connection and waits until its goroutines are gone.
func (c *imapConn) close() {
	_ = c.conn.Close()
	if c.client != nil {
		_ = c.client.Close()
	}
}

// logout says goodbye, if the server cares to listen.
func (c *imapConn) logout(ctx context.Context) {
	_ = c.conn.Within(ctx, c.limits.dial, func() error { return c.client.Logout().Wait() })
	c.close()
}

// examine opens a mailbox read-only, so that nothing done with it sets a flag.
func (c *imapConn) examine(ctx context.Context, mailbox string) (*imap.SelectData, error) {
	return c.selectMailbox(ctx, mailbox, true)
}

func (c *imapConn) selectMailbox(ctx context.Context, mailbox string, readOnly bool) (data *imap.SelectData, err error) {
	err = c.do(ctx, func() error {
		data, err = c.client.Select(mailbox, &imap.SelectOptions{ReadOnly: readOnly}).Wait()
		return err
	})
	if err != nil {
		return nil, imapTrouble("mailbox "+mailbox, err)
	}
	return data, nil
}

// search returns the UIDs that match, as the server's ranges.
func (c *imapConn) search(ctx context.Context, criteria *imap.SearchCriteria) (set imap.UIDSet, err error) {
	err = c.do(ctx, func() error {
		data, err := c.client.UIDSearch(criteria, nil).Wait()
		if err != nil {
			return err
		}
		set, _ = data.All.(imap.UIDSet)
		return nil
	})
	if err != nil {
		return nil, imapTrouble("search", err)
	}
	return set, nil
}

// imapTrouble gives an error its class. Whatever the server said, we have not
// changed anything, so the worst is that it has to be tried again.
func imapTrouble(what string, err error) error {
	if _, known := errors.AsType[*connectors.Error](err); known {
		return err
	}
	var status *imap.Error
	if !errors.As(err, &status) {
		if hungUp(err) {
			err = errConnectionLost
		}
		if what != "" {
			err = fmt.Errorf("%s: %w", what, err)
		}
		return transient(err)
	}
	class := connectors.Transient
	switch status.Code {
	case imap.ResponseCodeNonExistent, imap.ResponseCodeNoPerm, imap.ResponseCodeOverQuota:
		class = connectors.AccountDown
	}
	detail := strings.TrimPrefix(what+": the IMAP server says "+text.Truncate(status.Text, 300), ": ")
	return &connectors.Error{Class: class, Code: string(status.Code), Detail: detail, Err: err}
}

// hungUp reports whether the other side ended the connection.
func hungUp(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

func transient(err error) error {
	return connectors.Errorf(connectors.Transient, "", "%w", err)
}
