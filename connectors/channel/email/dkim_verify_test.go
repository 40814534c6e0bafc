package email

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/deskbridge/deskbridge/normalize"
)

// names is a DNS of TXT records.
type names map[string]string

func (n names) lookup(_ context.Context, name string) ([]string, error) {
	if r, ok := n[name]; ok {
		return []string{r}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func newRSA(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// record is what a domain publishes for a key.
func record(t testing.TB, key crypto.Signer) string {
	t.Helper()
	if pub, ok := key.Public().(ed25519.PublicKey); ok {
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(pub)
	}
	b, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(b)
}

func signed(t testing.TB, key crypto.Signer, domain string, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := dkim.Sign(&b, bytes.NewReader(raw), &dkim.SignOptions{
		Domain: domain, Selector: "s1", Signer: key, HeaderKeys: []string{"From", "Subject", "Date"},
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSignaturesAreVerifiedWhenMailIsFetched(t *testing.T) {
	key, other := newRSA(t), newRSA(t)
	dns := names{
		"s1._domainkey.customers.test": record(t, key), "s1._domainkey.mail.customers.test": record(t, key),
		"s1._domainkey.evil.test": record(t, other),
	}
	plain := letter(anna, "1@customers.test", "Hello")
	good := signed(t, key, "customers.test", plain)
	both := signed(t, other, "evil.test", good)
	cases := []struct {
		name string
		raw  []byte
		want string // in Meta
		says string
	}{
		{"not signed", plain, "", "unknown"},
		{"signed", good, "pass customers.test", "authenticated by dkim of customers.test"},
		{"signed by a sub-domain", signed(t, key, "mail.customers.test", plain), "pass mail.customers.test", "authenticated by dkim of mail.customers.test"},
		{"signed by a list as well", both, "pass customers.test", "authenticated by dkim of customers.test"},
		{"signed by somebody else", signed(t, other, "evil.test", plain), "none", "unknown"},
		{"signed by another key", signed(t, other, "customers.test", plain), "fail customers.test", "unauthenticated by dkim of customers.test"},
		{"changed", bytes.Replace(good, []byte("has not arrived"), []byte("has"), 1), "fail customers.test", "unauthenticated by dkim of customers.test"},
		{"with bare line feeds", bytes.ReplaceAll(good, []byte("\r\n"), []byte("\n")), "pass customers.test", "authenticated by dkim of customers.test"},
		{"with a second author", append([]byte("From: boss@customers.test\r\n"), good...), "none", "unauthenticated"},
		{"with a second author in disguise", append([]byte("From\xc2\xa0: boss@customers.test\r\n"), good...), "", "unknown"},
		{"the author replaced", bytes.Replace(good, []byte("From: "+anna), []byte("From: boss@customers.test"), 1), "fail customers.test", "unauthenticated by dkim of customers.test"},
		{"not ended", good[:bytes.Index(good, []byte("\r\n\r\n"))], "", "unknown"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := offline(t)
			e.keys.lookup = dns.lookup
			in := normalize.Input{Raw: c.raw, ReceivedAt: now, Meta: map[string]string{}}
			e.verifyAll(t.Context(), []normalize.Input{in})
			if got := in.Meta[metaDKIM]; got != c.want {
				t.Errorf("noted %q, want %q", got, c.want)
			}
			e.keys.lookup = func(context.Context, string) ([]string, error) {
				t.Error("Decode asked the network")
				return nil, net.ErrClosed
			}
			item, err := e.Decode(in)
			if err != nil {
				t.Fatal(err)
			}
			if got := verdictOf(item.(*normalize.Message).Authentication); got != c.says {
				t.Errorf("%s, want %s", got, c.says)
			}
		})
	}
}

func TestVerifyingIsLeftOut(t *testing.T) {
	raw := signed(t, newRSA(t), "customers.test", letter(anna, "1@customers.test", "Hello"))
	judged := append([]byte("Authentication-Results: mx.example.test; dmarc=fail header.from=customers.test\r\n"), raw...)
	ask := func(change func(*Config), in normalize.Input) int {
		config := plainConfig(t, "127.0.0.1:1", "127.0.0.1:1")
		config.TrustedAuthserv = []string{"mx.example.test"}
		change(config)
		e := open(t, config)
		var asked atomic.Int32
		e.keys.lookup = func(context.Context, string) ([]string, error) { asked.Add(1); return nil, net.ErrClosed }
		in.Meta = map[string]string{}
		e.verifyAll(t.Context(), []normalize.Input{in})
		return int(asked.Load())
	}
	as := func(*Config) {}
	if n := ask(as, normalize.Input{Raw: raw, ReceivedAt: now}); n != 1 {
		t.Errorf("new mail that nobody judged: DNS was asked %d times", n)
	}
	for name, n := range map[string]int{
		"off":    ask(func(c *Config) { c.VerifyDKIM = dkimOff }, normalize.Input{Raw: raw, ReceivedAt: now}),
		"judged": ask(as, normalize.Input{Raw: judged, ReceivedAt: now}),
		"old":    ask(as, normalize.Input{Raw: raw, ReceivedAt: now.Add(-30 * 24 * time.Hour)}),
		"cut":    ask(as, normalize.Input{Raw: raw, ReceivedAt: now, Refused: refusedTooLarge}),
	} {
		if n != 0 {
			t.Errorf("%s: DNS was asked", name)
		}
	}
}

func TestSilentDNSHoldsUpNoMailbox(t *testing.T) {
	e, s := onSimulator(t)
	key := newRSA(t)
	var asked atomic.Int32
	e.keys.lookup = func(context.Context, string) ([]string, error) {
		asked.Add(1)
		return nil, &net.DNSError{Err: "server misbehaving", IsTemporary: true}
	}
	for range 30 {
		if err := s.Deliver(desk, signed(t, key, "customers.test", letter(anna, "x@customers.test", "Hello"))); err != nil {
			t.Fatal(err)
		}
	}
	// The mails of the simulator arrive today, whenever that is.
	e.deps.Clock = wallClock{}
	b := &inbox{}
	stop := stream(t, e, b)
	eventually(t, "the mailbox is read", func() bool { return b.count() == 30 })
	_ = stop()
	for _, in := range b.all() {
		if v, noted := in.Meta[metaDKIM]; noted {
			t.Fatalf("noted %q without an answer", v)
		}
	}
	if n := asked.Load(); n == 0 || n > dkimParallel {
		t.Errorf("the same question was asked %d times", n)
	}
}

type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func TestSlowDNSIsGivenUp(t *testing.T) {
	e := offline(t)
	e.keys.lookup = func(ctx context.Context, _ string) ([]string, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	raw := signed(t, newRSA(t), "customers.test", letter(anna, "1@customers.test", "Hello"))
	if got := e.verify(ctx, raw); got != "" {
		t.Errorf("noted %q without an answer", got)
	}
}

func TestCostlySignaturesAreLeftAlone(t *testing.T) {
	e := offline(t)
	e.keys.lookup = func(_ context.Context, name string) ([]string, error) {
		t.Errorf("DNS was asked for %s", name)
		return nil, net.ErrClosed
	}
	sign := func(tags string) string { return "DKIM-Signature: v=1; a=rsa-sha256; bh=; b=; " + tags + "\r\n" }
	rest := string(letter(anna, "1@x", "Hello"))
	for name, raw := range map[string]string{
		"thousands of names": sign("d=customers.test; s=s1; h=from"+strings.Repeat(":a", 10_000)) + rest,
		"many fields":        sign("d=customers.test; s=s1; h=from") + strings.Repeat("a: b\r\n", 1000) + rest,
		"a large header":     sign("d=customers.test; s=s1; h=from") + "a: b\r\n" + strings.Repeat(" c\r\n", 30_000) + rest,
		"an odd domain":      sign("d=cust\x00omers.test; s=s1; h=from") + rest,
	} {
		started := time.Now()
		if got := e.verify(t.Context(), []byte(raw)); strings.HasPrefix(got, "pass") || time.Since(started) > 2*time.Second {
			t.Errorf("%s: %q after %s", name, got, time.Since(started))
		}
	}
	asked := 0
	e.keys.lookup = func(context.Context, string) ([]string, error) { asked++; return nil, net.ErrClosed }
	e.verify(t.Context(), []byte(strings.Repeat(sign("d=customers.test; s=s1; h=from"), 100)+rest))
	if asked > dkimSignatures {
		t.Errorf("DNS was asked %d times for one mail", asked)
	}
}

func FuzzVerify(f *testing.F) {
	key := newRSA(f)
	f.Add(signed(f, key, "customers.test", letter(anna, "1@customers.test", "Hello")))
	f.Add([]byte("DKIM-Signature: v=1; d=x.test; h=from; s=\nFrom: a@x.test\n\n"))
	e := offline(f)
	e.keys.lookup = names{"s1._domainkey.customers.test": record(f, key)}.lookup
	f.Fuzz(func(t *testing.T, raw []byte) {
		answer := e.verify(t.Context(), raw)
		if domain, ok := strings.CutPrefix(answer, "pass "); ok && domain != "customers.test" {
			t.Fatalf("%q", answer)
		}
	})
}
