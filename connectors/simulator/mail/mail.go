// Package mail is a mail system in one process: an SMTP server that takes mail
// and delivers it, an IMAP server that shows it, and the mailboxes between the
// two in memory. The demo runs on it, and tests use it to let a mail server
// misbehave in ways that a real one does not offer.
//
// It keeps the rules of the real ones: a mailbox gets Return-Path,
// Delivered-To and Received on top (RFC 5321, 4.4), a sender that is one of
// its users must have logged in, unknown users are refused, and what cannot be
// delivered later on comes back as a report (RFC 3464) to the envelope sender.
package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-smtp"
)

// Options of a server. The zero value is usable.
type Options struct {
	// Host is the name that the server gives itself; mail.example where empty.
	Host string
	// MaxMessage is the largest mail that is taken, in bytes; 25 MiB where 0.
	MaxMessage int64
	// Now is the clock by which mails arrive; the machine's where nil.
	Now func() time.Time
}

// User is one mailbox owner.
type User struct {
	// Address is the user's e-mail address and login name.
	Address string
	// Password logs in by PLAIN, LOGIN and the IMAP LOGIN command.
	Password string
	// Token logs in by XOAUTH2; empty switches that off.
	Token string
	// CopySent: what the user submits is filed into Sent, as some providers do.
	CopySent bool
}

// Server is a running mail system on two loopback ports.
type Server struct {
	host string
	now  func() time.Time
	smtp *smtp.Server
	imap *imapserver.Server

	smtpAddr, imapAddr string

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu       sync.Mutex
	accounts map[string]*account
	conns    map[*conn]struct{}
	faults   []*Fault
	arrived  []Mail
	news     chan struct{} // closed and replaced at each arrival
	counts   Counts
	serial   int
}

// Counts tells what the server has seen since its start.
type Counts struct {
	SMTPConnections, IMAPConnections int
	Logins, LoginsRefused            int
	Taken                            int // messages answered with 250, or taken over and cut off by a fault
	Delivered                        int // copies put into an INBOX
	RecipientsRefused                int
	Reports                          int // delivery status notifications made
	Appended                         int // messages filed by IMAP clients
	Faults                           int // faults that struck
}

// Start opens both ports on 127.0.0.1. Close ends the server.
func Start(o Options) (*Server, error) {
	if o.Host == "" {
		o.Host = "mail.example"
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = 25 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{
		host: o.Host, now: o.Now, ctx: ctx, stop: stop,
		accounts: map[string]*account{}, conns: map[*conn]struct{}{}, news: make(chan struct{}),
	}
	s.smtp = s.newSMTP(o)
	s.imap = s.newIMAP()

	var lc net.ListenConfig
	smtpLn, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		stop()
		return nil, fmt.Errorf("listen for SMTP: %w", err)
	}
	imapLn, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		stop()
		return nil, errors.Join(fmt.Errorf("listen for IMAP: %w", err), smtpLn.Close())
	}
	s.smtpAddr, s.imapAddr = smtpLn.Addr().String(), imapLn.Addr().String()
	forSMTP, forIMAP := newListener(smtpLn, s, SMTP), newListener(imapLn, s, IMAP)
	s.wg.Go(func() { _ = s.smtp.Serve(forSMTP) })
	s.wg.Go(func() { _ = s.imap.Serve(forIMAP) })
	// Neither library can be closed while its Serve is still on the way in.
	<-forSMTP.serving
	<-forIMAP.serving
	return s, nil
}

// SMTPAddr is the host:port of the SMTP server.
func (s *Server) SMTPAddr() string { return s.smtpAddr }

// IMAPAddr is the host:port of the IMAP server.
func (s *Server) IMAPAddr() string { return s.imapAddr }

// Close ends both servers and every connection. Reports that are still due are
// not sent.
func (s *Server) Close() error {
	s.mu.Lock()
	s.stop()
	s.mu.Unlock()
	err := errors.Join(s.smtp.Close(), s.imap.Close())
	s.disconnect("")
	s.wg.Wait()
	return err
}

// AddUser makes a user with an empty INBOX, Sent, Drafts, Junk and Trash. A
// user who exists keeps the mail and gets the new password and token.
func (s *Server) AddUser(u User) {
	u.Address = strings.ToLower(u.Address)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.accounts[u.Address]; old != nil {
		s.accounts[u.Address] = &account{User: u, mailboxes: old.mailboxes}
		return
	}
	s.accounts[u.Address] = &account{User: u, mailboxes: newMailboxes(u.Address)}
}

// account finds the user whose mail goes to address, with or without a
// +detail, nil for none.
func (s *Server) account(address string) *account {
	address = strings.ToLower(address)
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.accounts[address]; a != nil {
		return a
	}
	local, domain, _ := strings.Cut(address, "@")
	base, _, _ := strings.Cut(local, "+")
	return s.accounts[base+"@"+domain]
}

// Counts returns the counters.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

func (s *Server) count(f func(*Counts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.counts)
}

// start runs f beside the servers, unless they are closing. Close waits for it.
func (s *Server) start(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	s.wg.Go(f)
	return true
}

// pause waits for d, or until the server closes, which it reports as false.
func (s *Server) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// quiet drops what the libraries log: connections that break are the rule here.
var quiet = log.New(io.Discard, "", 0)
