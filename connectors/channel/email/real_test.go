package email

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// realConfig is the account on Dovecot, and on Postfix where there is one.
func realConfig(imap *testenv.IMAP, mta *testenv.MTA, tls string) *Config {
	c := newConfig()
	c.Address, c.FromName = desk, "Desk 客服"
	c.IMAP.Host, c.IMAP.CAFile, c.IMAP.TLS, c.IMAP.Password = imap.Host, imap.CAFile, tls, secret
	c.IMAP.Port = map[string]int{tlsImplicit: imap.TLSPort, tlsStart: imap.Port}[tls]
	c.SMTP.Host, c.SMTP.CAFile, c.SMTP.TLS, c.SMTP.Password = imap.Host, imap.CAFile, tls, secret
	c.SMTP.Port = 1
	if mta != nil {
		c.SMTP.Host, c.SMTP.CAFile = mta.Host, mta.CAFile
		c.SMTP.Port = map[string]int{tlsImplicit: mta.TLSPort, tlsStart: mta.Port}[tls]
	}
	return c
}

func TestDovecot(t *testing.T) {
	imap := testenv.Dovecot(t)
	imap.AddUsers(secret, desk)
	noLeaks(t)
	b := &inbox{}
	n := 0
	arrive := func(count int) {
		for range count {
			imap.Deliver(desk, "INBOX", letter(anna, fmt.Sprintf("%d@customers.test", n), fmt.Sprint("Mail ", n)))
			n++
		}
	}
	for _, tls := range []string{tlsImplicit, tlsStart} {
		arrive(130)
		c := realConfig(imap, nil, tls)
		c.IMAP.PollInterval = time.Hour // what comes now must be announced
		e := open(t, c)
		stop := stream(t, e, b)
		eventually(t, "the mailbox is read with TLS "+tls, func() bool { return b.count() == n })
		arrive(1)
		eventually(t, "new mail is announced", func() bool { return b.count() == n })
		if err := stop(); err == nil {
			t.Error("a stopped stream says nothing")
		}
	}
	for i, in := range b.all() {
		if m := decodeMessage(t, offline(t), in.Raw); m.Subject != fmt.Sprint("Mail ", i) {
			t.Fatalf("input %d is %q", i, m.Subject)
		}
	}
	for _, flags := range imap.Flags(desk, "INBOX") {
		if slices.Contains(flags, `\Seen`) || slices.Contains(flags, "S") {
			t.Fatal("reading has set a flag")
		}
	}

	c := realConfig(imap, nil, tlsImplicit)
	c.IMAP.PollInterval = time.Second
	e := open(t, c)
	imap.Stop() // a session that is still ending would write the old one back
	imap.BumpUIDValidity(desk, "INBOX")
	imap.Start()
	before := b.count()
	stop := stream(t, e, b)
	eventually(t, "all is read again", func() bool { return b.count() == before+n })
	_ = stop()

	done := make(chan error, 1)
	alive := b.rounds()
	go func() { done <- e.Stream(t.Context(), b) }()
	eventually(t, "the stream waits", func() bool { return b.rounds() > alive })
	imap.Stop()
	select {
	case err := <-done:
		if connectors.Classify(err).Class != connectors.Transient {
			t.Errorf("a server that ends gives %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the stream did not notice that the server is gone")
	}
	imap.Start()
	arrive(3)
	before = b.count()
	stop = stream(t, e, b)
	eventually(t, "what came meanwhile is read", func() bool { return b.count() == before+3 })
	_ = stop()

	untrusted := realConfig(imap, nil, tlsImplicit)
	untrusted.IMAP.CAFile = ""
	if err := open(t, untrusted).Stream(t.Context(), b); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown authority gives %v", err)
	}
	untrusted.IMAP.InsecureSkipVerify = true
	alive = b.rounds()
	stop = stream(t, open(t, untrusted), b)
	eventually(t, "insecure_skip_verify reads", func() bool { return b.rounds() > alive })
	_ = stop()
}

func TestPostfix(t *testing.T) {
	imap := testenv.Dovecot(t)
	mta := testenv.Postfix(t, imap)
	imap.AddUsers(secret, desk, anna, berta, "dead@customers.test")
	// Before the first mail: Postfix looks for a new routing table only now
	// and then.
	mta.BounceAfterAccept("dead@customers.test", "5.1.1 mailbox is gone")
	noLeaks(t)
	for i, tls := range []string{tlsImplicit, tlsStart} {
		e := open(t, realConfig(imap, mta, tls))
		if own, err := e.Probe(t.Context()); err != nil || own.Value != desk {
			t.Fatalf("probe with TLS %s: %v %v", tls, own, err)
		}
		o := outbound(t, e, nil, textPart("您好"), attachment("报价单.pdf", "application/pdf", strings.Repeat("0123456789", 50_000)))
		o.Key = fmt.Sprint("job-", i)
		sent, err := e.Send(t.Context(), o)
		if err != nil || sent.Detail == "" {
			t.Fatalf("%+v %v", sent, err)
		}
		eventually(t, "the mail arrives", func() bool { return imap.Count(anna, "INBOX") == i+1 })
		if _, found, err := e.Resolve(t.Context(), o); found || err != nil {
			t.Errorf("found in Sent before it was filed: %v %v", found, err)
		}
		for range 2 {
			if err := e.Finish(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
		if n := imap.Count(desk, "Sent"); n != i+1 {
			t.Errorf("%d copies in Sent", n)
		}
		if _, found, err := e.Resolve(t.Context(), o); !found || err != nil {
			t.Errorf("not found in Sent: %v %v", found, err)
		}
	}
	got := decodeMessage(t, offline(t), imap.Messages(anna, "INBOX")[0])
	if len(got.Parts) != 2 || got.Parts[1].Media.Name != "报价单.pdf" || got.Parts[1].Media.Size != 500_000 {
		t.Errorf("anna got %+v", got.Parts)
	}

	e := open(t, realConfig(imap, mta, tlsStart))
	mta.RefuseAtRCPT("busy@customers.test", "450 4.2.1 mailbox busy")
	mta.RefuseAtRCPT("gone@customers.test", "550 5.1.1 no such user")
	question := decodeMessage(t, e, eml("From: "+anna, "To: "+desk, "Cc: busy@customers.test, gone@customers.test, "+berta, "Message-ID: <q@x>", "", "Hi"))
	o := outbound(t, e, question, textPart("Answer"))
	sent, err := e.Send(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var fates []string
	for _, r := range sent.Recipients {
		if r.Err != nil {
			fates = append(fates, r.Address.Value+" "+r.Err.Class.String())
		}
	}
	if want := "[busy@customers.test transient gone@customers.test unreachable]"; fmt.Sprint(fates) != want {
		t.Errorf("%v, want %s", fates, want)
	}

	o = outbound(t, e, &normalize.Message{Address: normalize.Email("dead@customers.test", ""), ExternalID: "q2@x"}, textPart("Hello?"))
	if _, err := e.Send(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	b := &inbox{}
	stop := stream(t, e, b)
	eventually(t, "the bounce is here", func() bool { return b.count() == 1 })
	_ = stop()
	item, err := e.Decode(b.all()[0])
	receipts, ok := item.(normalize.Receipts)
	if err != nil || !ok || len(receipts) != 1 {
		t.Fatalf("%T %v\n%s", item, err, b.all()[0].Raw)
	}
	if r := receipts[0]; r.ExternalID != o.Message.ExternalID || r.Status != normalize.StatusFailed || r.Code != "5.1.1" ||
		!r.Unreachable || r.Recipient.Value != "dead@customers.test" {
		t.Errorf("%+v", r)
	}

	mta.SaveSent(desk)
	o = outbound(t, e, nil, textPart("The server files this"))
	if _, err := e.Send(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server's own copy settles what was uncertain", func() bool {
		_, found, err := e.Resolve(t.Context(), o)
		return found && err == nil
	})
	copies := imap.Count(desk, "Sent")
	if err := e.Finish(t.Context(), o); err != nil || imap.Count(desk, "Sent") != copies {
		t.Errorf("a second copy: %v", err)
	}
}
