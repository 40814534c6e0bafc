package testenv

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// NextHop is a mail server behind the MTA: the one of another company, played
// by the test. What it takes is in the recipient's INBOX.
type NextHop struct {
	imap *IMAP

	mu    sync.Mutex
	reply *smtp.SMTPError
	asked int
}

// Via lets mail for the recipients take the way by a further server. Answer
// what it is to say before mail is on its way.
func (m *MTA) Via(recipients ...string) *NextHop {
	m.t.Helper()
	h := &NextHop{imap: m.imap}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		m.t.Fatal(err)
	}
	server := smtp.NewServer(h)
	server.Domain, server.ReadTimeout, server.WriteTimeout = "mx.customers.test", deadline, deadline
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	m.t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			m.t.Error(err)
		}
	})
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		m.t.Fatal(err)
	}
	for _, to := range recipients {
		m.set(transportTable, to, "smtp:[127.0.0.1]:"+port)
	}
	return h
}

// Answer makes the server answer RCPT TO with a code and words from now on,
// such as 450 and "mailbox busy"; a code of 0 takes the mail.
func (h *NextHop) Answer(code int, enhanced smtp.EnhancedCode, words string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.reply = nil; code != 0 {
		h.reply = &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: words}
	}
}

// Asked returns how many recipients the server was asked to take.
func (h *NextHop) Asked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked
}

// NewSession implements smtp.Backend.
func (h *NextHop) NewSession(*smtp.Conn) (smtp.Session, error) { return &hopSession{hop: h}, nil }

type hopSession struct {
	hop *NextHop
	to  []string
}

func (s *hopSession) Mail(string, *smtp.MailOptions) error { return nil }

func (s *hopSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.hop.mu.Lock()
	defer s.hop.mu.Unlock()
	s.hop.asked++
	if s.hop.reply != nil {
		return s.hop.reply
	}
	s.to = append(s.to, to)
	return nil
}

func (s *hopSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	for _, to := range s.to {
		if err := s.hop.imap.deliver(to, "INBOX", raw, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

func (s *hopSession) Reset()        { s.to = nil }
func (s *hopSession) Logout() error { return nil }
