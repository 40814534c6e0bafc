package mail

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-smtp"
)

func TestSMTPFaults(t *testing.T) {
	const lost = -1 // the connection breaks
	for _, tc := range []struct {
		name      string
		fault     Fault
		code      int // of the answer
		delivered int
	}{
		{"recipient refused for now", Fault{Kind: RefuseRecipient, To: desk, Code: 451}, 451, 0},
		{"recipient refused for good", Fault{Kind: RefuseRecipient}, 550, 0},
		{"another recipient refused", Fault{Kind: RefuseRecipient, To: anna}, 0, 1},
		{"message refused", Fault{Kind: RefuseMessage, Code: 554}, 554, 0},
		{"cut in the body", Fault{Kind: CutBody}, lost, 0},
		{"cut after the final dot", Fault{Kind: CutAfterDot}, lost, 1},
		{"cut after the final dot, and lost", Fault{Kind: CutAfterDot, Lose: true}, lost, 0},
		{"silent after the final dot", Fault{Kind: HangAfterDot}, lost, 1},
		{"silent after the final dot, and lost", Fault{Kind: HangAfterDot, Lose: true}, lost, 0},
		{"slow", Fault{Kind: SlowBody, Pause: time.Millisecond}, 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			tc.fault.Times = 1
			c := smtpClient(t, s, plain(anna))
			c.SubmissionTimeout = 300 * time.Millisecond
			s.Break(tc.fault)
			err := c.SendMail(anna, []string{desk}, strings.NewReader(message(anna, desk, "1@x")))
			var reply *smtp.SMTPError
			switch isReply := errors.As(err, &reply); {
			case tc.code == 0 && err != nil, tc.code == lost && (err == nil || isReply), tc.code > 0 && (!isReply || reply.Code != tc.code):
				t.Errorf("the client got %v", err)
			}
			eventually(t, "the mail has its fate", func() bool { return len(s.Inbox(desk)) == tc.delivered })
			s.Heal()
			if err := write(t, s, "2@x"); err != nil {
				t.Errorf("after the fault: %v", err)
			}
			if got := len(s.Inbox(desk)); got != tc.delivered+1 {
				t.Errorf("%d mails in the end", got)
			}
		})
	}
}

func TestConnectionFaults(t *testing.T) {
	for _, proto := range []Proto{SMTP, IMAP} {
		t.Run(string(proto), func(t *testing.T) {
			s := start(t)
			addr := map[Proto]string{SMTP: s.SMTPAddr(), IMAP: s.IMAPAddr()}[proto]
			// read reads until all has come that is looked for, or nothing more comes.
			read := func(patience time.Duration, all func(got string) bool) (string, error) {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
					t.Fatal(err)
				}
				var got strings.Builder
				for b := make([]byte, 1024); !all(got.String()); {
					n, err := c.Read(b)
					got.Write(b[:n])
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						return got.String(), err
					}
				}
				return got.String(), nil
			}
			line := func(got string) bool { return strings.HasSuffix(got, "\r\n") }
			never := func(string) bool { return false }
			var timeout net.Error

			s.Break(Fault{Kind: LongGreeting, Proto: proto, Bytes: 9000, Times: 1})
			if got, _ := read(time.Minute, line); len(got) < 9000 || strings.Index(got, "\r\n") != 8998 {
				t.Errorf("long greeting: %d bytes", len(got))
			}
			s.Break(Fault{Kind: Hang, Proto: proto, Times: 1})
			if got, err := read(150*time.Millisecond, never); got != "" || !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("hang: %q, %v", got, err)
			}
			s.Break(Fault{Kind: Cut, Proto: proto, Bytes: 3, Times: 1})
			if got, err := read(time.Minute, never); len(got) != 3 || err != nil {
				t.Errorf("cut after 3 bytes: %q, %v", got, err)
			}
			if got, _ := read(time.Minute, line); len(got) < 10 || s.Counts().Faults != 3 {
				t.Errorf("after the faults: %q, %+v", got, s.Counts())
			}
		})
	}
}

func TestRefusedLoginsAndDisconnects(t *testing.T) {
	s := start(t)
	s.Break(Fault{Kind: RefuseLogin, Proto: IMAP, Times: 1})
	c, err := imapclient.DialInsecure(s.IMAPAddr(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var refusal *imap.Error
	if err := c.Login(desk, "pw").Wait(); !errors.As(err, &refusal) || refusal.Code != imap.ResponseCodeAuthenticationFailed {
		t.Fatalf("login: %v", err)
	}
	if err := c.Login(desk, "pw").Wait(); err != nil {
		t.Fatalf("login after the fault: %v", err)
	}
	if err := smtpClient(t, s, plain(desk)).Noop(); err != nil {
		t.Fatal(err)
	}
	s.Disconnect(IMAP)
	if err := c.Noop().Wait(); err == nil {
		t.Error("the connection still works")
	}
}

// TestAnotherServerHasAnotherUIDValidity: seconds are what it counts in.
func TestAnotherServerHasAnotherUIDValidity(t *testing.T) {
	now := uint32(time.Now().Unix())
	got, err := imapClient(t, start(t), nil).Select("INBOX", nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	if got.UIDValidity < now || got.UIDValidity > now+60 {
		t.Errorf("UIDVALIDITY is %d at second %d", got.UIDValidity, now)
	}
}

func TestNewUIDValidityKeepsTheMail(t *testing.T) {
	s := start(t)
	for _, id := range []string{"1@x", "2@x"} {
		if err := write(t, s, id); err != nil {
			t.Fatal(err)
		}
	}
	before, err := imapClient(t, s, nil).Select("INBOX", nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RenewUIDValidity(desk, "INBOX"); err != nil {
		t.Fatal(err)
	}
	after, err := imapClient(t, s, nil).Select("INBOX", nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	status, err := imapClient(t, s, nil).Status("INBOX", &imap.StatusOptions{UIDValidity: true}).Wait()
	if err != nil || status.UIDValidity != after.UIDValidity {
		t.Errorf("STATUS and SELECT disagree: %+v, %+v, %v", status, after, err)
	}
	if after.UIDValidity <= before.UIDValidity || after.NumMessages != 2 {
		t.Errorf("UIDVALIDITY %d -> %d with %d messages", before.UIDValidity, after.UIDValidity, after.NumMessages)
	}
	if mails := s.Inbox(desk); len(mails) != 2 || mails[0].MessageID() != "1@x" {
		t.Errorf("inbox: %v", mails)
	}
}

func TestProviderFilesSentMail(t *testing.T) {
	s := start(t)
	s.AddUser(User{Address: anna, Password: "pw", CopySent: true})
	if err := write(t, s, "1@x"); err != nil {
		t.Fatal(err)
	}
	if got := s.Mailbox(anna, "Sent"); len(got) != 1 || got[0].MessageID() != "1@x" {
		t.Errorf("Sent: %v", got)
	}
}

func TestReports(t *testing.T) {
	full := smtp.MailOptions{Return: smtp.DSNReturnHeaders, EnvelopeID: "env-7"}
	for _, tc := range []struct {
		name    string
		bounce  bool
		options *smtp.MailOptions
		notify  []smtp.DSNNotify
		want    []string // in the report; nil is no report
	}{
		{"a bounce", true, nil, nil, []string{"Action: failed", "Status: 5.2.2", "Content-Type: message/rfc822", "Hello\r\n.dot", "<1@x>", "Diagnostic-Code: smtp; 552 5.2.2 Mailbox full"}},
		{
			"a bounce, header and envelope id asked for", true, &full,
			[]smtp.DSNNotify{smtp.DSNNotifyFailure},
			[]string{"Action: failed", "Original-Envelope-Id: env-7", "Original-Recipient: rfc822;" + anna, "text/rfc822-headers", "<1@x>"},
		},
		{"a bounce that nobody wants to hear of", true, nil, []smtp.DSNNotify{smtp.DSNNotifyNever}, nil},
		{"a delivery", false, nil, nil, nil},
		{"a delivery to be told of", false, &full, []smtp.DSNNotify{smtp.DSNNotifySuccess}, []string{"Action: delivered", "Status: 2.0.0"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			if tc.bounce {
				s.Break(Fault{Kind: Bounce, To: anna, Code: 552, Enhanced: smtp.EnhancedCode{5, 2, 2}, Text: "Mailbox full", Pause: time.Millisecond})
			}
			c := smtpClient(t, s, plain(desk))
			if err := c.Mail(desk, tc.options); err != nil {
				t.Fatal(err)
			}
			if err := c.Rcpt(anna, &smtp.RcptOptions{Notify: tc.notify, OriginalRecipientType: smtp.DSNAddressTypeRFC822, OriginalRecipient: anna}); err != nil {
				t.Fatal(err)
			}
			w, err := c.Data()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, message(desk, anna, "1@x")); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if got := len(s.Inbox(anna)); got == 0 != tc.bounce {
				t.Errorf("%d mails at the recipient", got)
			}
			if tc.want == nil {
				time.Sleep(20 * time.Millisecond) // a report would have come after 1 ms
				if got := s.Inbox(desk); len(got) != 0 {
					t.Errorf("a report: %s", got[0].Raw)
				}
				return
			}
			eventually(t, "a report", func() bool { return len(s.Inbox(desk)) == 1 })
			report := s.Inbox(desk)[0]
			if report.From != "" || report.Header("Return-Path") != "<>" || report.Header("Auto-Submitted") == "" {
				t.Errorf("it is not from nobody: %s", report.Raw)
			}
			for _, want := range tc.want {
				if !strings.Contains(string(report.Raw), want) {
					t.Errorf("no %q in\n%s", want, report.Raw)
				}
			}
		})
	}
}
