package twilio_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel/twilio"
	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/twilio"
	"github.com/deskbridge/deskbridge/normalize"
)

// signed is a call of Twilio's for an SMS.
func signed(change func(url.Values)) *connectors.Request {
	p := url.Values{"AccountSid": {accountSID}, "MessageSid": {"SM1"}, "From": {anna}, "To": {ours}, "Body": {"Hello"}, "SmsStatus": {"received"}}
	if change != nil {
		change(p)
	}
	r := &connectors.Request{
		Method: http.MethodPost, URL: public + "/webhooks/phone", Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
		Body: []byte(p.Encode()), ReceivedAt: time.Now(),
	}
	sign(r)
	return r
}

func TestSignatures(t *testing.T) {
	r := newRig(t, options{})
	for _, c := range []struct {
		name string
		call func() *connectors.Request
		want error
	}{
		{"genuine", func() *connectors.Request { return signed(nil) }, nil},
		{"another address than the configured one", func() *connectors.Request {
			q := signed(nil)
			q.URL = "https://10.0.0.5:8080/webhooks/phone"
			return q
		}, connectors.ErrForged},
		{"signed with the port, which a proxy hides", func() *connectors.Request {
			q := signed(nil)
			q.URL = "https://desk.example.com:443/webhooks/phone"
			sign(q)
			q.URL = public + "/webhooks/phone"
			return q
		}, nil},
		{"with another token", func() *connectors.Request {
			q := signed(nil)
			params, _ := url.ParseQuery(string(q.Body))
			q.Header.Set("X-Twilio-Signature", simulator.Sign("another", q.URL, params))
			return q
		}, connectors.ErrForged},
		{"for another account", func() *connectors.Request { return signed(func(p url.Values) { p.Set("AccountSid", "AC2") }) }, connectors.ErrMalformed},
		{"at an address of ours that there is not", func() *connectors.Request {
			q := signed(nil)
			q.URL, q.Path = public+"/webhooks/phone/elsewhere", "/elsewhere"
			sign(q)
			return q
		}, connectors.ErrMalformed},
		{"by GET", func() *connectors.Request {
			q := signed(nil)
			q.Method, q.URL, q.Body = http.MethodGet, q.URL+"?"+string(q.Body), nil
			q.Header = http.Header{"X-Twilio-Signature": {simulator.Sign(authToken, q.URL, nil)}}
			return q
		}, nil},
		{"a parameter with two values", func() *connectors.Request {
			// HMAC-SHA1 of "https://desk.example.com/webhooks/phone" and the sorted
			// parameters, of which Tag stands there as "TagaTagb", once each.
			q := signed(nil)
			q.Body = []byte("Tag=b&Tag=a&AccountSid=" + accountSID + "&MessageSid=SM1&Tag=b")
			q.Header.Set("X-Twilio-Signature", "qqMNpAnHYazGyn+stNlGSmYH/KU=")
			return q
		}, nil},
		{"by GET, with a body that nothing signs", func() *connectors.Request {
			q := signed(nil)
			q.Method, q.URL = http.MethodGet, q.URL+"?"+string(q.Body)
			q.Header = http.Header{"X-Twilio-Signature": {simulator.Sign(authToken, q.URL, nil)}}
			return q
		}, connectors.ErrForged},
		{"JSON", jsonCall, nil},
		{"JSON, a thousand events too many", func() *connectors.Request {
			q := jsonCall()
			q.URL, q.Body = public+"/webhooks/phone/status", []byte("["+strings.Repeat(`{"id":"EZ1"},`, 2000)+`{"id":"EZ1"}]`)
			sign(q)
			return q
		}, connectors.ErrMalformed},
		{"JSON that is said to be CloudEvents", func() *connectors.Request {
			q := jsonCall()
			q.Header.Set("Content-Type", "application/cloudevents-batch+json")
			return q
		}, nil},
		{"JSON, another body", func() *connectors.Request { q := jsonCall(); q.Body[10] ^= 1; return q }, connectors.ErrForged},
		{"JSON that says it is a form", func() *connectors.Request {
			q := jsonCall()
			q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			return q
		}, connectors.ErrForged},
		{"JSON without its digest", func() *connectors.Request {
			q := jsonCall()
			q.URL, _, _ = strings.Cut(q.URL, "?")
			q.Header.Set("X-Twilio-Signature", simulator.Sign(authToken, q.URL, nil))
			return q
		}, connectors.ErrForged},
		{"JSON that is none", func() *connectors.Request {
			q := jsonCall()
			q.URL, q.Body = public+"/webhooks/phone/status", []byte(`[{"id":`)
			sign(q)
			return q
		}, connectors.ErrMalformed},
		{"a thousand parameters too many", func() *connectors.Request {
			return signed(func(p url.Values) {
				for i := range 2000 {
					p.Set("P"+strconv.Itoa(i), "")
				}
			})
		}, connectors.ErrForged},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, _, err := r.phone.Parse(t.Context(), c.call())
			if !errors.Is(err, c.want) || (err == nil) != (len(b.Inputs) > 0) {
				t.Errorf("%d inputs, %v, want %v", len(b.Inputs), err, c.want)
			}
		})
	}
	t.Run("without the token nothing can be checked", func(t *testing.T) {
		r := newRig(t, options{config: func(c *twilio.Config) { c.AuthToken, c.APIKey, c.APISecret = "", "SK1", "secret" }})
		q := signed(nil)
		params, _ := url.ParseQuery(string(q.Body))
		q.Header.Set("X-Twilio-Signature", simulator.Sign("", q.URL, params))
		if _, _, err := r.phone.Parse(t.Context(), q); !errors.Is(err, connectors.ErrForged) {
			t.Errorf("taken: %v", err)
		}
	})
}

func jsonCall() *connectors.Request {
	q := &connectors.Request{
		Method: http.MethodPost, URL: public + "/webhooks/phone/status", Path: "/status", Header: http.Header{"Content-Type": {"application/json"}},
		Body: []byte(`{"id":"EZ1","type":"com.twilio.messaging.message.read","data":{"accountSid":"` + accountSID + `","messageSid":"SM1"}}`), ReceivedAt: time.Now(),
	}
	sign(q)
	return q
}

// Twilio's own example, from www.twilio.com/docs/usage/security.
func TestSimulatedSignatureIsTwilios(t *testing.T) {
	params := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+12349013030"}, "Digits": {"1234"}, "From": {"+12349013030"}, "To": {"+18005551212"}}
	if got := simulator.Sign("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", params); got != "0/KCTR6DLpKmkAf8muzZqo1nDgQ=" {
		t.Errorf("signature %s", got)
	}
}

// Media come from where Twilio leads, which must not see the credentials.
func TestMedia(t *testing.T) {
	picture := bytes.Repeat([]byte("picture"), 1000)
	for _, elsewhere := range []bool{false, true} {
		r := newRig(t, options{vendor: func(o *simulator.Options) { o.MediaElsewhere = elsewhere }})
		m := r.receive(simulator.Inbound{From: anna, To: ours, Body: "look", Media: []simulator.Medium{{ContentType: "image/jpeg", Content: picture}}})
		if len(m.Parts) != 2 || m.Parts[1].Kind != normalize.PartImage || m.Parts[1].Media.Ref == "" {
			t.Fatalf("parts %+v", m.Parts)
		}
		ref := m.Parts[1].Media.Ref
		f, err := r.phone.Fetch(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(f.Body)
		_ = f.Body.Close()
		if err != nil || !bytes.Equal(b, picture) || f.ContentType != "image/jpeg" {
			t.Errorf("%d bytes of %s, %v", len(b), f.ContentType, err)
		}
		if n := r.vendor.Leaks(); n != 0 {
			t.Errorf("the credentials were shown %d times to the host of the media", n)
		}
		for _, c := range []struct {
			name  string
			ref   string
			fault fault.Fault
			class connectors.Class
		}{
			{"deleted", strings.Replace(ref, "/ME", "/ME9", 1), fault.Fault{}, connectors.Rejected},
			{"no reference of ours", "../../secrets", fault.Fault{}, connectors.Rejected},
			{"not now", ref, fault.Fault{Kind: fault.Refuse, Status: 503}, connectors.Transient},
			{"credentials of before", ref, fault.Fault{Kind: fault.Refuse, Status: 401}, connectors.AccountDown},
			{"too fast", ref, fault.Fault{Kind: fault.Refuse, Status: 429, RetryAfter: time.Second}, connectors.Throttled},
			{"cut", ref, fault.Fault{Kind: fault.Cut}, connectors.Transient},
		} {
			if c.fault.Kind != "" {
				r.vendor.Faults.Add(c.fault, c.fault) // a GET is repeated by the client once
			}
			_, err := r.phone.Fetch(t.Context(), c.ref)
			if e := connectors.Classify(err); err == nil || e.Class != c.class || strings.Contains(err.Error(), authToken) {
				t.Errorf("%s: %v, want %s", c.name, err, c.class)
			}
			r.vendor.Faults.Clear()
		}
	}
}

// Whoever writes what cannot be read is on the timeline all the same.
func TestWhoWroteWhatCannotBeRead(t *testing.T) {
	r := newRig(t, voice(nil))
	const elsewhere = "&NumMedia=1&MediaUrl0=https://evil.example/x"
	for _, c := range []struct {
		name, path, raw, want, thread string
	}{
		{"a medium elsewhere", "", "MessageSid=SM1&From=" + url.QueryEscape(whatsAppAnna) + "&To=" + url.QueryEscape(whatsAppOurs) + "&ProfileName=Anna" + elsewhere, anna, whatsAppOurs},
		{"a broken form", "", "MessageSid=SM1&From=%2B15550100777&To=%2B15550100123&Body=100%", anna, ours},
		{"a call without an id", "/voice", "From=%2B15550100777&To=%2B15550100123&Direction=inbound", anna, "voice:" + ours},
		{"nobody", "", "MessageSid=SM1&To=%2B15550100123", "", ""},
		{"what became of ours", "/status", "MessageStatus=delivered&From=%2B15550100123&To=%2B15550100777", "", ""},
		{"a call of ours", "/voice", "From=%2B15550100123&To=%2B15550100777&Direction=outbound-api", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := normalize.Input{ContentType: "application/x-www-form-urlencoded", Raw: []byte(c.raw), Meta: map[string]string{"path": c.path}}
			if item, err := r.phone.Decode(in); err == nil {
				t.Errorf("it was read: %+v", item)
			}
			m := r.phone.Peek(in)
			if (m != nil) != (c.want != "") || m != nil && (m.Address.Value != c.want || m.Thread.ID != c.thread) {
				t.Errorf("%+v, want %s in %s", m, c.want, c.thread)
			}
		})
	}
}

// A medium that is said to be elsewhere than at Twilio's API is not fetched.
func TestMediaElsewhereAreRefused(t *testing.T) {
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked for") }))
	defer stranger.Close()
	r := newRig(t, options{})
	in := normalize.Input{ContentType: "application/x-www-form-urlencoded", Raw: []byte(url.Values{
		"MessageSid": {"SM1"}, "From": {anna}, "To": {ours}, "NumMedia": {"1"}, "MediaUrl0": {stranger.URL + "/x.png"}, "MediaContentType0": {"image/png"},
	}.Encode())}
	if item, err := r.phone.Decode(in); err == nil {
		t.Errorf("taken: %+v", item)
	}
}
