package email

import (
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/normalize"
)

// verdictOf is "authenticated by dmarc of customers.test", or "unknown".
func verdictOf(a *normalize.Authentication) string {
	if a == nil {
		return "unknown"
	}
	s := string(a.Verdict)
	if a.By != "" {
		s += " by " + a.By
	}
	if a.Domain != "" {
		s += " of " + a.Domain
	}
	return s
}

func TestOnlyOurOwnServerSaysWhoIsGenuine(t *testing.T) {
	const pass = "Authentication-Results: mx.example.test; dmarc=pass header.from=customers.test"
	from := "From: Anna <" + anna + ">"
	cases := []struct {
		name   string
		host   string // of the IMAP server, where nothing is configured
		header []string
		want   string
	}{
		{"nobody looked", "", []string{from}, "unknown"},
		{"dmarc", "", []string{pass, from}, "authenticated by dmarc of customers.test"},
		{"in capitals", "", []string{"AUTHENTICATION-RESULTS: MX.Example.Test 1; DMARC=Pass header.from=CUSTOMERS.test", from}, "authenticated by dmarc of customers.test"},
		{"dmarc of somebody else", "", []string{"Authentication-Results: mx.example.test; dmarc=pass header.from=evil.test", from}, "unknown"},
		{"dmarc fails though a list's signature holds", "", []string{
			"Authentication-Results: mx.example.test; dkim=pass header.d=lists.test; dmarc=fail (p=none) header.from=customers.test", from,
		}, "unauthenticated by dmarc of customers.test"},
		{"no policy, but an aligned signature", "", []string{
			"Authentication-Results: mx.example.test; dmarc=none header.from=customers.test; dkim=fail header.d=x.test; dkim=pass header.i=@mail.customers.test", from,
		}, "authenticated by dkim of mail.customers.test"},
		{"a signature of another shop below the same suffix", "", []string{
			"Authentication-Results: mx.example.test; dkim=pass header.d=evil.co.uk", "From: a@bank.co.uk",
		}, "unauthenticated by dkim of bank.co.uk"},
		{"spf of the envelope's domain", "", []string{"Authentication-Results: mx.example.test; spf=pass smtp.mailfrom=bounce@customers.test", from}, "authenticated by spf of customers.test"},
		{"spf of another domain", "", []string{"Authentication-Results: mx.example.test; spf=pass smtp.mailfrom=bounce@evil.test", from}, "unauthenticated by spf of customers.test"},
		{"spf of the greeting only", "", []string{"Authentication-Results: mx.example.test; spf=pass smtp.helo=customers.test", from}, "unauthenticated by spf of customers.test"},
		{"its own trouble", "", []string{"Authentication-Results: mx.example.test; dkim=temperror header.d=customers.test", from}, "unknown"},
		{"comments and quotes", "", []string{
			`Authentication-Results: mx.example.test (a; dmarc=fail (x) header.from=customers.test);`,
			` dkim = pass (2048-bit key; secure) reason="good; dmarc=fail" header.d = customers.test`, from,
		}, "authenticated by dkim of customers.test"},
		{"a pass in a comment", "", []string{"Authentication-Results: mx.example.test; spf=none (dmarc=pass header.from=customers.test; dkim=pass header.d=customers.test)", from}, "unauthenticated by spf of customers.test"},
		{"a stranger's word", "", []string{"Authentication-Results: mx.evil.test; dmarc=pass header.from=customers.test", from}, "unknown"},
		{"a stranger's word above ours", "", []string{"Authentication-Results: mx.evil.test; dmarc=pass header.from=customers.test", pass, from}, "unknown"},
		{"a stranger's word in our name below ours", "", []string{"Authentication-Results: mx.example.test; dkim=none", pass, from}, "unauthenticated by dkim of customers.test"},
		{"two authors in one field", "", []string{pass, "From: " + anna + ", boss@bank.test"}, "unauthenticated"},
		{"two fields", "", []string{pass, from, "From: boss@bank.test"}, "unauthenticated"},
		{"an address as a name", "", []string{pass, `From: "boss@bank.test" <` + anna + ">"}, "authenticated by dmarc of customers.test"},
		{"no author", "", []string{pass, "Reply-To: " + anna}, "unauthenticated"},
		{"another script", "", []string{"Authentication-Results: mx.example.test; dmarc=pass header.from=xn--mnchen-3ya.test", "From: a@münchen.test"}, "authenticated by dmarc of xn--mnchen-3ya.test"},

		{"a server that nobody vouches for", "imap.example.test", []string{pass, from}, "unknown"},
		{"gmail", "imap.gmail.com", []string{
			"Authentication-Results: mx.google.com;",
			"       dkim=pass header.i=@customers.test header.s=s1 header.b=abcdefgh;",
			"       spf=pass (google.com: domain of b@customers.test designates 192.0.2.1 as permitted sender) smtp.mailfrom=b@customers.test;",
			"       dmarc=pass (p=QUARANTINE sp=QUARANTINE dis=NONE) header.from=customers.test", from,
		}, "authenticated by dmarc of customers.test"},
		{"microsoft", "outlook.office365.com", []string{
			"Authentication-Results: spf=pass (sender IP is 192.0.2.1)",
			" smtp.mailfrom=customers.test; dkim=pass (signature was verified)",
			" header.d=customers.test;dmarc=pass action=none header.from=customers.test;compauth=pass reason=100", from,
		}, "authenticated by dmarc of customers.test"},
		{"microsoft: best guess", "outlook.office365.com", []string{
			"Authentication-Results: spf=fail smtp.mailfrom=evil.test; dkim=none (message not signed) header.d=none;dmarc=none action=none header.from=customers.test;compauth=fail reason=001", from,
		}, "unauthenticated by spf of customers.test"},
		{"no name outside of microsoft", "imap.gmail.com", []string{"Authentication-Results: dmarc=pass header.from=customers.test", from}, "unknown"},
		{"icloud writes several", "p01-imap.mail.me.com", []string{
			"Authentication-Results: bimi.icloud.com; bimi=skipped reason=\"insufficient dmarc\"",
			"Authentication-Results: dmarc.icloud.com; dmarc=pass header.from=customers.test", from,
		}, "unknown"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := plainConfig(t, "127.0.0.1:1", "127.0.0.1:1")
			config.TrustedAuthserv = []string{"MX.example.test"}
			if c.host != "" {
				config.TrustedAuthserv, config.IMAP.Host = nil, c.host
			}
			m := decodeMessage(t, open(t, config), eml(append(c.header, "Message-ID: <1@x.test>", "", "Hello")...))
			if got := verdictOf(m.Authentication); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestGenuineMailInOurNameIsNotOurs(t *testing.T) {
	config := plainConfig(t, "127.0.0.1:1", "127.0.0.1:1")
	config.TrustedAuthserv = []string{"mx.example.test"}
	m := decodeMessage(t, open(t, config), eml(
		"Authentication-Results: mx.example.test; dmarc=pass header.from=example.test",
		"From: "+desk, "To: "+anna, "Message-ID: <db.aaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaa@example.test>", "", "Pay here"))
	if !m.Automated || m.Direction != normalize.Inbound || verdictOf(m.Authentication) != "authenticated by dmarc of example.test" {
		t.Errorf("automated %t, %s, %s", m.Automated, m.Direction, verdictOf(m.Authentication))
	}
}

func TestNamesOfServersAreChecked(t *testing.T) {
	for id, ok := range map[string]bool{"mx.example.test": true, ".example.test": true, "": false, ".": false, "mx 1": false, "a;b": false, "me@x": false} {
		c := plainConfig(t, "127.0.0.1:1", "127.0.0.1:1")
		c.TrustedAuthserv = []string{id}
		errs := c.Validate()
		if (len(errs) == 0) != ok || !ok && !strings.Contains(errs[0].Error(), "trusted_authserv") {
			t.Errorf("%q: %v", id, errs)
		}
	}
}

func FuzzAuthenticationResults(f *testing.F) {
	f.Add("mx.example.test; dkim=pass (a(b)c\\)) header.d=\"x;y\"; dmarc=pass header.from=customers.test")
	f.Add("spf=pass smtp.mailfrom=<a@b>;=;;(\"")
	f.Fuzz(func(t *testing.T, v string) {
		h := header{{"from", anna}, {"authentication-results", "mx.evil.test; " + v}}
		a := newAuthservers([]string{"mx.example.test"}, "")
		if list, judged := a.results(h); judged || len(list) > 0 {
			t.Fatalf("%q made a stranger's word ours", v)
		}
		h[1].value = v
		list, _ := a.results(h)
		verdict("customers.test", list)
	})
}
