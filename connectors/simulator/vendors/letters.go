package vendors

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	message "github.com/emersion/go-message/mail"

	"github.com/deskbridge/deskbridge/connectors/simulator/mail"
)

// openMail opens a mail system with the desk's mailbox on it, which keeps what
// it sends. Customers get their mail there, too.
func openMail(_ Options, name string) (*Line, error) {
	const domain, password = "mail.town.example", "town"
	const desk = "desk@" + domain
	s, err := mail.Start(mail.Options{Host: domain})
	if err != nil {
		return nil, err
	}
	s.AddUser(mail.User{Address: desk, Password: password, CopySent: true})
	imapHost, imapPort, err1 := net.SplitHostPort(s.IMAPAddr())
	smtpHost, smtpPort, err2 := net.SplitHostPort(s.SMTPAddr())
	if err := errors.Join(err1, err2); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	var count, twice atomic.Int64
	var customers sync.Map // those who have a mailbox
	address := func(i int) string { return fmt.Sprintf("customer%d@%s", i, domain) }
	// deliver brings a mail with content, its headers first.
	deliver := func(i int, content string) error {
		if _, known := customers.LoadOrStore(i, true); !known {
			s.AddUser(mail.User{Address: address(i), Password: password})
		}
		n := count.Add(1)
		raw := fmt.Appendf(nil, "Return-Path: <%s>\nFrom: Customer %d <%s>\nTo: %s\nDate: %s\nSubject: Question %d\nMessage-ID: <%d.%d@%s>\nMIME-Version: 1.0\n%s\n",
			address(i), i, address(i), desk, time.Now().Format(time.RFC1123Z), n, n, time.Now().UnixNano(), domain, content)
		if twice.Swap(0) > 0 {
			if err := s.Deliver(desk, raw); err != nil {
				return err
			}
		}
		return s.Deliver(desk, raw)
	}
	return &Line{
		Name: name,
		Config: fmt.Sprintf("address: %s, imap: {host: %s, port: %s, tls: none, password: %s, poll_interval: 1s}, smtp: {host: %s, port: %s, tls: none, password: %s}",
			desk, imapHost, imapPort, password, smtpHost, smtpPort, password),
		Address: func(i int) (string, string) { return "email", address(i) },
		Write: func(_ context.Context, i int, text string) error {
			return deliver(i, "Content-Type: text/plain; charset=utf-8\n\n"+text)
		},
		Show: func(_ context.Context, i int, jpeg []byte) error {
			return deliver(i, "Content-Type: image/jpeg; name=photo.jpg\nContent-Transfer-Encoding: base64\n\n"+folded(jpeg))
		},
		Got: func() (list []Got) {
			customers.Range(func(key, _ any) bool {
				i, _ := key.(int)
				for _, m := range s.Inbox(address(i)) {
					words, file := read(m.Raw)
					list = append(list, Got{Customer: i, Text: words, At: m.At, File: file})
				}
				return true
			})
			return list
		},
		Troubles: map[Trouble]func(){
			Throttle: func() { s.Break(mail.Fault{Kind: mail.RefuseRecipient, Code: 450, Times: 1}) },
			Fail:     func() { s.Break(mail.Fault{Kind: mail.CutAfterDot, Lose: true, Times: 1}) },
			Lose:     func() { s.Break(mail.Fault{Kind: mail.CutAfterDot, Times: 1}) },
			Repeat:   func() { twice.Store(1) },
		},
		Calm:  s.Heal,
		close: s.Close,
	}, nil
}

// folded writes a file as mail does.
func folded(b []byte) string {
	var lines strings.Builder
	for s := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(b)), 76) {
		lines.Write(s)
		lines.WriteByte('\n')
	}
	return lines.String()
}

// read returns the plain text of a mail, or all of it where nobody can read it,
// and its file.
func read(raw []byte) (words string, file []byte) {
	r, err := message.CreateReader(bytes.NewReader(raw))
	if err != nil {
		return string(raw), nil
	}
	defer func() { _ = r.Close() }()
	for {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return words, file
		}
		if err != nil {
			return string(raw), nil
		}
		b, err := io.ReadAll(p.Body)
		if err != nil {
			return string(raw), nil
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		_, attached := p.Header.(*message.AttachmentHeader)
		switch {
		case kind == "text/plain" && !attached:
			words = strings.TrimSpace(strings.ReplaceAll(string(b), "\r\n", "\n"))
		case attached || strings.HasPrefix(kind, "image/"):
			file = b
		}
	}
}
