package twilio_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel/twilio"
	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/twilio"
	"github.com/deskbridge/deskbridge/normalize"
	render "github.com/deskbridge/deskbridge/normalize/text"
)

const (
	whatsAppOurs = "whatsapp:" + ours
	whatsAppAnna = "whatsapp:" + anna
)

// An answer leaves on the way, and from the sender, that the customer wrote by.
func TestAnswersTakeTheWayOfTheQuestion(t *testing.T) {
	for _, c := range []struct {
		name     string
		config   func(*twilio.Config)
		question *simulator.Inbound
		to       normalize.Address // of a first message; anna's phone where zero
		part     normalize.Part
		want     simulator.Message
	}{
		{name: "first message", part: text("Hello"), want: simulator.Message{To: anna, From: ours, Body: "Hello"}},
		{name: "SMS", question: &simulator.Inbound{From: anna, To: ours, Body: "?"}, part: text("Hello"), want: simulator.Message{To: anna, From: ours, Body: "Hello"}},
		{
			name: "WhatsApp, with its markup", question: &simulator.Inbound{From: whatsAppAnna, To: whatsAppOurs, Body: "?"},
			part: normalize.Part{Kind: normalize.PartText, Text: "Really", HTML: "<b>Really</b>"}, want: simulator.Message{To: whatsAppAnna, From: whatsAppOurs, Body: "*Really*"},
		},
		{
			name: "a picture", question: &simulator.Inbound{From: anna, To: ours, Body: "?"},
			part: normalize.Part{Kind: normalize.PartImage, Media: &normalize.Media{Name: "a.png", ContentType: "image/png"}},
			want: simulator.Message{To: anna, From: ours, Media: []string{public + "/files/a.png"}},
		},
		{
			name: "service, first message by WhatsApp", config: service, to: normalize.Address{Kind: twilio.KindWhatsApp, Value: anna}, part: text("Hello"),
			want: simulator.Message{To: whatsAppAnna, From: whatsAppOurs, Service: "MG1", Body: "Hello"},
		},
		{name: "service, first message", config: service, part: text("Hello"), want: simulator.Message{To: anna, From: ours, Service: "MG1", Body: "Hello"}},
		{
			name: "service, WhatsApp", config: service, question: &simulator.Inbound{From: whatsAppAnna, To: whatsAppOurs, Body: "?"}, part: text("Hello"),
			want: simulator.Message{To: whatsAppAnna, From: whatsAppOurs, Service: "MG1", Body: "Hello"},
		},
		{
			name: "a name as sender", config: func(c *twilio.Config) { c.From = "EXAMPLE" }, question: &simulator.Inbound{From: "+4915112345678", To: "EXAMPLE", Body: "?"},
			part: text("Hello"), want: simulator.Message{To: "+4915112345678", From: "EXAMPLE", Body: "Hello"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, options{config: c.config})
			var question *normalize.Message
			if c.question != nil {
				question = r.receive(*c.question)
			}
			sent := r.send(r.answerTo(question, c.to, c.part))
			list := r.vendor.Messages()
			if len(list) != 1 {
				t.Fatalf("%d messages went out", len(list))
			}
			m := list[0]
			if m.To != c.want.To || m.From != c.want.From || m.Service != c.want.Service || m.Body != c.want.Body || !slices.Equal(m.Media, c.want.Media) {
				t.Errorf("sent %+v, want %+v", m, c.want)
			}
			if m.SID != sent.ExternalID {
				t.Errorf("the id is %q, Twilio says %q", sent.ExternalID, m.SID)
			}
			if m.From == "EXAMPLE" && !strings.Contains(sent.Detail, "cannot answer") {
				t.Errorf("nobody is told that a name takes no answers: %q", sent.Detail)
			}
		})
	}
}

func service(c *twilio.Config) { c.From, c.MessagingServiceSID = "", "MG1" }

// The receipts of a message carry our own id of the part.
func TestReceiptsComeBackWhateverTheirOrder(t *testing.T) {
	r := newRig(t, options{})
	r.vendor.Deliver(func(simulator.Message) []simulator.Report {
		return []simulator.Report{{Status: "delivered"}, {Status: "queued"}, {Status: "sent"}, {Status: "delivered"}}
	})
	r.mu.Lock()
	r.down = 2 // our own failure: Twilio calls again
	r.mu.Unlock()
	o := r.answer(nil, text("Hello"))
	sent := r.send(o)
	r.until("four receipts", func() bool { return len(of[normalize.Receipts](r)) == 4 })
	status := normalize.StatusQueued
	for _, list := range of[normalize.Receipts](r) {
		for _, receipt := range list {
			if receipt.ExternalID != sent.ExternalID || receipt.PartID != o.Parts[0].ID {
				t.Errorf("receipt %+v is of another message", receipt)
			}
			status = normalize.Advance(status, receipt.Status)
		}
	}
	if status != normalize.StatusDelivered {
		t.Errorf("in the end it is %s", status)
	}
}

// An Event Streams sink tells the same by another way, several at once.
func TestReceiptsOfAStream(t *testing.T) {
	r := newRig(t, options{})
	body := `[{"id":"EZ1","type":"com.twilio.messaging.message.sent","data":{"accountSid":"` + accountSID + `","messageSid":"SM1"}},` +
		`{"id":"EZ2","type":"com.twilio.messaging.message.read","data":{"accountSid":"` + accountSID + `","messageSid":"SM1"}}]`
	status, err := r.vendor.PostJSON(t.Context(), "/status", []byte(body))
	if err != nil || status != 200 {
		t.Fatalf("%d, %v", status, err)
	}
	if list := of[normalize.Receipts](r); len(list) != 2 || list[1][0].Status != normalize.StatusRead {
		t.Errorf("receipts %+v", list)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	r := newRig(t, options{})
	if s := fmt.Sprintf("%v %+v %#v", r.phone, r.phone, r.phone); strings.Contains(s, authToken) {
		t.Errorf("printed: %s", s)
	}
}

// STOP reaches us as a withdrawal of consent, and Twilio refuses what is sent
// all the same, until START.
func TestStopAndStart(t *testing.T) {
	r := newRig(t, options{})
	if m := r.receive(simulator.Inbound{From: anna, To: ours, Body: "stop"}); m.Consent != normalize.OptedOut || !m.Thread.Quiet {
		t.Errorf("consent %q, quiet %v", m.Consent, m.Thread.Quiet)
	}
	_, err := r.phone.Send(t.Context(), r.answer(nil, text("Hello?")))
	if e := connectors.Classify(err); e.Class != connectors.Unreachable || e.Code != "21610" {
		t.Errorf("after STOP: %v", err)
	}
	if m := r.receive(simulator.Inbound{From: anna, To: ours, Body: "START"}); m.Consent != normalize.OptedIn {
		t.Errorf("consent %q", m.Consent)
	}
	r.send(r.answer(nil, text("Hello again")))
}

// After 24 hours WhatsApp takes a template only.
func TestWhatsAppAfterItsWindow(t *testing.T) {
	late := func(m *normalize.Message) *normalize.Message {
		late := *m
		late.ReplyWindow = &normalize.ReplyWindow{Until: time.Now().Add(-time.Minute), Remaining: -1}
		return &late
	}
	var at time.Time
	past := func(o *simulator.Options) { o.Now = func() time.Time { return time.Now().Add(time.Since(at)) } }
	at = time.Now()
	t.Run("with a template", func(t *testing.T) {
		r := newRig(t, options{vendor: past, config: func(c *twilio.Config) { c.WhatsAppTemplate = "HX17" }})
		m := r.receive(simulator.Inbound{From: whatsAppAnna, To: whatsAppOurs, Body: "?"})
		l, err := r.phone.Limits(t.Context(), m.Thread)
		if err != nil || !l.Template {
			t.Errorf("limits %+v, %v: a template can carry it", l, err)
		}
		r.send(r.answer(late(m), text("Your order\nhas come.")))
		got := r.vendor.Messages()[0]
		if got.ContentSID != "HX17" || got.Variables != `{"1":"Your order has come."}` || got.Body != "" {
			t.Errorf("sent %+v", got)
		}
		// It carries no picture; nothing is wrong with the address.
		_, err = r.phone.Send(t.Context(), r.answer(late(m), normalize.Part{Kind: normalize.PartImage, Media: &normalize.Media{Name: "a.png", ContentType: "image/png"}}))
		if e := connectors.Classify(err); e.Class != connectors.Unreachable || !e.Closed {
			t.Errorf("a picture: %+v", e)
		}
	})
	t.Run("without", func(t *testing.T) {
		r := newRig(t, options{})
		r.vendor.Deliver(func(simulator.Message) []simulator.Report { return nil })
		m := &normalize.Message{Address: normalize.Address{Kind: twilio.KindWhatsApp, Value: anna}, Thread: normalize.Thread{ID: whatsAppOurs}}
		if l, err := r.phone.Limits(t.Context(), m.Thread); err != nil || l.Template {
			t.Errorf("limits %+v, %v: there is no template", l, err)
		}
		r.send(r.answer(m, text("too late"))) // Twilio takes it, and tells later
		r.until("the failure", func() bool { return len(of[normalize.Receipts](r)) == 1 })
		if got := of[normalize.Receipts](r)[0][0]; got.Status != normalize.StatusFailed || got.Code != "63016" || got.Unreachable {
			t.Errorf("receipt %+v", got)
		}
	})
}

// What no sender of the account can carry is refused before it is committed.
func TestWhatCannotBeSentIsRefusedAtOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		config func(*twilio.Config)
		to     normalize.Address
		class  connectors.Class
	}{
		{"a name to the USA", func(c *twilio.Config) { c.From = "EXAMPLE" }, normalize.Address{Kind: normalize.KindPhone, Value: anna}, connectors.Unreachable},
		{"WhatsApp from a phone number", nil, normalize.Address{Kind: twilio.KindWhatsApp, Value: anna}, connectors.Unsupported},
		{"a caller without a number", nil, normalize.Address{Kind: normalize.KindPhone, Value: "withheld:CA1"}, connectors.Unreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, options{config: c.config})
			err := r.phone.Prepare(&normalize.Message{Address: c.to}, nil)
			if e := connectors.Classify(err); err == nil || e.Class != c.class || e.Detail == "" {
				t.Errorf("%v, want %s", err, c.class)
			}
			if !strings.HasPrefix(c.to.Value, "withheld:") {
				return
			}
			o := r.answer(nil, text("Hello"))
			o.Recipients = []normalize.Address{c.to}
			if _, err := r.phone.Send(t.Context(), o); connectors.Classify(err).Class != c.class {
				t.Errorf("sent all the same: %v, want %s", err, c.class)
			}
		})
	}
}

// What Twilio says of a sender pauses the account only where it is the account's
// own number: then nothing else can go out either.
func TestARefusedSenderConcernsItsOwnThreadsAlone(t *testing.T) {
	const gone = "+15550100124" // once ours, or one that takes calls only
	for _, c := range []struct {
		name           string
		config         func(*twilio.Config)
		thread, refuse string
		class          connectors.Class
		says           string
	}{
		{"our own number", nil, ours, "21606", connectors.AccountDown, ours},
		{"our own WhatsApp sender", func(c *twilio.Config) { c.From = whatsAppOurs }, whatsAppOurs, "63007", connectors.AccountDown, "check from"},
		{"the number that was written to", nil, gone, "21660", connectors.Rejected, gone},
		{"the number that was called", nil, "voice:" + gone, "21661", connectors.Rejected, gone},
		{"a short code abroad", func(c *twilio.Config) { c.From = "55512" }, "", "21606", connectors.Rejected, "55512"},
		{"a sender of a service", service, "", "21606", connectors.Rejected, "not to there"},
		{"the account, in somebody else's thread", nil, gone, "20003", connectors.AccountDown, "credentials"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, options{config: c.config})
			r.vendor.Faults.Add(fault.Fault{Kind: fault.Refuse, Path: "/Messages.json", Status: 400, Body: `{"code":` + c.refuse + `,"status":400}`})
			question := &normalize.Message{Address: normalize.Address{Kind: normalize.KindPhone, Value: german}, Thread: normalize.Thread{ID: c.thread}}
			if c.thread == "" {
				question = nil
			}
			_, err := r.phone.Send(t.Context(), r.answer(question, text("Hello")))
			if e := connectors.Classify(err); err == nil || e.Class != c.class || e.Code != c.refuse || !strings.Contains(e.Detail, c.says) {
				t.Errorf("%v, want %s and %q in it", err, c.class, c.says)
			}
		})
	}
	t.Run("a call", func(t *testing.T) {
		r := newRig(t, voice(func(v *twilio.Voice) { v.Answer = "say" }))
		question := &normalize.Message{Address: normalize.Address{Kind: normalize.KindPhone, Value: anna}, Thread: normalize.Thread{ID: "voice:" + gone}}
		_, err := r.phone.Send(t.Context(), r.answer(question, text("Hello")))
		if e := connectors.Classify(err); e.Class != connectors.Rejected || e.Code != "21210" {
			t.Errorf("from a number that the account does not have: %v", err)
		}
	})
}

func TestLimitsFollowTheSender(t *testing.T) {
	kinds := func(mms string, from, thread string) []normalize.PartKind {
		r := newRig(t, options{config: func(c *twilio.Config) { c.From, c.MMS, c.MessagingServiceSID = from, mms, "MG1" }})
		l, err := r.phone.Limits(t.Context(), normalize.Thread{ID: thread})
		if err != nil {
			t.Fatal(err)
		}
		var list []normalize.PartKind
		for kind := range l.Kinds {
			list = append(list, kind)
		}
		slices.Sort(list)
		return list
	}
	media := []normalize.PartKind{"audio", "file", "image", "text", "video"}
	for _, c := range []struct {
		name, mms, from, thread string
		want                    []normalize.PartKind
	}{
		{"an American number", "auto", "+15550100123", "", media},
		{"a German number", "auto", "+4915112345678", "", []normalize.PartKind{"text"}},
		{"a German number that can", "on", "+4915112345678", "", media},
		{"switched off", "off", "+15550100123", "", []normalize.PartKind{"text"}},
		{"a number that a service chooses", "auto", "", "", media},
		{"a name", "on", "EXAMPLE", "", []normalize.PartKind{"text"}},
		{"WhatsApp", "off", "whatsapp:+4915112345678", "", []normalize.PartKind{"audio", "file", "image", "sticker", "text", "video"}},
		{"the number written to", "auto", "+15550100123", "+4930901820", []normalize.PartKind{"text"}},
	} {
		if got := kinds(c.mms, c.from, c.thread); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Twilio counts the length of a text as SMS do: an emoji takes two characters.
func TestALongTextOfEmojiIsCutSoThatTwilioTakesIt(t *testing.T) {
	r := newRig(t, options{})
	l, err := r.phone.Limits(t.Context(), normalize.Thread{ID: ours})
	if err != nil {
		t.Fatal(err)
	}
	whole := strings.TrimSpace(strings.Repeat("😀😀😀😀 ", 320)) // 1599 runes
	pieces := render.Pieces(whole, "", render.Bound{Runes: l.TextRunes, Units: l.TextUnits, Bytes: l.TextBytes}, l.Markup)
	for _, p := range pieces {
		r.send(r.answer(nil, text(p.Plain)))
	}
	var got []string
	for _, m := range r.vendor.Messages() {
		got = append(got, m.Body)
	}
	if len(got) != 2 || strings.Join(got, " ") != whole {
		t.Errorf("%d messages of %d characters went out", len(got), len([]rune(strings.Join(got, " "))))
	}
}

func TestAPIKeyStandsInForTheToken(t *testing.T) {
	r := newRig(t, options{
		config: func(c *twilio.Config) { c.APIKey, c.APISecret = "SK-1", "key secret" },
		vendor: func(o *simulator.Options) { o.APIKey, o.APISecret = "SK-1", "key secret" },
	})
	r.send(r.answer(nil, text("Hello")))
}

func TestProbe(t *testing.T) {
	r := newRig(t, options{})
	us, err := r.phone.Probe(t.Context())
	if err != nil || us.Value != ours {
		t.Fatalf("%+v, %v", us, err)
	}
	r.vendor.Suspend(true)
	if _, err := r.phone.Probe(t.Context()); connectors.Classify(err).Class != connectors.AccountDown {
		t.Errorf("a suspended account: %v", err)
	}
	r.vendor.Revoke(true)
	_, err = r.phone.Probe(t.Context())
	if e := connectors.Classify(err); e.Class != connectors.AccountDown || e.Code != "20003" {
		t.Errorf("a token that was taken back: %v", err)
	}
}

func TestACancelledSendSaysWhetherItMayBeOut(t *testing.T) {
	r := newRig(t, options{})
	ctx, cancel := context.WithCancel(t.Context())
	o := r.answer(nil, text("Hello"))
	o.Begin = func(context.Context) error { cancel(); return nil }
	_, err := r.phone.Send(ctx, o)
	if e := connectors.Classify(err); e.Class != connectors.Transient {
		t.Errorf("stopped before a byte was sent: %v", err)
	}
	if n := len(r.vendor.Messages()); n != 0 {
		t.Errorf("%d messages went out", n)
	}
}

func TestAddresses(t *testing.T) {
	r := newRig(t, options{})
	for typed, want := range map[string]normalize.Address{
		"+49 (30) 90-1820":         {Kind: normalize.KindPhone, Value: "+4930901820"},
		"0049 30 901820":           {Kind: normalize.KindPhone, Value: "+4930901820"},
		"tel:+4930901820":          {Kind: normalize.KindPhone, Value: "+4930901820"},
		"whatsapp:+49 151 1234567": {Kind: twilio.KindWhatsApp, Value: "+491511234567"},
		"030 901820":               {},
		"anna@example.com":         {},
		"":                         {},
		"messenger:17":             {},
	} {
		got, err := r.phone.Address(typed)
		if got != want || (err == nil) == want.IsZero() {
			t.Errorf("%q is %+v, %v", typed, got, err)
		}
	}
	chat := newRig(t, options{config: func(c *twilio.Config) { c.From = whatsAppOurs }})
	if a, err := chat.phone.Address("+49 151 1234567"); err != nil || a.Kind != twilio.KindWhatsApp {
		t.Errorf("an account of WhatsApp writes to %+v, %v", a, err)
	}
	p, err := r.phone.Profile(t.Context(), normalize.Address{Kind: twilio.KindWhatsApp, Value: anna, Name: "Anna"})
	if err != nil || p.Name != "Anna" || len(p.Evidence) != 1 || !p.Evidence[0].Verified || p.Evidence[0].Address.Kind != normalize.KindPhone {
		t.Errorf("profile %+v, %v", p, err)
	}
}
