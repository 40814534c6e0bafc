package testenv

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

const support, password = "support@example.test", `p:a"ss wörd\`

func TestDovecotServesWhatIsDelivered(t *testing.T) {
	s := Dovecot(t)
	s.AddUser(support, password)
	received := time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	s.DeliverAt(support, "INBOX", mail("first"), received)
	s.Deliver(support, "INBOX", mail("second"))
	for name, c := range dialAll(t, s) {
		if err := c.Login(support, "wrong").Wait(); err == nil {
			t.Errorf("%s: a wrong password was taken", name)
		}
		if err := c.Login(support, password).Wait(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := c.Select("INBOX", nil).Wait(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := c.Fetch(imap.SeqSetNum(1, 2), &imap.FetchOptions{UID: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{{}}}).Collect()
		if err != nil || len(got) != 2 {
			t.Fatalf("%s: fetched %d messages: %v", name, len(got), err)
		}
		if !got[0].InternalDate.Equal(received) {
			t.Errorf("%s: received %v, want %v", name, got[0].InternalDate, received)
		}
		for i, subject := range []string{"first", "second"} {
			if body := got[i].BodySection[0].Bytes; !bytes.Contains(body, []byte("Subject: "+subject)) {
				t.Errorf("%s: message %d is %q", name, i+1, body)
			}
		}
	}
	if flags := s.Flags(support, "INBOX"); len(flags) != 2 || !slices.Contains(flags[0], `\Seen`) {
		t.Errorf("flags after a fetch: %v", flags)
	}
}

func TestDovecotTakesThousandsOfMailsInSeconds(t *testing.T) {
	s := Dovecot(t)
	s.AddUser(support, password)
	const many = 5000
	begin := time.Now()
	for i := range many {
		s.Deliver(support, "INBOX", mail(fmt.Sprint(i)))
	}
	t.Logf("delivered %d mails in %v", many, time.Since(begin))
	c := login(t, s)
	sel, err := c.Select("INBOX", nil).Wait()
	if err != nil || sel.NumMessages != many || sel.UIDNext != many+1 {
		t.Fatalf("select: %+v %v", sel, err)
	}
	if got := s.Messages(support, "INBOX"); len(got) != many || !bytes.Equal(got[many-1], mail(fmt.Sprint(many-1))) {
		t.Errorf("%d messages in the store, or in another order", len(got))
	}
	last, err := c.Fetch(imap.UIDSetNum(many), &imap.FetchOptions{Envelope: true}).Collect()
	if err != nil || last[0].Envelope.Subject != fmt.Sprint(many-1) {
		t.Errorf("UID %d is not the mail delivered last: %v", many, err)
	}
}

func TestDovecotKeepsMailAndPortsOverAStop(t *testing.T) {
	s := Dovecot(t)
	s.AddUser(support, password)
	c := login(t, s)
	s.Stop()
	if err := c.Noop().Wait(); err == nil {
		t.Error("the connection survived the stop")
	}
	s.Deliver(support, "INBOX", mail("while down"))
	s.Start()
	if sel, err := login(t, s).Select("INBOX", nil).Wait(); err != nil || sel.NumMessages != 1 {
		t.Errorf("after the start: %+v %v", sel, err)
	}
}

func TestDovecotChangesAPasswordAtOnce(t *testing.T) {
	s := Dovecot(t)
	for _, pw := range []string{"one", "two", "three"} {
		s.AddUser(support, pw)
		for _, c := range dialAll(t, s) {
			if err := c.Login(support, pw).Wait(); err != nil {
				t.Errorf("login with %q: %v", pw, err)
			}
		}
	}
}

func TestBumpUIDValidity(t *testing.T) {
	s := Dovecot(t)
	s.AddUser(support, password)
	for _, mailbox := range []string{"INBOX", "Sent"} {
		for range 3 {
			s.Deliver(support, mailbox, mail("x"))
		}
		c := login(t, s)
		before, err := c.Select(mailbox, nil).Wait()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Store(imap.UIDSetNum(1), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close(); err != nil {
			t.Fatal(err)
		}
		if err := c.Expunge().Close(); err != nil {
			t.Fatal(err)
		}
		s.BumpUIDValidity(support, mailbox)
		after, err := login(t, s).Select(mailbox, nil).Wait()
		if err != nil {
			t.Fatal(err)
		}
		if after.UIDValidity <= before.UIDValidity || after.UIDNext != 3 || after.NumMessages != 2 {
			t.Errorf("%s: before %+v, after %+v", mailbox, before, after)
		}
	}
}

func mail(subject string) []byte {
	return []byte("From: Ann <ann@customers.test>\nTo: support@example.test\nSubject: " + subject + "\nMessage-ID: <" + subject + "@customers.test>\n\nHello\n")
}

func login(t *testing.T, s *IMAP) *imapclient.Client {
	t.Helper()
	c := dialAll(t, s)["implicit TLS"]
	if err := c.Login(support, password).Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

// dialAll connects by every kind of TLS that the server offers.
func dialAll(t *testing.T, s *IMAP) map[string]*imapclient.Client {
	t.Helper()
	opt := &imapclient.Options{TLSConfig: trusting(t, s.CAFile, s.Host)}
	all := map[string]*imapclient.Client{}
	for name, dial := range map[string]func() (*imapclient.Client, error){
		"plain":        func() (*imapclient.Client, error) { return imapclient.DialInsecure(addr(s.Port), nil) },
		"STARTTLS":     func() (*imapclient.Client, error) { return imapclient.DialStartTLS(addr(s.Port), opt) },
		"implicit TLS": func() (*imapclient.Client, error) { return imapclient.DialTLS(addr(s.TLSPort), opt) },
	} {
		c, err := dial()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		t.Cleanup(func() { _ = c.Close() })
		all[name] = c
	}
	return all
}

func trusting(t *testing.T, caFile, host string) *tls.Config {
	t.Helper()
	ca, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		t.Fatal("the CA file holds no certificate")
	}
	return &tls.Config{RootCAs: pool, ServerName: host}
}
