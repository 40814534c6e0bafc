package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	desk = "support@shop.example"
	anna = "anna@post.example"
)

// start runs a server with the users desk and anna, password "pw".
func start(t *testing.T) *Server {
	t.Helper()
	s, err := Start(Options{MaxMessage: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	s.AddUser(User{Address: desk, Password: "pw", Token: "tok"})
	s.AddUser(User{Address: anna, Password: "pw"})
	return s
}

func smtpClient(t *testing.T, s *Server, auth sasl.Client) *smtp.Client {
	t.Helper()
	c, err := smtp.Dial(s.SMTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.CommandTimeout, c.SubmissionTimeout = 5*time.Second, 5*time.Second
	if auth != nil {
		if err := c.Auth(auth); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func plain(user string) sasl.Client { return sasl.NewPlainClient("", user, "pw") }

func imapClient(t *testing.T, s *Server, o *imapclient.Options) *imapclient.Client {
	t.Helper()
	c, err := imapclient.DialInsecure(s.IMAPAddr(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Login(desk, "pw").Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

func message(from, to, id string) string {
	return fmt.Sprintf("Return-Path: <forged@evil.example>\r\nFrom: %s\r\nTo: %s\r\nMessage-ID: <%s>\r\nSubject: Hello\r\n\r\nHello\r\n.dot\r\n", from, to, id)
}

// write sends one mail from anna to the desk.
func write(t *testing.T, s *Server, id string) error {
	t.Helper()
	return smtpClient(t, s, plain(anna)).SendMail(anna, []string{desk}, strings.NewReader(message(anna, desk, id)))
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("did not happen in a minute: " + what)
		}
	}
}

func TestMailSentIsReadByIMAPWithItsTrace(t *testing.T) {
	s := start(t)
	exists := make(chan uint32, 8)
	c := imapClient(t, s, &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(d *imapclient.UnilateralDataMailbox) {
			if d.NumMessages != nil {
				exists <- *d.NumMessages
			}
		},
	}})
	if _, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		t.Fatal(err)
	}
	idle, err := c.Idle()
	if err != nil {
		t.Fatal(err)
	}
	if err := write(t, s, "1@post.example"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-exists:
	case <-time.After(time.Minute):
		t.Fatal("IDLE did not announce the mail")
	}
	if err := idle.Close(); err != nil {
		t.Fatal(err)
	}

	found, err := c.UIDSearch(&imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "Message-ID", Value: "<1@post.example>"}}}, nil).Wait()
	if err != nil || len(found.AllUIDs()) != 1 {
		t.Fatalf("search by Message-ID: %v %v", found, err)
	}
	section := &imap.FetchItemBodySection{Peek: true}
	got, err := c.Fetch(imap.UIDSetNum(found.AllUIDs()...), &imap.FetchOptions{UID: true, Flags: true, BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	if err != nil || len(got) != 1 {
		t.Fatalf("fetch: %v %v", got, err)
	}
	raw := string(got[0].FindBodySection(section))
	if !strings.HasPrefix(raw, "Return-Path: <anna@post.example>\r\nDelivered-To: support@shop.example\r\nReceived: from ") {
		t.Errorf("trace fields:\n%s", raw)
	}
	if strings.Contains(raw, "forged") {
		t.Error("the Return-Path that the sender brought along is still there")
	}
	if !strings.HasSuffix(raw, "\r\n\r\nHello\r\n.dot\r\n") {
		t.Errorf("body is not as sent: %q", raw)
	}
	if len(got[0].Flags) != 0 {
		t.Errorf("flags after a peek: %v", got[0].Flags)
	}
	if mails := s.Inbox(desk); len(mails) != 1 || string(mails[0].Raw) != raw || mails[0].From != anna {
		t.Errorf("Inbox shows something else than IMAP: %+v", mails)
	}
}

func TestSpecialUseAppendAndExpunge(t *testing.T) {
	s := start(t)
	c := imapClient(t, s, nil)
	list, err := c.List("", "*", &imap.ListOptions{ReturnSpecialUse: true}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	sent := ""
	for _, l := range list {
		for _, a := range l.Attrs {
			if a == imap.MailboxAttrSent {
				sent = l.Mailbox
			}
		}
	}
	if sent != "Sent" {
		t.Fatalf("no \\Sent in %v", list)
	}
	raw := message(desk, anna, "2@shop.example")
	w := c.Append(sent, int64(len(raw)), &imap.AppendOptions{Flags: []imap.Flag{imap.FlagSeen}})
	if _, err := io.WriteString(w, raw); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := w.Wait()
	if err != nil || data.UID == 0 || data.UIDValidity == 0 {
		t.Fatalf("APPENDUID: %+v %v", data, err)
	}
	if got := s.Mailbox(desk, sent); len(got) != 1 || string(got[0].Raw) != raw {
		t.Fatalf("Sent holds %v", got)
	}
	if _, err := c.Select(sent, nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Copy(imap.UIDSetNum(data.UID), "Trash").Wait(); err != nil {
		t.Fatal(err)
	}
	if err := c.Store(imap.UIDSetNum(data.UID), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.UIDExpunge(imap.UIDSetNum(data.UID)).Close(); err != nil {
		t.Fatal(err)
	}
	if len(s.Mailbox(desk, sent)) != 0 || len(s.Mailbox(desk, "Trash")) != 1 {
		t.Errorf("after copy and expunge: %d in Sent, %d in Trash", len(s.Mailbox(desk, sent)), len(s.Mailbox(desk, "Trash")))
	}
}

func TestLoginsAreChecked(t *testing.T) {
	for _, tc := range []struct {
		name string
		auth sasl.Client
		ok   bool
	}{
		{"PLAIN", plain(desk), true},
		{"PLAIN with a wrong password", sasl.NewPlainClient("", desk, "no"), false},
		{"LOGIN", sasl.NewLoginClient(desk, "pw"), true},
		{"LOGIN with a wrong password", sasl.NewLoginClient(desk, "no"), false},
		{"XOAUTH2", &xoauth2Client{desk, "tok"}, true},
		{"XOAUTH2 with a stale token", &xoauth2Client{desk, "old"}, false},
		{"XOAUTH2 for a user without a token", &xoauth2Client{anna, ""}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			if err := smtpClient(t, s, nil).Auth(tc.auth); (err == nil) != tc.ok {
				t.Errorf("SMTP: %v", err)
			}
			c, err := imapclient.DialInsecure(s.IMAPAddr(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.Authenticate(tc.auth); (err == nil) != tc.ok {
				t.Errorf("IMAP: %v", err)
			}
			if n := s.Counts(); tc.ok && n.Logins != 2 || !tc.ok && n.LoginsRefused != 2 {
				t.Errorf("counts: %+v", n)
			}
		})
	}
}

// xoauth2Client answers the challenge that explains a refusal by giving up.
type xoauth2Client struct{ user, token string }

func (x *xoauth2Client) Start() (string, []byte, error) {
	return "XOAUTH2", []byte("user=" + x.user + "\x01auth=Bearer " + x.token + "\x01\x01"), nil
}

func (x *xoauth2Client) Next(challenge []byte) ([]byte, error) {
	return nil, fmt.Errorf("refused: %s", challenge)
}

func TestWhoMaySendWhat(t *testing.T) {
	for _, tc := range []struct {
		name, from, to string
		auth           sasl.Client
		want           int // SMTP code
	}{
		{"a stranger writes to a user", "x@far.example", desk, nil, 0},
		{"a detail after a plus", "x@far.example", "support+t0k@shop.example", nil, 0},
		{"nobody, as reports do", "", desk, nil, 0},
		{"a user who has not logged in", anna, desk, nil, 530},
		{"a user in the name of another", anna, desk, plain(desk), 553},
		{"an unknown user", "x@far.example", "nobody@shop.example", nil, 550},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			err := smtpClient(t, s, tc.auth).SendMail(tc.from, []string{tc.to}, strings.NewReader(message(tc.from, tc.to, "3@x")))
			if tc.want == 0 {
				if err != nil || len(s.Inbox(desk)) != 1 {
					t.Fatalf("%v; %d mails", err, len(s.Inbox(desk)))
				}
				return
			}
			if e := new(smtp.SMTPError); !errors.As(err, &e) || e.Code != tc.want {
				t.Fatalf("got %v, want %d", err, tc.want)
			}
		})
	}
}

func TestSizeIsBounded(t *testing.T) {
	s := start(t)
	c := smtpClient(t, s, plain(anna))
	if size, ok := c.MaxMessageSize(); !ok || size != 1<<20 {
		t.Fatalf("SIZE announced: %d %v", size, ok)
	}
	err := c.SendMail(anna, []string{desk}, strings.NewReader(message(anna, desk, "4@x")+strings.Repeat("x\r\n", 1<<19)))
	if e := new(smtp.SMTPError); !errors.As(err, &e) || e.Code != 552 {
		t.Fatalf("too large a mail: %v", err)
	}
	if len(s.Inbox(desk)) != 0 {
		t.Error("it was delivered nevertheless")
	}
}

func TestArrivalsFromTheStart(t *testing.T) {
	s := start(t)
	if err := write(t, s, "5@x"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	arrivals := s.Arrivals(ctx)
	if m := <-arrivals; m.MessageID() != "5@x" || m.User != desk {
		t.Fatalf("first arrival: %+v", m)
	}
	if err := s.Deliver(anna, []byte("Subject: folded\n  line\nReturn-Path: <b@c>\n\nhi\n")); err != nil {
		t.Fatal(err)
	}
	m := <-arrivals
	if m.User != anna || m.From != "b@c" || m.Header("subject") != "folded  line" || !strings.HasSuffix(string(m.Raw), "\r\n\r\nhi\r\n") {
		t.Fatalf("second arrival: %+v %q", m, m.Raw)
	}
	cancel()
	for range arrivals {
		t.Error("an arrival that nobody sent")
	}
	if err := s.Deliver("nobody@x", nil); err == nil {
		t.Error("delivered to nobody")
	}
}
