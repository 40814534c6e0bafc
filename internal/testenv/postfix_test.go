package testenv

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

const customer = "ann@customers.test"

func TestPostfixCarriesMailToTheMailbox(t *testing.T) {
	s, m := mailServers(t)
	for name, dial := range map[string]func() *smtp.Client{
		"STARTTLS":     func() *smtp.Client { return submission(t, m) },
		"implicit TLS": func() *smtp.Client { return submissionTLS(t, m) },
	} {
		before := s.Count(customer, "INBOX")
		c := dial()
		if err := c.SendMail(support, []string{customer}, bytes.NewReader(mail("hello"))); err == nil {
			t.Errorf("%s: mail was taken without a login", name)
		}
		c = dial()
		if err := c.Auth(sasl.NewPlainClient("", support, "wrong")); err == nil {
			t.Errorf("%s: a wrong password was taken", name)
		}
		c = dial()
		if err := c.Auth(sasl.NewPlainClient("", support, password)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := c.SendMail(support, []string{"ann+tag@customers.test"}, bytes.NewReader(mail("hello"))); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		WaitFor(t, Patience, "the mail", func() bool { return s.Count(customer, "INBOX") == before+1 })
	}
	got := s.Messages(customer, "INBOX")[0]
	if !bytes.Contains(got, []byte("Delivered-To: ann+tag@customers.test")) || !bytes.HasSuffix(got, []byte("\nHello\n")) {
		t.Errorf("arrived as\n%s", got)
	}
	if n := s.Count(support, "Sent"); n != 0 {
		t.Errorf("%d copies in Sent that nobody asked for", n)
	}
}

func TestPostfixTakesMailFromCustomers(t *testing.T) {
	s, m := mailServers(t)
	s.AddUser("late@example.test", "x")
	for _, to := range []string{support, "late@example.test"} {
		if err := mx(t, m).SendMail("someone@elsewhere.test", []string{to}, bytes.NewReader(mail("hi"))); err != nil {
			t.Fatal(err)
		}
		WaitFor(t, Patience, "the mail", func() bool { return s.Count(to, "INBOX") == 1 })
	}
	for to, code := range map[string]int{"nobody@example.test": 550, "someone@elsewhere.test": 554} {
		wantRefusal(t, mx(t, m).SendMail(customer, []string{to}, bytes.NewReader(mail("hi"))), code)
	}
}

func TestPostfixFailsAsAsked(t *testing.T) {
	s, m := mailServers(t)
	m.RefuseAtRCPT("busy@customers.test", "450 4.2.1 mailbox busy")
	m.RefuseAtRCPT("gone@customers.test", "550 5.1.1 no such user")
	m.BounceAfterAccept("full@customers.test", "5.2.2 mailbox full")
	s.AddUsers("x", "busy@customers.test", "full@customers.test")
	send := func(to string) error {
		c := submission(t, m)
		if err := c.Auth(sasl.NewPlainClient("", support, password)); err != nil {
			t.Fatal(err)
		}
		return c.SendMail(support, []string{to}, bytes.NewReader(mail("hi")))
	}
	wantRefusal(t, send("busy@customers.test"), 450)
	wantRefusal(t, send("gone@customers.test"), 550)
	m.RefuseAtRCPT("busy@customers.test", "")
	if err := send("busy@customers.test"); err != nil {
		t.Errorf("after the refusal was lifted: %v", err)
	}
	if err := send("full@customers.test"); err != nil {
		t.Fatal(err)
	}
	WaitFor(t, Patience, "the bounce", func() bool { return s.Count(support, "INBOX") == 1 })
	if dsn := string(s.Messages(support, "INBOX")[0]); !strings.Contains(dsn, "message/delivery-status") || !strings.Contains(dsn, "Status: 5.2.2") {
		t.Errorf("the bounce is\n%s", dsn)
	}
	if n := s.Count("full@customers.test", "INBOX"); n != 0 {
		t.Errorf("the bounced mail was delivered as well")
	}
}

func TestPostfixSavesSentCopiesOnRequest(t *testing.T) {
	s, m := mailServers(t)
	m.SaveSent(support)
	c := submission(t, m)
	if err := c.Auth(sasl.NewLoginClient(support, password)); err != nil {
		t.Fatal(err)
	}
	if err := c.SendMail(support, []string{customer}, bytes.NewReader(mail("hi"))); err != nil {
		t.Fatal(err)
	}
	WaitFor(t, Patience, "mail and copy", func() bool { return s.Count(customer, "INBOX") == 1 && s.Count(support, "Sent") == 1 })
	if sel, err := login(t, s).Select("Sent", nil).Wait(); err != nil || sel.NumMessages != 1 {
		t.Errorf("the IMAP server shows %+v %v", sel, err)
	}
}

func TestPostfixReturnsAfterAStop(t *testing.T) {
	s, m := mailServers(t)
	m.Stop()
	for _, port := range []int{m.Port, m.TLSPort, m.MXPort} {
		if c, err := net.Dial("tcp", addr(port)); err == nil {
			_ = c.Close()
			t.Errorf("port %d still answers", port)
		}
	}
	m.Start()
	if err := mx(t, m).SendMail(customer, []string{support}, bytes.NewReader(mail("hi"))); err != nil {
		t.Fatal(err)
	}
	WaitFor(t, Patience, "the mail", func() bool { return s.Count(support, "INBOX") == 1 && len(m.Queued()) == 0 })
}

func mailServers(t *testing.T) (*IMAP, *MTA) {
	t.Helper()
	s := Dovecot(t)
	s.AddUsers(password, support, customer)
	return s, Postfix(t, s)
}

func submission(t *testing.T, m *MTA) *smtp.Client {
	t.Helper()
	c, err := smtp.DialStartTLS(addr(m.Port), trusting(t, m.CAFile, m.Host))
	return client(t, c, err)
}

func submissionTLS(t *testing.T, m *MTA) *smtp.Client {
	t.Helper()
	c, err := smtp.DialTLS(addr(m.TLSPort), trusting(t, m.CAFile, m.Host))
	return client(t, c, err)
}

func mx(t *testing.T, m *MTA) *smtp.Client {
	t.Helper()
	c, err := smtp.Dial(addr(m.MXPort))
	return client(t, c, err)
}

func client(t *testing.T, c *smtp.Client, err error) *smtp.Client {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func wantRefusal(t *testing.T, err error, code int) {
	t.Helper()
	var refusal *smtp.SMTPError
	if !errors.As(err, &refusal) || refusal.Code != code {
		t.Errorf("got %v, want a %d", err, code)
	}
}
