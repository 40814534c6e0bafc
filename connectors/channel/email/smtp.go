package email

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/kit"
)

// smtpConn is a logged-in connection for one transaction.
type smtpConn struct {
	conn   *kit.Conn
	client *smtp.Client
	limits timeouts
}

// dialSMTP connects and logs in. A refused access token is renewed once.
func (e *Email) dialSMTP(ctx context.Context) (*smtpConn, error) {
	c, err := e.trySMTP(ctx, "")
	if refused, ok := errors.AsType[*refusedToken](err); ok {
		c, err = e.trySMTP(ctx, refused.token)
	}
	return c, err
}

func (e *Email) trySMTP(ctx context.Context, stale string) (*smtpConn, error) {
	s := e.smtp
	token, err := s.accessToken(ctx, stale)
	if err != nil {
		return nil, err
	}
	implicit := s.tlsConfig
	if s.tls != tlsImplicit {
		implicit = nil
	}
	conn, err := kit.Dial(ctx, s.addr(), implicit, e.timeouts.dial)
	if err != nil {
		return nil, transient(err)
	}
	conn.WriteTimeout = e.timeouts.stall
	c := &smtpConn{conn: conn, limits: e.timeouts}
	err = conn.Within(ctx, e.timeouts.dial, func() (err error) {
		if s.tls == tlsStart {
			if c.client, err = smtp.NewClientStartTLS(conn, s.tlsConfig); err != nil {
				return err
			}
		} else {
			c.client = smtp.NewClient(conn)
		}
		return c.client.Hello(helloName())
	})
	if err != nil {
		c.close()
		return nil, smtpTrouble("greeting", err)
	}
	if err := c.login(ctx, s, token); err != nil {
		c.close()
		if token != "" && stale == "" && connectors.Classify(err).Class == connectors.AccountDown {
			return nil, &refusedToken{token, err}
		}
		return nil, err
	}
	return c, nil
}

// helloName is this machine's name, where it is one that can be said.
func helloName() string {
	name, err := os.Hostname()
	if err != nil || name == "" || strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
		return "localhost"
	}
	return name
}

// login picks the mechanism from what the server offers. Without a password
// and tokens there is no login: a relay that knows us by our address.
func (c *smtpConn) login(ctx context.Context, s server, token string) error {
	if token == "" && s.password == "" {
		return nil
	}
	_, offered := c.client.Extension("AUTH")
	has := func(mechanism string) bool {
		for m := range strings.FieldsSeq(offered) {
			if strings.EqualFold(m, mechanism) {
				return true
			}
		}
		return false
	}
	var mechanism sasl.Client
	switch {
	case token != "" && has(sasl.OAuthBearer) && !has("XOAUTH2"):
		mechanism = kit.OAUTHBEARER(s.username, token)
	case token != "" && has("XOAUTH2"):
		mechanism = kit.XOAUTH2(s.username, token)
	case token == "" && has(sasl.Plain):
		mechanism = sasl.NewPlainClient("", s.username, s.password.Reveal())
	case token == "" && has(sasl.Login):
		mechanism = sasl.NewLoginClient(s.username, s.password.Reveal())
	default:
		return connectors.Errorf(connectors.AccountDown, "", "the SMTP server offers no login that fits (AUTH %s); check smtp.tls and smtp.port", offered)
	}
	err := c.do(ctx, func() error { return c.client.Auth(mechanism) })
	if refused, ok := errors.AsType[*kit.SASLRefused](err); ok {
		return connectors.Errorf(connectors.AccountDown, refused.Status, "the SMTP server refused the login of %s: %w", s.username, err)
	}
	if status, ok := errors.AsType[*smtp.SMTPError](err); ok && status.Code >= 500 {
		return connectors.Errorf(connectors.AccountDown, smtpCode(status), "the SMTP server refused the login of %s: %s%s", s.username, status.Message, s.hint)
	}
	if err != nil {
		return smtpTrouble("login", err)
	}
	return nil
}

// do runs one command within the usual time.
func (c *smtpConn) do(ctx context.Context, f func() error) error {
	return c.conn.Within(ctx, c.limits.command, f)
}

func (c *smtpConn) close() { _ = c.conn.Close() }

// quit says goodbye. The transaction is over, so nothing depends on it.
func (c *smtpConn) quit(ctx context.Context) {
	_ = c.conn.Within(ctx, time.Second, c.client.Quit)
	c.close()
}
