package email

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors/channel"
)

func newEd25519(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pkcs8(t testing.TB, key any) configs.Secret {
	t.Helper()
	b, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("PRIVATE KEY", b)
}

func pemOf(kind string, b []byte) configs.Secret {
	return configs.Secret(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
}

// verifies checks the mail's one signature with a library.
func verifies(t testing.TB, dns names, raw []byte) error {
	t.Helper()
	list, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) { return dns.lookup(t.Context(), name) },
	})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d signatures, %v", len(list), err)
	}
	return list[0].Err
}

func TestSignedMailArrivesWithASignatureThatHolds(t *testing.T) {
	pair, edwards := newRSA(t), newEd25519(t)
	for name, key := range map[string]crypto.Signer{"rsa": pair, "ed25519": edwards} {
		t.Run(name, func(t *testing.T) {
			e, s := onSimulator(t, func(c *Config) { c.DKIM = &DKIM{Domain: "example.test", Selector: "desk1", PrivateKey: pkcs8(t, key)} })
			dns := names{"desk1._domainkey.example.test": record(t, key)}
			for what, o := range map[string]*channel.Outbound{
				"rich": richAnswer(t, e),
				// Two ways of ending: quoted-printable with a line end, base64 without.
				"plain":   outbound(t, e, nil, textPart("Your order\n\n has left.  \n\n\n")),
				"chinese": outbound(t, e, nil, textPart("你好，您的订单已发出。")),
			} {
				if _, err := e.Send(t.Context(), o); err != nil {
					t.Fatal(what, err)
				}
				in := s.Inbox(anna)
				arrived := in[len(in)-1].Raw
				if err := verifies(t, dns, arrived); err != nil {
					t.Errorf("%s: %v\n%s", what, err, arrived)
				}
				if err := e.Finish(t.Context(), o); err != nil {
					t.Fatal(what, err)
				}
				copies := s.Mailbox(desk, "Sent")
				if kept := copies[len(copies)-1].Raw; !bytes.Contains(bytes.TrimSpace(arrived), bytes.TrimSpace(kept)) {
					t.Errorf("%s: the copy is not the mail that was sent", what)
				}
			}
		})
	}
}

func TestSignatureCoversWhatReadersSee(t *testing.T) {
	key := newRSA(t)
	config := plainConfig(t, "127.0.0.1:1", "127.0.0.1:1")
	config.DKIM = &DKIM{Domain: "example.test", Selector: "desk1", PrivateKey: pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))}
	e := open(t, config)
	o := richAnswer(t, e)
	raw := composed(t, e, o)
	dns := names{"desk1._domainkey.example.test": record(t, key)}
	for what, changed := range map[string][]byte{
		"a relay's trace":    append([]byte("Received: by mx.example.test\r\n"), raw...),
		"folded otherwise":   bytes.Replace(raw, []byte("From: "), []byte("From:\r\n   "), 1),
		"empty lines behind": append(bytes.Clone(raw), "\r\n\r\n"...),
	} {
		if err := verifies(t, dns, changed); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, changed := range map[string][]byte{
		"a second author":  append([]byte("From: boss@example.test\r\n"), raw...),
		"a second subject": append([]byte("Subject: Pay\r\n"), raw...),
		"an answer's way":  append([]byte("Reply-To: evil@evil.test\r\n"), raw...),
		"another copy":     append([]byte("Cc: evil@evil.test\r\n"), raw...),
		"another body":     bytes.Replace(raw, []byte("Content-Disposition"), []byte("X-Disposition"), 1),
		"another kind":     bytes.Replace(raw, []byte("multipart/mixed"), []byte("multipart/other"), 1),
	} {
		if err := verifies(t, dns, changed); err == nil {
			t.Errorf("%s passes", what)
		}
	}
	if again := composed(t, e, o); !bytes.Equal(again, raw) {
		t.Error("a second attempt is another mail")
	}
}

// TestSignatureByTheLetter follows RFC 6376 section 3.7 step by step, apart
// from any library for it.
func TestSignatureByTheLetter(t *testing.T) {
	key := newRSA(t)
	config := plainConfig(t, "127.0.0.1:1", "127.0.0.1:1")
	config.DKIM = &DKIM{Domain: "example.test", Selector: "desk1", PrivateKey: pkcs8(t, key)}
	e := open(t, config)
	head, body, _ := strings.Cut(string(composed(t, e, richAnswer(t, e))), "\r\n\r\n")

	relaxed := func(s string) string { return regexp.MustCompile(`[ \t]+`).ReplaceAllString(s, " ") }
	body = strings.ReplaceAll(relaxed(body), " \r\n", "\r\n")
	bodyHash := sha256.Sum256([]byte(strings.TrimRight(body, "\r\n") + "\r\n"))

	unfolded := regexp.MustCompile(`\r\n([ \t])`).ReplaceAllString(head, "$1")
	fields := map[string]string{}
	for line := range strings.SplitSeq(unfolded, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		fields[strings.ToLower(name)] = strings.TrimSpace(relaxed(value))
	}
	own := fields["dkim-signature"]
	tags := map[string]string{}
	for tag := range strings.SplitSeq(own, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(tag), "=")
		tags[name] = strings.ReplaceAll(value, " ", "")
	}
	if tags["bh"] != base64.StdEncoding.EncodeToString(bodyHash[:]) {
		t.Errorf("body hash %s", tags["bh"])
	}
	if tags["t"] != fmt.Sprint(now.Unix()) || tags["a"] != "rsa-sha256" || tags["c"] != "relaxed/relaxed" {
		t.Errorf("tags %v", tags)
	}
	var data strings.Builder
	for name := range strings.SplitSeq(tags["h"], ":") {
		if value, ok := fields[name]; ok {
			data.WriteString(name + ":" + value + "\r\n")
			delete(fields, name) // from the bottom up, each once
		}
	}
	data.WriteString("dkim-signature:" + own[:strings.LastIndex(own, "b=")+2])
	signature, err := base64.StdEncoding.DecodeString(tags["b"])
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(data.String()))
	if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
		t.Errorf("%v over\n%s", err, data.String())
	}
	for line := range strings.SplitSeq(head, "\r\n") {
		if len(line) > 100 {
			t.Errorf("a line of %d bytes: %s", len(line), line)
		}
	}
}

func TestKeysThatCannotSignAreMistakesInTheConfiguration(t *testing.T) {
	good := newRSA(t)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(good.Public())
	if err != nil {
		t.Fatal(err)
	}
	fine := pkcs8(t, good)
	cases := []struct {
		name string
		dkim DKIM
		want string // "" for none
	}{
		{"rsa", DKIM{"example.test", "desk1", fine}, ""},
		{"the smallest", DKIM{"example.test", "desk1", pkcs8(t, small)}, ""},
		{"sub-domain", DKIM{"mail.example.test", "2026.desk", pkcs8(t, newEd25519(t))}, ""},
		{"somebody else's domain", DKIM{"example.com", "desk1", fine}, "dkim.domain: a signature of example.com says nothing of mail from support@example.test"},
		{"no domain", DKIM{"example test", "desk1", fine}, "dkim.domain"},
		{"no selector", DKIM{"example.test", "", fine}, "dkim.selector"},
		{"an odd selector", DKIM{"example.test", "a;b=c", fine}, "dkim.selector"},
		{"a path", DKIM{"example.test", "desk1", "/etc/dkim.pem"}, "${file:/path}"},
		{"locked", DKIM{"example.test", "desk1", pemOf("ENCRYPTED PRIVATE KEY", []byte{1})}, "passphrase"},
		{"public", DKIM{"example.test", "desk1", pemOf("PUBLIC KEY", public)}, "public half"},
		{"of a certificate", DKIM{"example.test", "desk1", pemOf("CERTIFICATE", []byte{1})}, "openssl genpkey"},
		{"another kind", DKIM{"example.test", "desk1", pkcs8(t, curve)}, "neither an RSA nor an Ed25519"},
		{"damaged", DKIM{"example.test", "desk1", pemOf("PRIVATE KEY", []byte("nonsense"))}, "damaged"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := plainConfig(t, "127.0.0.1:1", "127.0.0.1:1")
			config.DKIM = &c.dkim
			err := errors.Join(config.Validate()...)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, want %s", err, c.want)
			case err != nil && len(c.dkim.PrivateKey) > 60 && strings.Contains(err.Error(), c.dkim.PrivateKey.Reveal()[40:60]):
				t.Errorf("the key is shown: %v", err)
			}
		})
	}
}

func TestLongBodyIsHashedAsItIs(t *testing.T) {
	text := strings.Repeat("a \t b  \r\n\r\n", 20_000)
	whole, pieces := &relaxedBody{sum: sha256.New()}, &relaxedBody{sum: sha256.New()}
	_, _ = whole.Write([]byte(text))
	for chunk := range chunked(text, 7) {
		_, _ = pieces.Write([]byte(chunk))
	}
	want := sha256.Sum256([]byte(strings.TrimRight(strings.Repeat("a b\r\n\r\n", 20_000), "\r\n") + "\r\n"))
	if a, b := whole.digest(), pieces.digest(); !bytes.Equal(a, want[:]) || !bytes.Equal(b, want[:]) {
		t.Error("the hash depends on how the body is written")
	}
	empty := (&relaxedBody{sum: sha256.New()}).digest()
	if want := sha256.Sum256(nil); !bytes.Equal(empty, want[:]) {
		t.Error("an empty body has no lines")
	}
}

func chunked(s string, n int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for ; s != ""; s = s[min(n, len(s)):] {
			if !yield(s[:min(n, len(s))]) {
				return
			}
		}
	}
}
