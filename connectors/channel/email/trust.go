package email

import (
	"strings"

	"github.com/emersion/go-msgauth/authres"
	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"github.com/deskbridge/deskbridge/normalize"
)

// authentication says whether somebody who can know vouches for the domain in
// From: our own mail server, or else a signature that was verified when the
// mail was fetched. Nil where nobody has looked. What a stranger wrote into
// the mail about itself never counts.
func (e *Email) authentication(h header, meta map[string]string) *normalize.Authentication {
	results, judged := e.authserv.results(h)
	if !judged && meta[metaDKIM] == "" {
		return nil
	}
	domain := fromDomain(h)
	switch {
	case domain == "" && (judged || meta[metaDKIM] != ""):
		// Nobody, or several at once: no check can be about what is shown.
		return &normalize.Authentication{Verdict: normalize.Unauthenticated}
	case judged:
		return verdict(domain, results)
	}
	return dkimVerdict(domain, meta[metaDKIM])
}

// fromDomain returns the domain of the one author of a mail; "" where From is
// missing or names several, of whom programs show now one and now another.
func fromDomain(h header) string {
	fields := 0
	for _, f := range h {
		if f.name == "from" {
			fields++
		}
	}
	list := parseAddresses(h.get("from"))
	if fields != 1 || len(list) != 1 {
		return ""
	}
	return asciiDomain(list[0].Value)
}

// verdict weighs what our server found. DMARC (RFC 7489) is about From and
// outweighs the others, which count where their domain is aligned with it.
func verdict(domain string, results []authres.Result) *normalize.Authentication {
	no := &normalize.Authentication{Verdict: normalize.Unauthenticated, Domain: domain}
	for _, r := range results {
		if d, ok := r.(*authres.DMARCResult); ok && asciiDomain(d.From) == domain {
			switch d.Value {
			case authres.ResultPass:
				return &normalize.Authentication{Verdict: normalize.Authenticated, By: "dmarc", Domain: domain}
			case authres.ResultFail:
				no.By = "dmarc"
				return no
			}
		}
	}
	for _, r := range results {
		var by, who string
		var value authres.ResultValue
		switch r := r.(type) {
		case *authres.DKIMResult:
			by, value, who = "dkim", r.Value, r.Domain
			if who == "" {
				who = r.Identifier
			}
		case *authres.SPFResult:
			by, value, who = "spf", r.Value, r.From
		default:
			continue
		}
		switch who = asciiDomain(who); value {
		case authres.ResultPass:
			if aligned(who, domain) {
				return &normalize.Authentication{Verdict: normalize.Authenticated, By: by, Domain: who}
			}
		case authres.ResultTempError: // has found out nothing
			continue
		}
		if no.By == "" {
			no.By = by
		}
	}
	if no.By == "" {
		return nil
	}
	return no
}

// aligned reports whether two domains belong to one organisation, which is
// RFC 7489's relaxed alignment: the same, or the same below a public suffix.
func aligned(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	if a == b {
		return true
	}
	x, err1 := publicsuffix.EffectiveTLDPlusOne(a)
	y, err2 := publicsuffix.EffectiveTLDPlusOne(b)
	return err1 == nil && err2 == nil && x == y
}

// asciiDomain returns the domain of an address, or a domain given by itself,
// in the form in which DNS has it.
func asciiDomain(s string) string {
	d := strings.TrimSuffix(domainOf(strings.Trim(s, `"<> `)), ".")
	if ascii, err := idna.Lookup.ToASCII(d); err == nil {
		return ascii
	}
	return d
}
