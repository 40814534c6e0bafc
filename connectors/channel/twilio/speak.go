package twilio

import (
	"context"
	"errors"
	"strings"

	api "github.com/twilio/twilio-go/rest/api/v2010"
	"github.com/twilio/twilio-go/twiml"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	maxTwiml = 4000 // characters
	ringFor  = 40   // seconds, before the customer counts as not there
)

// spoken reports whether an answer in a thread is a call. A thread is that of a
// call where the customer's latest message was one; the account's setting
// voice.answer says how those are answered.
func (t *Twilio) spoken(th normalize.Thread) bool {
	scheme, _ := split(th.ID)
	return scheme == schemeVoice && t.cfg.Voice.Enabled && t.cfg.Voice.Answer != answerSMS
}

// speak calls the customer from the number that they had called, says the
// text, and connects the agents' phone where the account bridges:
// www.twilio.com/docs/voice/api/call-resource.
func (t *Twilio) speak(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
	params, err := t.callParams(o)
	if err != nil {
		return channel.Sent{}, err
	}
	if err := o.Begin(ctx); err != nil {
		return channel.Sent{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	service, c := t.service(ctx)
	call, err := service.CreateCall(params)
	switch {
	case err != nil:
		return channel.Sent{}, t.concerning(c.fault(err), value(params.From))
	case call.Sid == nil || *call.Sid == "":
		return channel.Sent{}, c.fault(errors.New("no sid"))
	}
	return channel.Sent{ExternalID: *call.Sid, Detail: "Twilio is calling the customer"}, nil
}

func (t *Twilio) callParams(o *channel.Outbound) (*api.CreateCallParams, error) {
	part, to := &o.Parts[0], o.Recipients[0]
	if part.Kind != normalize.PartText || strings.TrimSpace(part.Text) == "" {
		return nil, connectors.Errorf(connectors.Unsupported, "", "a call can say text, not a part of kind %s", part.Kind)
	}
	_, from := split(o.Message.Thread.ID)
	script, err := t.script(part.Text, to.Value, from)
	if err != nil {
		return nil, err
	}
	p := &api.CreateCallParams{}
	p.SetTo(to.Value).SetFrom(from).SetTwiml(script).SetTimeout(ringFor)
	p.SetStatusCallback(t.callback(pathVoiceStatus, metaPart, part.ID.String()))
	p.SetStatusCallbackEvent([]string{"initiated", "answered", "completed"})
	return p, nil
}

// script is what happens in a call of ours. A text is said twice, since nobody
// listens at once to a call that was not expected.
func (t *Twilio) script(words, to, from string) (string, error) {
	lang := t.cfg.Voice.languageOf(to)
	verbs := []twiml.Element{&twiml.VoicePause{Length: "1"}}
	if t.cfg.Voice.Answer == answerBridge {
		verbs = append(verbs, say(words, lang), &twiml.VoiceDial{
			CallerId: from, Timeout: seconds(t.cfg.Voice.RingFor),
			InnerElements: []twiml.Element{&twiml.VoiceNumber{PhoneNumber: t.cfg.Voice.ForwardTo}},
		})
	} else {
		twice := say(words, lang)
		twice.Loop = "2"
		verbs = append(verbs, twice)
	}
	script, err := twiml.Voice(verbs)
	if err != nil {
		return "", connectors.Errorf(connectors.Rejected, "", "the text cannot be said: %w", err)
	}
	if len([]rune(script)) > maxTwiml {
		return "", connectors.Errorf(connectors.Rejected, "", "the text is too long to be said")
	}
	return script, nil
}
