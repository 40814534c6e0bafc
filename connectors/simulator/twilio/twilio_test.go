package twilio_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/deskbridge/deskbridge/connectors/simulator/twilio"
)

const account, token = "AC1", "secret"

func start(t *testing.T) *twilio.Server {
	t.Helper()
	before := goleak.IgnoreCurrent()
	s, err := twilio.Start(twilio.Options{
		AccountSID: account, AuthToken: token, Senders: []string{"+15550100123", "EXAMPLE"}, Services: map[string][]string{"MG1": {"+15550100123"}},
		Hook: "http://127.0.0.1:1/webhooks/phone", Closed: []string{"+850"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
		if err := goleak.Find(before); err != nil {
			t.Error(err)
		}
	})
	return s
}

// create asks for a message or a call and returns the status and Twilio's code.
func create(t *testing.T, s *twilio.Server, resource, password string, form url.Values) (status, code int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/2010-04-01/Accounts/"+account+"/"+resource+".json", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(account, password)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body struct{ Code int }
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body.Code
}

// The simulator refuses what Twilio refuses.
func TestRules(t *testing.T) {
	const ours, anna = "+15550100123", "+15550100777"
	message := func(change func(url.Values)) url.Values {
		f := url.Values{"To": {anna}, "From": {ours}, "Body": {"Hello"}}
		if change != nil {
			change(f)
		}
		return f
	}
	set := func(key string, values ...string) func(url.Values) { return func(f url.Values) { f[key] = values } }
	call := func(change func(url.Values)) url.Values {
		f := url.Values{"To": {anna}, "From": {ours}, "Twiml": {"<Response><Say>Hello</Say></Response>"}}
		change(f)
		return f
	}
	for _, c := range []struct {
		name     string
		resource string
		form     url.Values
		want     int
	}{
		{"good", "Messages", message(nil), 0},
		{"no receiver", "Messages", message(set("To")), 21604},
		{"not a number", "Messages", message(set("To", "0301234")), 21211},
		{"no sender", "Messages", message(set("From")), 21603},
		{"another's number", "Messages", message(set("From", "+15550100999")), 21606},
		{"a number to WhatsApp", "Messages", message(set("To", "whatsapp:"+anna)), 21910},
		{"another's WhatsApp sender", "Messages", message(func(f url.Values) { f.Set("To", "whatsapp:"+anna); f.Set("From", "whatsapp:+15550100999") }), 63007},
		{"no such service", "Messages", message(set("MessagingServiceSid", "MG2")), 21701},
		{"a number that the service does not have", "Messages", message(func(f url.Values) { f.Set("MessagingServiceSid", "MG1"); f.Set("From", "EXAMPLE") }), 21606},
		{"nothing to say", "Messages", message(set("Body")), 21619},
		{"as long as it may be", "Messages", message(set("Body", strings.Repeat("a", 1600))), 0},
		{"too long", "Messages", message(set("Body", strings.Repeat("a", 1601))), 21617},
		{"eleven pictures", "Messages", message(set("MediaUrl", strings.Fields(strings.Repeat("https://example.com/a.png ", 11))...)), 21623},
		{"a name with a picture", "Messages", message(func(f url.Values) {
			f.Set("From", "EXAMPLE")
			f.Set("To", "+4930901820")
			f.Set("MediaUrl", "https://example.com/a.png")
		}), 21612},
		{"a name to the USA", "Messages", message(set("From", "EXAMPLE")), 21612},
		{"to ourselves", "Messages", message(set("To", ours)), 21266},
		{"a country that is closed", "Messages", message(set("To", "+8501234567")), 21408},
		{"a call", "Calls", call(func(url.Values) {}), 0},
		{"a call from a name", "Calls", call(set("From", "EXAMPLE")), 21210},
		{"a call with nothing to do", "Calls", call(set("Twiml")), 21205},
		{"a call to a country that is closed", "Calls", call(set("To", "+8501234567")), 21215},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, code := create(t, start(t), c.resource, token, c.form)
			if code != c.want || (c.want == 0) != (status == http.StatusCreated) {
				t.Errorf("status %d, code %d, want code %d", status, code, c.want)
			}
		})
	}
	if status, code := create(t, start(t), "Messages", "wrong", message(nil)); status != http.StatusUnauthorized || code != 20003 {
		t.Errorf("wrong token: status %d, code %d", status, code)
	}
}

// An opt-out holds for the whole service, whichever of its numbers it was sent
// to.
func TestOptOutHoldsForTheService(t *testing.T) {
	const ours, anna = "+15550100123", "+15550100777"
	s := start(t)
	if _, err := s.Receive(t.Context(), twilio.Inbound{From: anna, To: ours, Body: "Stop"}); err == nil {
		t.Error("nobody listens, and it was taken")
	}
	for _, form := range []url.Values{
		{"To": {anna}, "From": {ours}, "Body": {"Hello"}},
		{"To": {anna}, "MessagingServiceSid": {"MG1"}, "Body": {"Hello"}},
	} {
		if _, code := create(t, s, "Messages", token, form); code != 21610 {
			t.Errorf("code %d", code)
		}
	}
	if n := len(s.Messages()); n != 0 {
		t.Errorf("%d messages went out", n)
	}
}
