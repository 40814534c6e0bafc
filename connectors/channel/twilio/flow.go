package twilio

import (
	"strconv"
	"time"

	"github.com/twilio/twilio-go/twiml"
)

// The steps of a call after its first, as they stand in the address that
// Twilio asks for them. A call goes:
//
//	greeting -> menu -> the agents' phone -> voicemail
//
// where each of the three after the greeting is left out unless configured.
const (
	stepMenu     = "menu"     // the caller pressed a key
	stepDialled  = "dialled"  // the agents' phone is down again
	stepRecorded = "recorded" // the voicemail has a message

	legAgent = "agent"
)

// overrides ask Twilio to call again where we could not store what it told
// (www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides). They are
// not part of what it signs.
const overrides = "#rc=5&rp=5xx,ct,rt"

// callback is an address of ours that Twilio is to call.
func (t *Twilio) callback(path, key, value string) string {
	u := t.hook + path
	if key != "" {
		u += "?" + key + "=" + value
	}
	return u + overrides
}

// next is what a call does next.
func (t *Twilio) next(step string, p params) []twiml.Element {
	v := &t.cfg.Voice
	if !v.Enabled {
		return []twiml.Element{&twiml.VoiceReject{}}
	}
	lang := v.languageOf(p.get("From"))
	switch step {
	case "":
		verbs := []twiml.Element{say(v.greeting(lang), lang)}
		if v.Menu != nil {
			verbs = []twiml.Element{&twiml.VoiceGather{
				Input: "dtmf", NumDigits: "1", Timeout: seconds(v.Menu.Wait), Action: t.callback(pathVoice, metaStep, stepMenu),
				// No key at all goes on here, below.
				InnerElements: append(verbs, say(pick(v.Menu.Prompts, lang, v.Menu.Prompt), lang)),
			}}
		}
		return append(verbs, t.connect(v.ForwardTo, lang)...)
	case stepMenu:
		if o := t.option(p.get("Digits")); o != nil {
			return t.connect(o.ForwardTo, lang)
		}
		return t.connect(v.ForwardTo, lang)
	case stepDialled:
		if s := p.get("DialCallStatus"); s == "completed" || s == "answered" {
			return []twiml.Element{&twiml.VoiceHangup{}}
		}
		return t.voicemail(lang)
	}
	return []twiml.Element{say(phraseFor(lang).thanks, lang), &twiml.VoiceHangup{}}
}

// option is the entry of the menu under a key; nil for none.
func (t *Twilio) option(digit string) *Option {
	if t.cfg.Voice.Menu == nil {
		return nil
	}
	for i, o := range t.cfg.Voice.Menu.Options {
		if o.Digit == digit {
			return &t.cfg.Voice.Menu.Options[i]
		}
	}
	return nil
}

// connect lets a phone ring; without one the voicemail answers.
func (t *Twilio) connect(phone, lang string) []twiml.Element {
	if phone == "" {
		return t.voicemail(lang)
	}
	dial := &twiml.VoiceDial{
		Action: t.callback(pathVoice, metaStep, stepDialled), Timeout: seconds(t.cfg.Voice.RingFor), AnswerOnBridge: "true",
		InnerElements: []twiml.Element{&twiml.VoiceNumber{
			PhoneNumber: phone, StatusCallbackEvent: "answered completed", StatusCallback: t.callback(pathVoiceStatus, metaLeg, legAgent),
		}},
	}
	if t.cfg.Voice.Record {
		dial.Record, dial.RecordingStatusCallback = "record-from-answer-dual", t.callback(pathRecording, "", "")
	}
	return []twiml.Element{dial}
}

// voicemail takes a message, or says that nobody is there.
func (t *Twilio) voicemail(lang string) []twiml.Element {
	phrase, mail := phraseFor(lang), t.cfg.Voice.Voicemail
	if mail.MaxLength == 0 {
		return []twiml.Element{say(phrase.nobody, lang), &twiml.VoiceHangup{}}
	}
	record := &twiml.VoiceRecord{
		Action: t.callback(pathVoice, metaStep, stepRecorded), MaxLength: seconds(mail.MaxLength), Timeout: "10", PlayBeep: "true",
		RecordingStatusCallback: t.callback(pathRecording, "", ""),
	}
	if mail.Transcribe && base(lang) == "en" {
		record.Transcribe, record.TranscribeCallback = "true", t.callback(pathTranscription, "", "")
	}
	return []twiml.Element{
		say(phrase.leave, lang), record,
		say(phrase.nobody, lang), &twiml.VoiceHangup{}, // nothing was said
	}
}

func say(words, lang string) *twiml.VoiceSay { return &twiml.VoiceSay{Message: words, Language: lang} }

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Round(time.Second) / time.Second)) }
