package mail

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// Mail is one message in a mailbox.
type Mail struct {
	User    string // whose mailbox
	Mailbox string
	UID     uint32
	From    string // the envelope sender; "" for reports and mail that was filed
	Raw     []byte // as an IMAP client gets it; not to be changed
	At      time.Time
}

// Header returns the unfolded value of a field of the mail, "" for none.
func (m Mail) Header(name string) string { return header(m.Raw, name) }

// MessageID is the Message-ID without its brackets.
func (m Mail) MessageID() string { return strings.Trim(m.Header("Message-ID"), "<>") }

// nextID makes the queue id of a message.
func (s *Server) nextID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return fmt.Sprintf("%08X", 0x40000000+s.serial)
}

// accept takes a submitted message over: into the mailboxes of its recipients,
// into Sent where the provider does that, and into the reports that are due.
func (s *Server) accept(e *envelope, sender *account, raw []byte) {
	raw = crlf(raw)
	for _, r := range e.recipients {
		if f := s.strike(Bounce, SMTP, r.address); f != nil {
			s.report(f.Pause, e, r, raw, failed(f))
			continue
		}
		s.put(r.account, inbox, s.traced(e, r.address, raw), e.from)
		s.report(0, e, r, raw, delivered)
	}
	if sender != nil && sender.CopySent {
		s.put(sender, "Sent", raw, "", imap.FlagSeen)
	}
	s.count(func(c *Counts) { c.Taken++ })
}

// Deliver puts a message into the INBOX of a user, as if another mail server
// had brought it. The envelope sender is that of its Return-Path field, nobody
// where there is none. Line ends may be bare LF.
func (s *Server) Deliver(user string, raw []byte) error {
	a := s.account(user)
	if a == nil {
		return fmt.Errorf("there is no user %s", user)
	}
	raw = crlf(raw)
	from := strings.Trim(header(raw, "Return-Path"), "<>")
	e := &envelope{helo: "elsewhere.example", from: from, id: s.nextID()}
	s.put(a, inbox, s.traced(e, user, raw), from)
	return nil
}

// traced adds the trace fields of a final delivery (RFC 5321, 4.4). There is
// one Return-Path, and what the message brought along is none.
func (s *Server) traced(e *envelope, to string, raw []byte) []byte {
	with := "ESMTP"
	if e.authenticated {
		with = "ESMTPA" // RFC 3848
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "Return-Path: <%s>\r\nDelivered-To: %s\r\n", e.from, to)
	fmt.Fprintf(&b, "Received: from %s ([127.0.0.1])\r\n\tby %s with %s id %s\r\n\tfor <%s>; %s\r\n",
		e.helo, s.host, with, e.id, to, s.now().Format(time.RFC1123Z))
	b.Write(withoutReturnPath(raw))
	return b.Bytes()
}

func withoutReturnPath(raw []byte) []byte {
	head, body, found := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !found {
		return raw
	}
	var kept [][]byte
	drop := false
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if folded := len(line) > 0 && (line[0] == ' ' || line[0] == '\t'); !folded {
			name, _, _ := bytes.Cut(line, []byte(":"))
			drop = bytes.EqualFold(bytes.TrimSpace(name), []byte("Return-Path"))
		}
		if !drop {
			kept = append(kept, line)
		}
	}
	return slices.Concat(bytes.Join(kept, []byte("\r\n")), []byte("\r\n\r\n"), body)
}

// put stores a message; in an INBOX it is an arrival.
func (s *Server) put(a *account, mailbox string, raw []byte, from string, flags ...imap.Flag) {
	_, m, err := a.store(mailbox, raw, from, &imap.AppendOptions{Flags: flags, Time: s.now()})
	if err != nil {
		return // the user deleted the mailbox
	}
	if mailbox != inbox {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Delivered++
	s.arrived = append(s.arrived, m)
	close(s.news)
	s.news = make(chan struct{})
}

// Arrivals returns everything that is delivered into an INBOX, from the start
// of the server on, in order. The channel is closed when ctx or the server ends.
func (s *Server) Arrivals(ctx context.Context) <-chan Mail {
	out := make(chan Mail)
	started := s.start(func() {
		defer close(out)
		for next := 0; ; {
			s.mu.Lock()
			fresh, news := s.arrived[next:], s.news
			s.mu.Unlock()
			for _, m := range fresh {
				select {
				case out <- m:
				case <-ctx.Done():
					return
				case <-s.ctx.Done():
					return
				}
			}
			if next += len(fresh); len(fresh) > 0 {
				continue
			}
			select {
			case <-news:
			case <-ctx.Done():
				return
			case <-s.ctx.Done():
				return
			}
		}
	})
	if !started {
		close(out)
	}
	return out
}
