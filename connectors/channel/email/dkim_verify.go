package email

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"golang.org/x/sync/errgroup"

	"github.com/deskbridge/deskbridge/normalize"
)

// Whether a signature (DKIM, RFC 6376) holds is asked once, while the mail is
// fetched, since keys stand in DNS and come and go. The answer goes into the
// ledger with the mail, so that a replay years later decodes the same.

// metaDKIM holds the answer: "pass", "fail" or "none" and the domain of the
// signature. Missing where nobody looked or DNS did not answer.
const metaDKIM = "dkim"

// Bounds on what verifying may cost. A stranger chooses the signatures and
// their domains; mail that is older than a while is not verified, since keys
// are withdrawn and a first catch-up would ask for thousands.
const (
	dkimMailAge     = 7 * 24 * time.Hour
	dkimPerBatch    = 10 * time.Second
	dkimParallel    = 8
	dkimSignatures  = 3 // of the author's domain
	dkimSignedKeys  = 200
	dkimFields      = 500
	dkimHeaderBytes = 64 << 10
)

// verifyAll notes on each input whether its signature holds, where our server
// said nothing. It has no error: what cannot be found out is left open.
func (e *Email) verifyAll(ctx context.Context, inputs []normalize.Input) {
	if e.cfg.VerifyDKIM == dkimOff {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, dkimPerBatch)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(dkimParallel)
	for _, in := range inputs {
		if in.Refused != "" || e.deps.Clock.Now().Sub(in.ReceivedAt) > dkimMailAge {
			continue
		}
		g.Go(func() error {
			if answer := e.verify(ctx, in.Raw); answer != "" {
				in.Meta[metaDKIM] = answer // a map of this input alone
			}
			return nil
		})
	}
	_ = g.Wait()
}

// verify returns what is noted of one mail; "" for nothing.
func (e *Email) verify(ctx context.Context, raw []byte) (answer string) {
	h, _, err := readHeader(raw[:min(len(raw), maxHeaderBytes)])
	if err != nil || !h.has("dkim-signature") {
		return ""
	}
	if _, judged := e.authserv.results(h); judged {
		return ""
	}
	domain := fromDomain(h)
	if domain == "" {
		return "none"
	}
	defer func() {
		if r := recover(); r != nil { // a stranger's bytes in a library
			e.deps.Log.Warn("verifying a signature failed", "err", fmt.Sprint(r))
			answer = ""
		}
	}()
	mail, ok := splitSignatures(raw)
	if !ok {
		return ""
	}
	answer = "none"
	tried, open := 0, false
	for _, s := range mail.signatures {
		d := signingDomain(s)
		if !aligned(d, domain) {
			continue // says nothing about the author
		}
		if tried++; tried > dkimSignatures || ctx.Err() != nil {
			break
		}
		switch err := e.keys.check(ctx, mail.with(s)); {
		case err == nil:
			return "pass " + d
		case dkim.IsTempFail(err) || ctx.Err() != nil:
			open = true
		default:
			answer = "fail " + d
		}
	}
	if open || ctx.Err() != nil {
		return ""
	}
	return answer
}

// dkimVerdict reads what verify noted. No signature of the author's domain is
// no sign of anything: the sender may be known by ways that only the
// receiving server can check.
func dkimVerdict(domain, noted string) *normalize.Authentication {
	result, d, _ := strings.Cut(noted, " ")
	if !aligned(d, domain) {
		return nil
	}
	switch result {
	case "pass":
		return &normalize.Authentication{Verdict: normalize.Authenticated, By: "dkim", Domain: d}
	case "fail":
		return &normalize.Authentication{Verdict: normalize.Unauthenticated, By: "dkim", Domain: domain}
	}
	return nil
}

// signedMail is a mail apart from its signatures, so that one is looked at
// after the other: the library would check all of them, at once.
type signedMail struct {
	signatures [][]byte // whole fields
	others     []byte   // the other fields
	body       []byte   // with the empty line before it
}

func (m signedMail) with(signature []byte) io.Reader {
	return io.MultiReader(bytes.NewReader(signature), bytes.NewReader(m.others), bytes.NewReader(m.body))
}

// splitSignatures cuts the signatures out of a header. It refuses what would
// be costly or ambiguous to check, such as a second From that is spelt so
// that we and the library disagree on which is one.
func splitSignatures(raw []byte) (m signedMail, ok bool) {
	fields, froms := 0, 0
	var current []byte
	flush := func() {
		if len(current) == 0 {
			return
		}
		name, _, _ := bytes.Cut(current, []byte(":"))
		switch name = bytes.TrimSpace(name); {
		case bytes.EqualFold(name, []byte("dkim-signature")):
			m.signatures = append(m.signatures, current)
		default:
			if bytes.EqualFold(name, []byte("from")) {
				froms++
			}
			m.others = append(m.others, current...)
		}
		fields++
		current = nil
	}
	for rest := raw; ; {
		line, next, found := bytes.Cut(rest, []byte("\n"))
		if !found || fields > dkimFields || len(raw)-len(next) > dkimHeaderBytes {
			return m, false
		}
		if len(bytes.TrimRight(line, "\r")) == 0 {
			flush()
			m.body = rest
			return m, froms == 1
		}
		if line[0] != ' ' && line[0] != '\t' {
			flush()
		}
		current = append(current, rest[:len(line)+1]...)
		rest = next
	}
}

// signingDomain returns the domain of a signature; "" for one that is not
// looked at.
func signingDomain(field []byte) string {
	_, tags, _ := strings.Cut(string(field), ":")
	domain := ""
	for tag := range strings.SplitSeq(tags, ";") {
		name, value, _ := strings.Cut(tag, "=")
		value = strings.Join(strings.Fields(value), "")
		switch strings.TrimSpace(name) {
		case "d":
			domain = value
		case "h":
			if strings.Count(value, ":") > dkimSignedKeys || strings.Contains(strings.ToLower(value), "dkim-signature") {
				return ""
			}
		}
	}
	// A name that is spelt otherwise in DNS is left alone: only plain ones are
	// looked up.
	if strings.Trim(domain, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") != "" {
		return ""
	}
	return asciiDomain(domain)
}

// keyring asks DNS for keys and remembers the answers for a while.
type keyring struct {
	// lookup returns the TXT records of a name.
	lookup func(ctx context.Context, name string) ([]string, error)

	mu    sync.Mutex
	known map[string]keyAnswer
}

type keyAnswer struct {
	records []string
	err     error
	at      time.Time
}

const (
	keyTimeout  = 3 * time.Second
	keyKept     = 5 * time.Minute
	keysAtMost  = 1000
	keyNameSize = 253 // bytes, RFC 1035 section 2.3.4
)

func newKeyring() *keyring {
	return &keyring{known: map[string]keyAnswer{}, lookup: func(ctx context.Context, name string) ([]string, error) {
		return net.DefaultResolver.LookupTXT(ctx, name+".") // never below a local domain
	}}
}

// check verifies the only signature of a mail.
func (k *keyring) check(ctx context.Context, raw io.Reader) error {
	list, err := dkim.VerifyWithOptions(raw, &dkim.VerifyOptions{
		LookupTXT:        func(name string) ([]string, error) { return k.ask(ctx, name) },
		MaxVerifications: 1,
	})
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return errors.New("no signature")
	}
	return list[0].Err
}

func (k *keyring) ask(ctx context.Context, name string) ([]string, error) {
	if name = strings.ToLower(name); len(name) > keyNameSize {
		return nil, errors.New("the name of the key is too long")
	}
	k.mu.Lock()
	a, ok := k.known[name]
	k.mu.Unlock()
	if ok && time.Since(a.at) < keyKept {
		return a.records, a.err
	}
	within, cancel := context.WithTimeout(ctx, keyTimeout)
	defer cancel()
	a.records, a.err = k.lookup(within, name)
	if within.Err() != nil && a.err != nil {
		a.err = &net.DNSError{Err: "no answer in time", Name: name, IsTimeout: true, IsTemporary: true}
	}
	if ctx.Err() != nil {
		return a.records, a.err // says nothing about the name
	}
	a.at = time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) >= keysAtMost {
		clear(k.known)
	}
	k.known[name] = a
	return a.records, a.err
}
