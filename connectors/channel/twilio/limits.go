package twilio

import (
	"context"
	"maps"
	"strings"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	// www.twilio.com/docs/messaging/api/message-resource: Body. Counted as SMS
	// are, in code units of UTF-16 (www.twilio.com/docs/api/errors/21617).
	textUnits = 1600
	// TwiML within a request may have 4000 characters
	// (www.twilio.com/docs/voice/api/call-resource: Twiml). What is longer would
	// be a second call, so there is room here for a usual number of escaped
	// characters, not for a text of nothing else, which is refused.
	spokenRunes = 3000
	// www.twilio.com/docs/messaging/guides/accepted-mime-types.
	mmsImage = 5 << 20
	// What is no image is not made smaller for the carriers, the strictest of
	// which takes 0.6 MB (help.twilio.com, "MMS media file size limits").
	mmsOther = 600_000
	whatsApp = 16 << 20
	// Below the requests under way at once from which Twilio answers 429.
	parallel = 8
)

// Limits depend on the sender of the thread: what it is, and where. A name as
// sender carries text, and nobody can answer to it.
func (t *Twilio) Limits(_ context.Context, th normalize.Thread) (channel.Limits, error) {
	l := channel.Limits{
		TextUnits: textUnits, Kinds: map[normalize.PartKind]channel.MediaLimit{normalize.PartText: {}},
		Rate: t.cfg.Rate, Burst: max(1, int(t.cfg.Rate)), Parallel: parallel,
	}
	scheme, from := split(either(th.ID, t.cfg.From))
	switch {
	case t.spoken(th):
		l.TextUnits, l.TextRunes = 0, spokenRunes
		return l, nil
	case scheme == schemeWhatsApp:
		l.Markup, l.Template = normalize.MarkupWhatsApp, t.cfg.WhatsAppTemplate != ""
		t.media(&l, whatsAppMedia)
	default:
		l.Segments, l.Unordered = scheme != schemeRCS, scheme != schemeRCS
		if t.mms(from) {
			t.media(&l, mmsMedia)
		}
	}
	return l, nil
}

// media offers kinds of media, which Twilio fetches from the public URL.
func (t *Twilio) media(l *channel.Limits, kinds map[normalize.PartKind]channel.MediaLimit) {
	if t.hook != "" {
		maps.Copy(l.Kinds, kinds)
	}
}

// mms reports whether a number of ours sends MMS. Where a messaging service is
// still to choose the number, it makes a link of what that one cannot carry.
func (t *Twilio) mms(from string) bool {
	switch {
	case t.cfg.MMS == mmsOff, isName(from):
		return false
	case t.cfg.MMS == mmsOn:
		return true
	}
	return from == "" || strings.HasPrefix(from, "+1") || strings.HasPrefix(from, "+61")
}

var mmsMedia = map[normalize.PartKind]channel.MediaLimit{
	normalize.PartImage: {Bytes: mmsImage, Types: []string{"image/jpeg", "image/png", "image/gif"}},
	normalize.PartAudio: {Bytes: mmsOther, Types: []string{"audio/mpeg", "audio/mp4", "audio/ogg", "audio/amr", "audio/3gpp", "audio/ac3", "audio/webm", "audio/basic"}},
	normalize.PartVideo: {Bytes: mmsOther, Types: []string{"video/mp4", "video/3gpp", "video/mpeg", "video/quicktime", "video/webm"}},
	normalize.PartFile:  {Bytes: mmsOther, Types: []string{"application/pdf", "text/vcard", "text/csv", "text/rtf", "text/calendar"}},
}

var whatsAppMedia = map[normalize.PartKind]channel.MediaLimit{
	normalize.PartImage: {Bytes: whatsApp, Types: []string{"image/jpeg", "image/png"}},
	normalize.PartAudio: {Bytes: whatsApp, Types: []string{"audio/ogg", "audio/amr", "audio/3gpp", "audio/aac", "audio/mpeg"}},
	normalize.PartVideo: {Bytes: whatsApp, Types: []string{"video/mp4"}},
	normalize.PartFile: {Bytes: whatsApp, Types: []string{
		"application/pdf", "text/vcard", "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
		"application/vnd.openxmlformats-officedocument.presentationml.presentation",
	}},
	normalize.PartSticker: {Bytes: 100 << 10, Types: []string{"image/webp"}},
}
