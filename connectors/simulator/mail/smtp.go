package mail

import (
	"bytes"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

func (s *Server) newSMTP(o Options) *smtp.Server {
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &smtpSession{server: s, conn: c}, nil
	}))
	srv.Domain = o.Host
	srv.MaxMessageBytes = o.MaxMessage
	srv.MaxRecipients = 100
	srv.AllowInsecureAuth = true // loopback only
	srv.EnableDSN = true
	srv.EnableSMTPUTF8 = true
	srv.ReadTimeout = 5 * time.Minute
	srv.WriteTimeout = 30 * time.Second
	srv.ErrorLog = quiet
	return srv
}

// envelope is one SMTP transaction.
type envelope struct {
	helo, from, id string
	options        smtp.MailOptions
	recipients     []recipient
	authenticated  bool
}

type recipient struct {
	address string
	options smtp.RcptOptions
	account *account
}

// smtpSession is one SMTP connection. The library calls it from one goroutine.
type smtpSession struct {
	server *Server
	conn   *smtp.Conn
	user   *account // who logged in
	envelope
}

func (s *smtpSession) AuthMechanisms() []string { return mechanisms }

func (s *smtpSession) Auth(mechanism string) (sasl.Server, error) {
	srv, err := s.server.authenticate(SMTP, mechanism, smtp.ErrAuthFailed, func(a *account) { s.user = a })
	if err != nil {
		return nil, smtp.ErrAuthUnknownMechanism
	}
	return srv, nil
}

func (s *smtpSession) Mail(from string, o *smtp.MailOptions) error {
	owner := s.server.account(from)
	switch {
	case owner != nil && s.user == nil:
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	case s.user != nil && (owner == nil || owner.Address != s.user.Address):
		return &smtp.SMTPError{Code: 553, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "Sender address is not owned by " + s.user.Address}
	}
	s.envelope = envelope{helo: s.conn.Hostname(), from: from, options: *o, authenticated: s.user != nil}
	return nil
}

func (s *smtpSession) Rcpt(to string, o *smtp.RcptOptions) error {
	refuse := func(e *smtp.SMTPError) error {
		s.server.count(func(c *Counts) { c.RecipientsRefused++ })
		return e
	}
	if f := s.server.strike(RefuseRecipient, SMTP, to); f != nil {
		return refuse(f.reply())
	}
	a := s.server.account(to)
	if a == nil {
		return refuse(&smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user here"})
	}
	s.recipients = append(s.recipients, recipient{address: to, options: *o, account: a})
	return nil
}

func (s *smtpSession) Data(r io.Reader) error {
	if s.server.strike(CutBody, SMTP, "") != nil {
		_, _ = io.CopyN(io.Discard, r, 64)
		return s.conn.Conn().Close()
	}
	if f := s.server.strike(SlowBody, SMTP, ""); f != nil {
		r = &slowReader{r: r, server: s.server, pause: f.Pause}
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if f := s.server.strike(RefuseMessage, SMTP, ""); f != nil {
		return f.reply()
	}
	cut, hang := s.server.strike(CutAfterDot, SMTP, ""), (*Fault)(nil)
	if cut == nil {
		hang = s.server.strike(HangAfterDot, SMTP, "")
	}
	if (cut == nil || !cut.Lose) && (hang == nil || !hang.Lose) {
		s.id = s.server.nextID()
		s.server.accept(&s.envelope, s.user, raw)
	}
	switch {
	case cut != nil:
		return s.conn.Conn().Close()
	case hang != nil:
		_, _ = io.Copy(io.Discard, s.conn.Conn()) // returns when the client has gone or the server closes
		return s.conn.Conn().Close()
	}
	// The library answers an error as it is told, whatever its code is.
	return &smtp.SMTPError{Code: 250, EnhancedCode: smtp.EnhancedCode{2, 0, 0}, Message: "Ok: queued as " + s.id}
}

func (s *smtpSession) Reset()        { s.envelope = envelope{} }
func (s *smtpSession) Logout() error { return nil }

// slowReader reads a KiB at a time, with a pause before each.
type slowReader struct {
	r      io.Reader
	server *Server
	pause  time.Duration
}

func (s *slowReader) Read(b []byte) (int, error) {
	if !s.server.pause(s.pause) {
		return 0, io.ErrUnexpectedEOF
	}
	return s.r.Read(b[:min(len(b), 1024)])
}

// crlf gives every line the ending that mail has on the wire.
func crlf(raw []byte) []byte {
	raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))
}

// header returns the unfolded value of a header field, "" for none.
func header(raw []byte, name string) string {
	block, _, _ := bytes.Cut(crlf(raw), []byte("\r\n\r\n"))
	unfolded := strings.NewReplacer("\r\n ", " ", "\r\n\t", " ").Replace(string(block))
	for line := range strings.SplitSeq(unfolded, "\r\n") {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(key, name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
