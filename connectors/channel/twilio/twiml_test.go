package twilio_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel/twilio"
	"github.com/deskbridge/deskbridge/normalize"
)

// What Twilio is told to do, to the letter.
func TestWhatTwilioIsTold(t *testing.T) {
	const (
		head = `<?xml version="1.0" encoding="UTF-8"?><Response>`
		hook = public + "/webhooks/phone"
		over = "#rc=5&amp;rp=5xx,ct,rt"
	)
	r := newRig(t, voice(func(v *twilio.Voice) {
		withMenu(v)
		v.RingFor, v.Record, v.Voicemail, v.Answer = 25*time.Second, true, twilio.Voicemail{MaxLength: 90 * time.Second, Transcribe: true}, "bridge"
	}))
	dial := `<Dial action="` + hook + `/voice?step=dialled` + over + `" answerOnBridge="true" record="record-from-answer-dual" recordingStatusCallback="` + hook + `/voice/recording` + over + `" timeout="25">` +
		`<Number statusCallback="` + hook + `/voice/status?leg=agent` + over + `" statusCallbackEvent="answered completed">` + agents + `</Number></Dial>`
	for step, want := range map[string]string{
		"": head + `<Gather action="` + hook + `/voice?step=menu` + over + `" input="dtmf" numDigits="1" timeout="5"><Say language="en-US">Welcome to Example.</Say>` +
			`<Say language="en-US">For orders press 1, for returns press 2.</Say></Gather>` + dial + `</Response>`,
		"menu": head + dial + `</Response>`,
		"dialled": head + `<Say language="en-US">Nobody can take your call now. Please leave a message after the tone.</Say>` +
			`<Record action="` + hook + `/voice?step=recorded` + over + `" maxLength="90" playBeep="true" recordingStatusCallback="` + hook + `/voice/recording` + over +
			`" timeout="10" transcribe="true" transcribeCallback="` + hook + `/voice/transcription` + over + `"/>` +
			`<Say language="en-US">Nobody can take your call now. Goodbye.</Say><Hangup/></Response>`,
	} {
		q := &connectors.Request{
			Method: "POST", URL: hook + "/voice", Path: "/voice", Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, ReceivedAt: time.Now(),
			Body: []byte("AccountSid=" + accountSID + "&CallSid=CA1&From=%2B15550100777&To=%2B15550100123&Direction=inbound&DialCallStatus=no-answer"),
		}
		if step != "" {
			q.URL += "?step=" + step
		}
		sign(q)
		_, reply, err := r.phone.Parse(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(ordered(want), ordered(string(reply.Body))); diff != "" {
			t.Errorf("step %q: %s", step, diff)
		}
	}
	question := &normalize.Message{Address: normalize.Address{Kind: normalize.KindPhone, Value: anna}, Thread: normalize.Thread{ID: "voice:" + ours}}
	for answer, want := range map[string]string{
		"say":    head + `<Pause length="1"/><Say language="en-US" loop="2">Hi</Say></Response>`,
		"bridge": head + `<Pause length="1"/><Say language="en-US">Hi</Say><Dial callerId="` + ours + `" timeout="20"><Number>` + agents + `</Number></Dial></Response>`,
	} {
		t.Run(answer, func(t *testing.T) {
			var got string
			o := voice(func(v *twilio.Voice) { v.Answer = answer })
			o.wrap = func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(q *http.Request) (*http.Response, error) {
					b, err := io.ReadAll(q.Body)
					if err != nil {
						return nil, err
					}
					form, _ := url.ParseQuery(string(b))
					got = form.Get("Twiml")
					q.Body = io.NopCloser(bytes.NewReader(b))
					return next.RoundTrip(q)
				})
			}
			r := newRig(t, o)
			r.send(r.answer(question, text("Hi")))
			if diff := cmp.Diff(ordered(want), ordered(got)); diff != "" {
				t.Errorf("%s: %s", answer, diff)
			}
			if l, err := r.phone.Limits(t.Context(), question.Thread); err != nil || l.TextRunes != 3000 || l.Kinds[normalize.PartText].Bytes != 0 || len(l.Kinds) != 1 {
				t.Errorf("%s: limits %+v, %v", answer, l, err)
			}
			r.send(r.answer(question, text(strings.Repeat("It's 5 o'clock on the day of your delivery, and we wait. ", 52))))
			_, err := r.phone.Send(t.Context(), r.answer(question, text(strings.Repeat("&", 1000))))
			if e := connectors.Classify(err); e.Class != connectors.Rejected || !strings.Contains(e.Detail, "too long") {
				t.Errorf("%s: what is longer than Twilio takes: %v", answer, err)
			}
		})
	}
}

var attributes = regexp.MustCompile(`(?: \w+="[^"]*")+`)

// ordered sorts the attributes of each verb, which the library writes in any
// order.
func ordered(document string) string {
	return attributes.ReplaceAllStringFunc(document, func(list string) string {
		one := strings.SplitAfter(list, `" `)
		for i := range one {
			one[i] = strings.TrimSpace(one[i])
		}
		slices.Sort(one)
		return " " + strings.Join(one, " ")
	})
}
