package webhook

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The example that the Standard Webhooks specification's own libraries are
// tested with.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	vectorBody      = `{"test": 2432232314}`

	otherSecret = "whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldA=="
)

var vectorTime = time.Unix(1614265330, 0)

func vectorHeader() http.Header {
	h := http.Header{}
	h.Set(HeaderID, vectorID)
	h.Set(HeaderTimestamp, "1614265330")
	h.Set(HeaderSignature, vectorSignature)
	return h
}

func TestSignIsThatOfTheSpecification(t *testing.T) {
	keys, err := parseSecrets(vectorSecret)
	if err != nil {
		t.Fatal(err)
	}
	if got := sign(keys, vectorID, vectorTime, []byte(vectorBody)); got != vectorSignature {
		t.Errorf("got %s, want %s", got, vectorSignature)
	}
}

func TestVerify(t *testing.T) {
	for _, c := range []struct {
		name   string
		secret string
		change func(http.Header)
		body   string
		after  time.Duration
		want   error
	}{
		{name: "as published"},
		{name: "near the end of the tolerance", after: 5 * time.Minute},
		{name: "one of two secrets", secret: otherSecret + " " + vectorSecret},
		{name: "one of several signatures", change: func(h http.Header) {
			h.Set(HeaderSignature, "v1a,abc= v1,bm90IHRoaXM= "+vectorSignature)
		}},
		{name: "too late", after: 5*time.Minute + time.Second, want: ErrStale},
		{name: "too early", after: -5*time.Minute - time.Second, want: ErrStale},
		{name: "another body", body: `{"test": 2432232315}`, want: ErrSignature},
		{name: "another secret", secret: otherSecret, want: ErrSignature},
		{name: "another id", change: func(h http.Header) { h.Set(HeaderID, "msg_other") }, want: ErrSignature},
		{name: "another time", change: func(h http.Header) { h.Set(HeaderTimestamp, "1614265331") }, want: ErrSignature},
		{name: "another version", change: func(h http.Header) { h.Set(HeaderSignature, "v2"+vectorSignature[2:]) }, want: ErrSignature},
		{name: "no signature", change: func(h http.Header) { h.Del(HeaderSignature) }, want: ErrUnsigned},
		{name: "no id", change: func(h http.Header) { h.Del(HeaderID) }, want: ErrUnsigned},
		{name: "time in words", change: func(h http.Header) { h.Set(HeaderTimestamp, "now") }, want: ErrUnsigned},
	} {
		t.Run(c.name, func(t *testing.T) {
			secret, body, header := vectorSecret, vectorBody, vectorHeader()
			if c.secret != "" {
				secret = c.secret
			}
			if c.body != "" {
				body = c.body
			}
			if c.change != nil {
				c.change(header)
			}
			if err := Verify(secret, header, []byte(body), vectorTime.Add(c.after)); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestBadSecretsAreNamedAndNotShown(t *testing.T) {
	for _, c := range []struct{ name, secret, want string }{
		{"none", "  ", "a secret is needed"},
		{"no prefix", "c2VjcmV0", "must begin with whsec_"},
		{"not base64", vectorSecret + " whsec_hunter2!", "secret 2 must be base64"},
		{"too short", "whsec_aHVudGVyMg==", "has 7 bytes"},
		{"too long", "whsec_" + strings.Repeat("YWJj", 30), "has 90 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseSecrets(c.secret)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want one with %q", err, c.want)
			}
			for field := range strings.FieldsSeq(c.secret) {
				if strings.Contains(err.Error(), field) {
					t.Errorf("the error shows the secret: %v", err)
				}
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(vectorID, "1614265330", vectorSignature)
	f.Add("", "-1", "v1,")
	f.Add("x", "9223372036854775807", "v1, v1,==== ,")
	keys, err := parseSecrets(vectorSecret)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id, timestamp, signature string) {
		h := http.Header{}
		h.Set(HeaderID, id)
		h.Set(HeaderTimestamp, timestamp)
		h.Set(HeaderSignature, signature)
		if Verify(vectorSecret, h, []byte(vectorBody), vectorTime) != nil {
			return
		}
		want := base64.RawStdEncoding.EncodeToString(mac(keys[0], id, timestamp, []byte(vectorBody)))
		if !strings.Contains(signature, want[:len(want)-1]) {
			t.Errorf("took %q for a signature of %q", signature, id)
		}
	})
}
