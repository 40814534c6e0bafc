package email

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/connectors/simulator/mail"
)

func deliver(t testing.TB, s *mail.Server, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := s.Deliver(desk, letter(anna, fmt.Sprintf("%d@customers.test", i), fmt.Sprint("Mail ", i))); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCatchesUpOnceAfterEachOutage(t *testing.T) {
	e, s := onSimulator(t)
	b := &inbox{}
	total := 0
	for _, n := range []int{0, 250, 1, 99} { // what arrived while we were away
		deliver(t, s, total, total+n)
		total += n
		alive := b.rounds()
		stop := stream(t, e, b)
		eventually(t, "the mailbox is read", func() bool { return b.count() == total && b.rounds() > alive })
		if err := stop(); err == nil {
			t.Error("a stream that was stopped gives an error that says so")
		}
	}
	seen := map[string]bool{}
	for i, in := range b.all() {
		m := decodeMessage(t, e, in.Raw)
		if want := fmt.Sprint("Mail ", i); m.Subject != want || seen[in.Key] {
			t.Fatalf("input %d is %q (%s), want %q, each once", i, m.Subject, in.Key, want)
		}
		seen[in.Key] = true
		if in.ReceivedAt.IsZero() || in.Meta["mailbox"] != "INBOX" || in.ContentType != "message/rfc822" {
			t.Fatalf("input %d: %+v", i, in)
		}
	}
	for _, n := range b.batches {
		if n > batchMails {
			t.Errorf("a batch of %d mails", n)
		}
	}
}

func TestIdleAndPollBringNewMail(t *testing.T) {
	for name, idle := range map[string]bool{"idle": true, "poll": false} {
		t.Run(name, func(t *testing.T) {
			e, s := onSimulator(t, func(c *Config) {
				c.IMAP.Idle = idle
				c.IMAP.PollInterval = time.Second
				if idle {
					c.IMAP.PollInterval = time.Hour // so that only the announcement can bring it
				}
			})
			b := &inbox{}
			stop := stream(t, e, b)
			eventually(t, "the empty mailbox is read", func() bool { return b.rounds() > 0 })
			for i := range 3 {
				deliver(t, s, i, i+1)
				eventually(t, "the mail is here", func() bool { return b.count() == i+1 })
			}
			_ = stop()
		})
	}
}

func TestAServerThatHangsUpIsNamedAsTheCause(t *testing.T) {
	for name, idle := range map[string]bool{"idle": true, "poll": false} {
		t.Run(name, func(t *testing.T) {
			e, s := onSimulator(t, func(c *Config) { c.IMAP.Idle, c.IMAP.PollInterval = idle, time.Hour })
			b := &inbox{}
			ended := make(chan error, 1)
			go func() { ended <- e.Stream(t.Context(), b) }()
			eventually(t, "the mailbox is read", func() bool { return b.rounds() > 0 })
			s.Disconnect(mail.IMAP)
			if err := <-ended; !errors.Is(err, errConnectionLost) || connectors.Classify(err).Class != connectors.Transient {
				t.Errorf("the stream ended with %v", err)
			}
		})
	}
}

func TestNothingIsSkippedWhenTheStoreRefuses(t *testing.T) {
	e, s := onSimulator(t)
	deliver(t, s, 0, 3)
	b := &inbox{refuse: errors.New("disk full")}
	if err := streamUntilError(t, e, b); connectors.Classify(err).Class != connectors.Transient {
		t.Errorf("a store in trouble gives %v", err)
	}
	b.refuse = nil
	stop := stream(t, e, b)
	eventually(t, "all mails are taken in", func() bool { return b.count() == 3 })
	_ = stop()
}

func TestNewUIDValidityReadsAgain(t *testing.T) {
	e, s := onSimulator(t, func(c *Config) { c.IMAP.PollInterval = time.Second })
	deliver(t, s, 0, 5)
	b := &inbox{}
	stop := stream(t, e, b)
	eventually(t, "the mailbox is read", func() bool { return b.count() == 5 })
	_ = stop()
	if err := s.RenewUIDValidity(desk, "INBOX"); err != nil {
		t.Fatal(err)
	}
	deliver(t, s, 5, 6)
	stop = stream(t, e, b)
	eventually(t, "all is read again", func() bool { return b.count() == 5+6 })
	_ = stop()
	first, again := decodeMessage(t, e, b.all()[0].Raw), decodeMessage(t, e, b.all()[5].Raw)
	if first.ExternalID != again.ExternalID || first.Fingerprint != again.Fingerprint {
		t.Error("the store cannot see that both are the same mail")
	}
}

func TestLargeMailIsRefusedWithItsHead(t *testing.T) {
	e, s := onSimulator(t)
	big := append(letter(anna, "big@customers.test", "Big"), strings.Repeat("0123456789\r\n", 300_000)...)
	for i, raw := range [][]byte{letter(anna, "1@x", "Before"), big, letter(anna, "2@x", "After")} {
		if err := s.Deliver(desk, raw); err != nil {
			t.Fatal(i, err)
		}
	}
	b := &inbox{}
	stop := stream(t, e, b)
	eventually(t, "all are taken in", func() bool { return b.count() == 3 })
	_ = stop()
	in := b.all()[1]
	if in.Refused != refusedTooLarge || len(in.Raw) > headBytes || len(in.Raw) < 1000 {
		t.Fatalf("refused %q with %d bytes", in.Refused, len(in.Raw))
	}
	if m := e.Peek(in); m == nil || m.Address.Value != anna || m.Subject != "Big" {
		t.Errorf("the stub is %+v", m)
	}
	in.Refused = "" // as a replay does
	if _, err := e.Decode(in); err == nil || !strings.HasPrefix(err.Error(), refusedTooLarge) {
		t.Errorf("a replay of half a mail gives %v", err)
	}
}

func TestBatchesAreBoundedInBytes(t *testing.T) {
	e, s := onSimulator(t)
	for i := range 12 {
		raw := append(letter(anna, fmt.Sprint(i, "@x"), "Big"), strings.Repeat("0123456789\r\n", 120_000)...)
		if err := s.Deliver(desk, raw); err != nil {
			t.Fatal(err)
		}
	}
	b := &inbox{}
	stop := stream(t, e, b)
	eventually(t, "all are taken in", func() bool { return b.count() == 12 })
	_ = stop()
	for _, n := range b.batches {
		if n > 6 { // of 1.4 MB each
			t.Errorf("%d mails in one batch", n)
		}
	}
}

func TestTroubleOfTheServerHasAClass(t *testing.T) {
	for _, tc := range []struct {
		name   string
		config func(*Config)
		fault  mail.Fault
		want   connectors.Class
	}{
		{name: "wrong password", config: func(c *Config) { c.IMAP.Password = "wrong" }, want: connectors.AccountDown},
		{name: "no such mailbox", config: func(c *Config) { c.IMAP.Mailbox = "Nowhere" }, want: connectors.AccountDown},
		{name: "no server", config: func(c *Config) { c.IMAP.Port = 1 }, want: connectors.Transient},
		{name: "silence", fault: mail.Fault{Kind: mail.Hang, Proto: mail.IMAP}, want: connectors.Transient},
		{name: "cut in the greeting", fault: mail.Fault{Kind: mail.Cut, Proto: mail.IMAP, Bytes: 10}, want: connectors.Transient},
		{name: "cut in a mail", fault: mail.Fault{Kind: mail.Cut, Proto: mail.IMAP, Bytes: 1500}, want: connectors.Transient},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, s := onSimulator(t, func(c *Config) {
				if tc.config != nil {
					tc.config(c)
				}
			})
			e.timeouts = timeouts{dial: 500 * time.Millisecond, command: 500 * time.Millisecond, stall: 500 * time.Millisecond, accept: 500 * time.Millisecond}
			deliver(t, s, 0, 20)
			if tc.fault.Kind != "" {
				s.Break(tc.fault)
			}
			err := streamUntilError(t, e, &inbox{})
			if got := connectors.Classify(err); got.Class != tc.want {
				t.Errorf("%v, want class %v", err, tc.want)
			}
			if tc.name == "silence" && !errors.Is(err, kit.ErrSilent) {
				t.Errorf("%v does not say that the server was silent", err)
			}
			if strings.Contains(fmt.Sprint(err), secret) {
				t.Error("the error tells the password")
			}
		})
	}
}

func TestConnectionsThatBreakLoseNothing(t *testing.T) {
	e, s := onSimulator(t)
	deliver(t, s, 0, 120)
	b := &inbox{}
	for i := range 6 { // each connection lasts a bit longer
		s.Break(mail.Fault{Kind: mail.Cut, Proto: mail.IMAP, Bytes: 2000 + 12000*i, Times: 1})
		_ = streamUntilErrorOr(t, e, b, 120)
	}
	s.Heal()
	stop := stream(t, e, b)
	eventually(t, "all are taken in", func() bool { return b.count() >= 120 })
	_ = stop()
	for i, in := range b.all() {
		if m := decodeMessage(t, e, in.Raw); m.Subject != fmt.Sprint("Mail ", i) || in.Refused != "" {
			t.Fatalf("input %d is %q, refused %q", i, m.Subject, in.Refused)
		}
	}
}

// streamUntilErrorOr runs Stream until it fails or n mails are here.
func streamUntilErrorOr(t *testing.T, e *Email, b *inbox, n int) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- e.Stream(ctx, b) }()
	var err error
	ended := false
	eventually(t, "the stream fails or is done", func() bool {
		select {
		case err = <-done:
			ended = true
		default:
		}
		return ended || b.count() >= n
	})
	if !ended {
		cancel()
		err = <-done
	}
	return err
}
