package twilio

import (
	"context"
	"fmt"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

var (
	_ channel.Addresser = (*Twilio)(nil)
	_ channel.Peeker    = (*Twilio)(nil)
	_ channel.Preparer  = (*Twilio)(nil)
	_ channel.Profiler  = (*Twilio)(nil)
)

// KindWhatsApp is the kind of address of a WhatsApp user. Its value is the
// phone number in E.164, with its plus sign.
const KindWhatsApp = "whatsapp"

// Schemes stand before an address where it is not that of an SMS, both in
// Twilio's parameters and in our Thread.ID.
const (
	schemeWhatsApp = "whatsapp"
	schemeRCS      = "rcs"
	// schemeVoice is ours: the thread of a call.
	schemeVoice = "voice"
	// withheld begins the address of a caller without a number. Each call of
	// this kind is a customer of its own, since nobody knows better.
	withheld = "withheld:"
)

// split takes "whatsapp:+15550100123" apart; the scheme of a plain number is
// empty.
func split(s string) (scheme, value string) {
	if before, after, ok := strings.Cut(s, ":"); ok {
		return strings.ToLower(before), after
	}
	return "", s
}

// join is the reverse of split.
func join(scheme, value string) string {
	if scheme == "" {
		return value
	}
	return scheme + ":" + value
}

// customer returns the address behind one of Twilio's.
func customer(from, name string) normalize.Address {
	scheme, value := split(from)
	a := normalize.Address{Kind: normalize.KindPhone, Value: value, Name: name}
	switch scheme {
	case "", schemeRCS:
	default:
		a.Kind = scheme // whatsapp, messenger ...
	}
	return a
}

// Address reads what an agent typed: "+1 (555) 010-0123", or with "whatsapp:"
// before it.
func (t *Twilio) Address(typed string) (normalize.Address, error) {
	scheme, value := split(strings.TrimSpace(typed))
	if scheme == "" && t.speaksWhatsApp() {
		scheme = schemeWhatsApp
	}
	if scheme == "tel" || scheme == "sms" {
		scheme = ""
	}
	number := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "", "/", "", "\u00a0", "").Replace(value)
	if rest, ok := strings.CutPrefix(number, "00"); ok {
		number = "+" + rest
	}
	if !e164.MatchString(number) || scheme != "" && scheme != schemeWhatsApp {
		return normalize.Address{}, fmt.Errorf("%q is not a phone number with its country code, such as +49 30 901820", typed)
	}
	return customer(join(scheme, number), ""), nil
}

// speaksWhatsApp reports whether the account's own sender is one of WhatsApp.
func (t *Twilio) speaksWhatsApp() bool {
	scheme, _ := split(t.cfg.From)
	return scheme == schemeWhatsApp
}

// Prepare chooses the sender of a first message, which is the thread, and
// refuses what no sender of the account can write to. An answer keeps the
// thread of what it answers, so it leaves from the number that was written to.
func (t *Twilio) Prepare(m, repliedTo *normalize.Message) error {
	if repliedTo == nil {
		m.Thread.ID = t.cfg.From
		if m.Address.Kind == KindWhatsApp && !t.speaksWhatsApp() {
			if t.cfg.MessagingServiceSID == "" {
				return connectors.Errorf(connectors.Unsupported, "", "this account writes from %s, which is no WhatsApp sender", t.cfg.From)
			}
			m.Thread.ID = schemeWhatsApp + ":"
		}
	}
	switch {
	case strings.HasPrefix(m.Address.Value, withheld):
		return connectors.Errorf(connectors.Unreachable, "", "the caller withheld the number, so there is no way to answer")
	case isName(m.Thread.ID) && strings.HasPrefix(m.Address.Value, "+1"):
		return connectors.Errorf(connectors.Unreachable, "", "carriers in the USA and Canada take nothing from the name %s; a number is needed as sender", m.Thread.ID)
	}
	return nil
}

// Profile says that a WhatsApp user has the phone number, which WhatsApp has
// verified. It asks nobody.
func (t *Twilio) Profile(_ context.Context, a normalize.Address) (*channel.Profile, error) {
	p := &channel.Profile{Name: a.Name}
	if a.Kind == KindWhatsApp && e164.MatchString(a.Value) {
		p.Evidence = []channel.Evidence{{Address: normalize.Address{Kind: normalize.KindPhone, Value: a.Value}, Verified: true}}
	}
	return p, nil
}
