package tencent

import (
	"errors"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/silenceper/wechat/v2/util"

	"github.com/deskbridge/deskbridge/connectors"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/tencent"
)

const (
	testKey   = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
	otherKey  = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
	testToken = "callback-token"
)

var vendor = simulator.Signer{Token: testToken, AESKey: testKey, Receiver: "wx1"}

func TestCallbacksAreBelievedOnlyIfTheyAreTheVendors(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	words := "<xml>你好</xml>"
	seal := func(s simulator.Signer, at time.Time) (string, url.Values) {
		t.Helper()
		ciphertext, q, err := s.Seal([]byte(words), at)
		if err != nil {
			t.Fatal(err)
		}
		return ciphertext, q
	}
	ours := NewCallback(testToken, testKey, "wx1")
	ciphertext, q := seal(vendor, now)
	changed := func(key, value string) url.Values {
		c := maps.Clone(q)
		c[key] = []string{value}
		return c
	}
	for _, c := range []struct {
		name string
		q    url.Values
		at   time.Time
		want error
	}{
		{"as it came", q, now, nil},
		{"in the last moment", q, now.Add(Fresh), nil},
		{"our clock is behind", q, now.Add(-Fresh), nil},
		{"replayed", q, now.Add(Fresh + time.Second), connectors.ErrForged},
		{"from the future", q, now.Add(-Fresh - time.Second), connectors.ErrForged},
		{"unsigned", changed("msg_signature", ""), now, connectors.ErrForged},
		{"signed otherwise", changed("msg_signature", strings.Repeat("0", 40)), now, connectors.ErrForged},
		{"later timestamp", changed("timestamp", "1800000001"), now, connectors.ErrForged},
		{"timestamp of words", changed("timestamp", "now"), now, connectors.ErrForged},
		{"other nonce", changed("nonce", "n"), now, connectors.ErrForged},
	} {
		plain, err := ours.Open(c.q, ciphertext, c.at)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if err == nil && string(plain) != words {
			t.Errorf("%s: %q", c.name, plain)
		}
	}
	for _, c := range []struct {
		name string
		from simulator.Signer
		want error
	}{
		{"for another account", simulator.Signer{Token: testToken, AESKey: testKey, Receiver: "wx2"}, connectors.ErrForged},
		{"with another token", simulator.Signer{Token: "other", AESKey: testKey, Receiver: "wx1"}, connectors.ErrForged},
		{"with another key", simulator.Signer{Token: testToken, AESKey: otherKey, Receiver: "wx1"}, connectors.ErrMalformed},
	} {
		ciphertext, q := seal(c.from, now)
		if _, err := ours.Open(q, ciphertext, now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := NewCallback(testToken, "", "wx1").Open(q, ciphertext, now); !errors.Is(err, connectors.ErrMalformed) {
		t.Errorf("without a key: %v", err)
	}
	if _, err := NewCallback("", testKey, "wx1").Open(q, ciphertext, now); !errors.Is(err, connectors.ErrForged) {
		t.Errorf("without a token everything is forged: %v", err)
	}
}

// Whatever a stranger sends, nothing of it was signed.
func TestABodyWithoutCiphertextIsForged(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	ours := NewCallback(testToken, testKey, "wx1")
	ciphertext, q, err := vendor.Seal([]byte("<xml/>"), now)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := ours.OpenBody(q, []byte("<xml><Encrypt>"+ciphertext+"</Encrypt></xml>"), now); err != nil || string(plain) != "<xml/>" {
		t.Errorf("%q, %v", plain, err)
	}
	if _, err := ours.OpenBody(q, []byte(`{"Encrypt":"`+ciphertext+`"}`), now); !errors.Is(err, connectors.ErrForged) || !strings.Contains(err.Error(), "choose XML") {
		t.Errorf("JSON: %v", err)
	}
	for _, body := range []string{"", "hello", "<xml/>", "<xml><Encrypt></Encrypt></xml>", "<!DOCTYPE xml><xml><Encrypt>" + ciphertext + "</Encrypt></xml>"} {
		if _, err := ours.OpenBody(q, []byte(body), now); !errors.Is(err, connectors.ErrForged) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestPlainCallsAreVerified(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	q := vendor.Sign(now)
	ours := NewCallback(testToken, "", "wx1")
	if err := ours.Verify(q, now.Add(time.Minute)); err != nil {
		t.Error(err)
	}
	if err := ours.Verify(q, now.Add(time.Hour)); !errors.Is(err, connectors.ErrForged) {
		t.Errorf("replayed: %v", err)
	}
	q.Set("signature", "x")
	if err := ours.Verify(q, now); !errors.Is(err, connectors.ErrForged) {
		t.Errorf("forged: %v", err)
	}
	// Nothing stands between what is signed, so the time has ten digits.
	q = url.Values{"timestamp": {"01800000000"}, "nonce": {"n"}, "signature": {util.Signature(testToken, "01800000000", "n")}}
	if err := ours.Verify(q, now); !errors.Is(err, connectors.ErrForged) {
		t.Errorf("a time of eleven digits: %v", err)
	}
}

func TestDocumentsAreRead(t *testing.T) {
	var got struct {
		Content string `xml:"Content"`
	}
	for _, c := range []struct{ name, doc, want string }{
		{"plain", `<xml><Content><![CDATA[a < b & 你好]]></Content></xml>`, "a < b & 你好"},
		{"control characters", "<xml><Content><![CDATA[a\x00\x0bb\xff]]></Content></xml>", "a\uFFFD\uFFFDb\uFFFD"},
	} {
		if err := Unmarshal([]byte(c.doc), &got); err != nil || got.Content != c.want {
			t.Errorf("%s: %q, %v", c.name, got.Content, err)
		}
	}
	for name, doc := range map[string]string{
		"external entity": `<!DOCTYPE xml [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><Content>&e;</Content></xml>`,
		"document type":   `<!DOCTYPE xml><xml><Content>x</Content></xml>`,
		"entity":          `<xml><Content>&e;</Content></xml>`,
		"many laughs":     `<!DOCTYPE xml [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><xml><Content>&b;</Content></xml>`,
		"deep":            strings.Repeat("<a>", 1000) + strings.Repeat("</a>", 1000),
		"wide":            "<xml>" + strings.Repeat("<a/>", 10000) + "</xml>",
		"large":           "<xml><Content>" + strings.Repeat("x", maxXML) + "</Content></xml>",
		"nothing":         "",
		"no document":     "success",
		"cut":             "<xml><Content>",
		"other encoding":  `<?xml version="1.0" encoding="GBK"?><xml><Content>x</Content></xml>`,
	} {
		if err := Unmarshal([]byte(doc), &got); !errors.Is(err, connectors.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	ciphertext, q, _ := vendor.Seal([]byte("<xml/>"), now)
	f.Add(q.Encode(), ciphertext)
	ours := NewCallback(testToken, testKey, "wx1")
	f.Fuzz(func(t *testing.T, query, sealed string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		if plain, err := ours.Open(q, sealed, now); err == nil && string(plain) != "<xml/>" {
			t.Errorf("opened %q", plain)
		}
	})
}
