package twilio_test

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/channel/twilio"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/twilio"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	agents   = "+15550100199"
	orders   = "+15550100188"
	german   = "+4915112345678"
	japanese = "+81312345678"
)

// voice takes calls with all that can be configured.
func voice(change func(*twilio.Voice)) options {
	return options{config: func(c *twilio.Config) {
		v := &c.Voice
		v.Enabled, v.Greeting, v.ForwardTo = true, "Welcome to Example.", agents
		v.Greetings = map[string]string{"de-DE": "Willkommen bei Example."}
		if change != nil {
			change(v)
		}
	}}
}

func withMenu(v *twilio.Voice) {
	v.Menu = &twilio.Menu{
		Prompt: "For orders press 1, for returns press 2.", Prompts: map[string]string{"de": "Drücken Sie 1 oder 2."}, Wait: 5 * time.Second,
		Options: []twilio.Option{{Digit: "1", Name: "orders", ForwardTo: orders}, {Digit: "2", Name: "returns"}},
	}
}

// call is what the timeline knows of a call in the end: the message with its
// supplements, merged as the core does, in the order in which they came or in
// reverse.
func (r *rig) call(reverse bool) (m *normalize.Message, state normalize.CallState, seconds int64, recording, transcript, menu string) {
	r.t.Helper()
	calls := of[*normalize.Message](r)
	if len(calls) != 1 {
		r.t.Fatalf("%d messages came of one call", len(calls))
	}
	m = calls[0]
	state = m.Parts[0].Call.State
	list := of[*normalize.Supplement](r)
	if reverse {
		slices.Reverse(list)
	}
	for _, s := range list {
		if s.Target != m.ExternalID {
			r.t.Errorf("a supplement of %s, the call is %s", s.Target, m.ExternalID)
		}
		if s.Part.Kind == normalize.PartEvent {
			menu = s.Part.Text
		}
		if c := s.Part.Call; c != nil {
			state = normalize.AdvanceCall(state, c.State)
			seconds = max(seconds, c.Duration)
		}
		if s.Part.Media != nil {
			recording = s.Part.Media.Ref
		}
		if s.Part.Kind == normalize.PartCall && s.Part.Text != "" {
			transcript = s.Part.Text
		}
	}
	return m, state, seconds, recording, transcript, menu
}

func TestCalls(t *testing.T) {
	for _, c := range []struct {
		name   string
		voice  func(*twilio.Voice)
		caller simulator.Caller

		said       []string // beginnings
		dialled    []string
		state      normalize.CallState
		seconds    int64
		recorded   bool
		transcript string
		menu       string
	}{
		{
			name: "an agent answers", caller: simulator.Caller{From: anna, Agent: "completed", Talk: 47},
			said: []string{"en-US: Welcome to Example."}, dialled: []string{agents}, state: normalize.CallEnded, seconds: 47,
		},
		{
			name: "nobody answers: voicemail", caller: simulator.Caller{From: anna, Voice: []byte("my parcel"), Transcript: "My parcel."},
			voice: func(v *twilio.Voice) { v.Voicemail.Transcribe = true },
			said:  []string{"en-US: Welcome to Example.", "en-US: Nobody can take your call now. Please leave", "en-US: Thank you."}, dialled: []string{agents},
			state: normalize.CallMissed, recorded: true, transcript: "My parcel.",
		},
		{
			name: "busy, and nothing said to the voicemail", caller: simulator.Caller{From: anna, Agent: "busy"},
			said: []string{"en-US: Welcome", "en-US: Nobody can take your call now. Please", "en-US: Nobody can take your call now. Goodbye."}, dialled: []string{agents},
			state: normalize.CallMissed,
		},
		{
			name: "no voicemail", voice: func(v *twilio.Voice) { v.Voicemail.MaxLength = 0 }, caller: simulator.Caller{From: anna, Voice: []byte("hello?")},
			said: []string{"en-US: Welcome", "en-US: Nobody can take your call now. Goodbye."}, dialled: []string{agents}, state: normalize.CallMissed,
		},
		{
			name: "voicemail only", voice: func(v *twilio.Voice) { v.ForwardTo = "" }, caller: simulator.Caller{From: anna, Voice: []byte("hi")},
			said: []string{"en-US: Welcome", "en-US: Nobody can take", "en-US: Thank you."}, state: normalize.CallMissed, recorded: true,
		},
		{
			name: "hung up during the greeting", caller: simulator.Caller{From: anna, HangsUp: true, Agent: "completed"},
			said: []string{"en-US: Welcome"}, state: normalize.CallMissed,
		},
		{
			name: "a caller from Germany", voice: func(v *twilio.Voice) { withMenu(v); v.Voicemail.Transcribe = true },
			caller: simulator.Caller{From: german, Keys: "2", Voice: []byte("hallo"), Transcript: "hollow"},
			said:   []string{"de-DE: Willkommen bei Example.", "de-DE: Drücken Sie 1 oder 2.", "de-DE: Zurzeit kann niemand", "de-DE: Vielen Dank"},
			state:  normalize.CallMissed, recorded: true, menu: "2: returns",
		},
		{
			name: "a caller from where there is no greeting", caller: simulator.Caller{From: japanese, Agent: "completed"},
			said: []string{"en-US: Welcome"}, dialled: []string{agents}, state: normalize.CallEnded,
		},
		{
			name: "the built-in greetings", voice: func(v *twilio.Voice) { v.Greeting, v.Greetings = "", nil }, caller: simulator.Caller{From: japanese, Agent: "completed"},
			said: []string{"ja-JP: お電話ありがとうございます。"}, dialled: []string{agents}, state: normalize.CallEnded,
		},
		{
			name: "the menu", voice: withMenu, caller: simulator.Caller{From: anna, Keys: "1", Agent: "completed", Talk: 3},
			said: []string{"en-US: Welcome", "en-US: For orders"}, dialled: []string{orders}, state: normalize.CallEnded, seconds: 3, menu: "1: orders",
		},
		{
			name: "a key that stands for nothing", voice: withMenu, caller: simulator.Caller{From: anna, Keys: "9", Agent: "completed"},
			said: []string{"en-US: Welcome", "en-US: For orders"}, dialled: []string{agents}, state: normalize.CallEnded,
		},
		{
			name: "no key", voice: withMenu, caller: simulator.Caller{From: anna, Agent: "completed"},
			said: []string{"en-US: Welcome", "en-US: For orders"}, dialled: []string{agents}, state: normalize.CallEnded,
		},
		{
			name: "recorded", voice: func(v *twilio.Voice) { v.Record = true }, caller: simulator.Caller{From: anna, Agent: "completed", Talk: 5},
			said: []string{"en-US: Welcome"}, dialled: []string{agents}, state: normalize.CallEnded, seconds: 5, recorded: true,
		},
		{
			name: "calls are not taken", voice: func(v *twilio.Voice) { v.Enabled = false }, caller: simulator.Caller{From: anna}, state: normalize.CallMissed,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, voice(c.voice))
			c.caller.To = ours
			call, err := r.vendor.Call(t.Context(), c.caller)
			if err != nil {
				t.Fatal(err)
			}
			if len(call.Said) != len(c.said) {
				t.Errorf("the caller heard %q, want %q", call.Said, c.said)
			} else {
				for i, said := range call.Said {
					if !strings.HasPrefix(said, c.said[i]) {
						t.Errorf("the caller heard %q, want %q", said, c.said[i])
					}
				}
			}
			if !slices.Equal(call.Dialled, c.dialled) {
				t.Errorf("rang at %v, want %v", call.Dialled, c.dialled)
			}
			if m := of[*normalize.Message](r)[0]; (m.Parts[0].Call.State == normalize.CallRinging) == (c.said == nil) {
				t.Errorf("at first it is %s", m.Parts[0].Call.State)
			}
			for _, reverse := range []bool{false, true} {
				m, state, seconds, recording, transcript, menu := r.call(reverse)
				if m.Address.Value != c.caller.From || m.ExternalID != call.SID || m.Thread.ID != "voice:"+ours {
					t.Errorf("the call is of %s, %s, in %s", m.Address.Value, m.ExternalID, m.Thread.ID)
				}
				if state != c.state || seconds != c.seconds {
					t.Errorf("(reverse %v) it was %s for %d s, want %s for %d s", reverse, state, seconds, c.state, c.seconds)
				}
				if (recording != "") != c.recorded || transcript != c.transcript || menu != c.menu {
					t.Errorf("recording %q, transcript %q, menu %q", recording, transcript, menu)
				}
				if recording != "" {
					f, err := r.phone.Fetch(t.Context(), recording)
					if err != nil {
						t.Fatal(err)
					}
					if b, err := io.ReadAll(f.Body); err != nil || len(b) == 0 || f.ContentType != "audio/mpeg" {
						t.Errorf("the recording is %d bytes of %s, %v", len(b), f.ContentType, err)
					}
					_ = f.Body.Close()
				}
			}
		})
	}
}

// An agent's answer to a call: in writing, spoken, or spoken and put through.
func TestAnswersToCalls(t *testing.T) {
	const words = "Your parcel <17> has arrived & waits."
	for _, c := range []struct {
		answer  string
		from    string
		said    []string
		dialled []string
	}{
		{answer: "sms"},
		{answer: "say", said: []string{"en-US: " + words}},
		{answer: "bridge", said: []string{"en-US: " + words}, dialled: []string{agents}},
	} {
		t.Run(c.answer, func(t *testing.T) {
			r := newRig(t, voice(func(v *twilio.Voice) { v.Answer = c.answer }))
			if _, err := r.vendor.Call(t.Context(), simulator.Caller{From: anna, To: ours}); err != nil {
				t.Fatal(err)
			}
			question, _, _, _, _, _ := r.call(false)
			o := r.answer(question, text(words))
			sent := r.send(o)
			r.until("the receipt", func() bool {
				return slices.ContainsFunc(of[normalize.Receipts](r), func(list normalize.Receipts) bool {
					return list[0].Status == normalize.StatusDelivered && list[0].PartID == o.Parts[0].ID && list[0].ExternalID == sent.ExternalID
				})
			})
			if c.answer == "sms" {
				if m := r.vendor.Messages(); len(m) != 1 || m[0].To != anna || m[0].From != ours || m[0].Body != words {
					t.Errorf("sent %+v", m)
				}
				return
			}
			r.until("the end of the call", func() bool {
				calls := r.vendor.Calls()
				return len(calls) == 2 && calls[1].Status == "completed"
			})
			calls := r.vendor.Calls()
			if len(calls) != 2 || len(r.vendor.Messages()) != 0 {
				t.Fatalf("%d calls, %d messages", len(calls), len(r.vendor.Messages()))
			}
			call := calls[1]
			if call.SID != sent.ExternalID || call.From != ours || call.To != anna || !slices.Equal(call.Said, c.said) || !slices.Equal(call.Dialled, c.dialled) {
				t.Errorf("call %+v", call)
			}
			if len(of[*normalize.Message](r)) != 1 {
				t.Error("our own call came back as a customer's")
			}
		})
	}
	t.Run("nobody at home", func(t *testing.T) {
		r := newRig(t, voice(func(v *twilio.Voice) { v.Answer = "say" }))
		r.vendor.PickUp(func(simulator.Call) string { return "no-answer" })
		question := &normalize.Message{Address: normalize.Address{Kind: normalize.KindPhone, Value: anna}, Thread: normalize.Thread{ID: "voice:" + ours}}
		o := r.answer(question, text(words))
		r.send(o)
		r.until("the failure", func() bool {
			return slices.ContainsFunc(of[normalize.Receipts](r), func(list normalize.Receipts) bool {
				return list[0].Status == normalize.StatusFailed && list[0].Detail == "nobody answered the customer's phone"
			})
		})
		sent, found, err := r.phone.Resolve(t.Context(), o)
		if found || err != nil {
			t.Errorf("found %+v, %v: that call's answer is known", sent, err)
		}
	})
}
