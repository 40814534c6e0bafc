package twilio

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// Reasons for which an input is understood and of no concern:
//
//	own_message        sent from the account's own number
//	status_unknown     a status that is not in Twilio's list
//	event_unknown      an event of a stream that says nothing of a message of ours
//	event_of_other     an event of another account
//	no_recording       a recording that failed or holds nothing
//	no_transcript      a transcription that failed
//	agent_ringing      the agent's phone rings
//	call_under_way     word of a call that changes nothing on the timeline
const (
	ownMessage    = "own_message"
	statusUnknown = "status_unknown"
	eventUnknown  = "event_unknown"
	eventOfOther  = "event_of_other"
	noRecording   = "no_recording"
	noTranscript  = "no_transcript"
	agentRinging  = "agent_ringing"
	callUnderWay  = "call_under_way"
)

const maxMedia = 10 // of one message

// Decode reads one call of Twilio's.
func (t *Twilio) Decode(in normalize.Input) (normalize.Item, error) {
	if in.ContentType == jsonType {
		return t.event(in)
	}
	p, err := parameters(in.Raw)
	if err != nil {
		return nil, errors.New("malformed: not the parameters of a form")
	}
	switch in.Meta[metaPath] {
	case pathVoice:
		return t.callStep(in, p)
	case pathVoiceStatus:
		return t.callStatus(in, p)
	case pathRecording:
		return recording(p)
	case pathTranscription:
		return transcription(p)
	}
	if p.status() != "" {
		return receipt(in, p)
	}
	return t.message(in, p)
}

// Peek says who wrote, or called, where Decode could not read the rest. What is
// told later of a message or a call names nobody who could be answered.
func (t *Twilio) Peek(in normalize.Input) *normalize.Message {
	p, _ := parameters(in.Raw) // of a broken form there are the parameters that can be read
	from, to := p.get("From"), p.get("To")
	calls := in.Meta[metaPath] == pathVoice && in.Meta[metaStep] == "" && !strings.HasPrefix(p.get("Direction"), "outbound")
	writes := in.Meta[metaPath] == "" && in.ContentType != jsonType && p.status() == ""
	if from == "" || from == t.cfg.From || !calls && !writes {
		return nil
	}
	m := &normalize.Message{Direction: normalize.Inbound, Address: customer(from, p.get("ProfileName")), Thread: normalize.Thread{ID: to}}
	if calls {
		_, called := split(to)
		m.Address, m.Thread.ID = caller(from, p.get("CallSid"), p.get("CallerName")), join(schemeVoice, called)
	}
	return m
}

// message reads an incoming message:
// www.twilio.com/docs/messaging/guides/webhook-request.
func (t *Twilio) message(in normalize.Input, p params) (normalize.Item, error) {
	from, to, id := p.get("From"), p.get("To"), p.message()
	if from == "" || id == "" {
		return nil, errors.New("incomplete: an incoming message has From and MessageSid")
	}
	if from == t.cfg.From {
		return &normalize.Ignored{Reason: ownMessage}, nil
	}
	m := &normalize.Message{
		Address:    customer(from, p.get("ProfileName")),
		ExternalID: id,
		Thread:     normalize.Thread{ID: to, ReplyTo: p.get("OriginalRepliedMessageSid")},
		Text:       p.get("Body"),
	}
	if body := m.Text; body != "" {
		m.Parts = append(m.Parts, normalize.Part{Kind: normalize.PartText, Text: body})
	}
	media, err := attachments(p)
	if err != nil {
		return nil, err
	}
	m.Parts = append(m.Parts, media...)
	if place := location(p); place != nil {
		m.Parts = append(m.Parts, normalize.Part{Kind: normalize.PartLocation, Location: place})
	}
	if len(m.Parts) == 0 {
		m.Parts = append(m.Parts, normalize.Part{Kind: normalize.PartText}) // an SMS may be empty
	}
	if m.Address.Kind == KindWhatsApp {
		m.ReplyWindow = &normalize.ReplyWindow{Until: in.ReceivedAt.Add(24 * time.Hour), Remaining: -1}
	}
	m.Consent = consent(p, m.Address.Kind)
	// Twilio has answered already. Only a "yes" may be meant for somebody.
	m.Thread.Quiet = m.Consent != "" && !strings.EqualFold(strings.TrimSpace(m.Text), "yes")
	return m, nil
}

// attachments are the media that came with a message. Where each is stands in
// MediaUrl, an address of Twilio's own API.
func attachments(p params) ([]normalize.Part, error) {
	n, _ := strconv.Atoi(p.get("NumMedia"))
	if n > maxMedia {
		return nil, fmt.Errorf("too_many_media: %d, at most %d are taken", n, maxMedia)
	}
	var parts []normalize.Part
	for i := range max(n, 0) {
		index := strconv.Itoa(i)
		ref, ok := reference(p.get("MediaUrl" + index))
		if !ok {
			return nil, errors.New("media_elsewhere: a medium is not at an address of Twilio's API")
		}
		typ := p.get("MediaContentType" + index)
		part := normalize.Part{Kind: normalize.KindOf(typ), Media: &normalize.Media{Name: fileName(ref, typ), ContentType: typ, Ref: ref}}
		if p.get("MessageType") == "sticker" {
			part.Kind = normalize.PartSticker
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// reference is the path of a medium below the account, which is all that is
// kept of its address: the host is the configured one when it is fetched.
func reference(address string) (string, bool) {
	_, rest, ok := strings.Cut(address, "/2010-04-01/Accounts/")
	if !ok {
		return "", false
	}
	_, ref, ok := strings.Cut(rest, "/")
	return ref, ok && mediumPath.MatchString(ref)
}

// fileName is made up: Twilio does not tell the real one.
func fileName(ref, typ string) string {
	base := strings.TrimSuffix(path.Base(ref), path.Ext(ref))
	if ext, ok := extensions[strings.ToLower(typ)]; ok {
		return base + ext
	}
	return base
}

// extensions are fixed, so that decoding does not depend on the machine.
var extensions = map[string]string{
	"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "image/heic": ".heic",
	"audio/mpeg": ".mp3", "audio/ogg": ".ogg", "audio/amr": ".amr", "audio/mp4": ".m4a", "audio/aac": ".aac", "audio/x-wav": ".wav",
	"video/mp4": ".mp4", "video/3gpp": ".3gp", "video/quicktime": ".mov",
	"application/pdf": ".pdf", "text/vcard": ".vcf", "text/x-vcard": ".vcf", "text/plain": ".txt", "text/csv": ".csv",
	"application/msword": ".doc", "application/vnd.ms-excel": ".xls",
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":       ".xlsx",
}

// location is a place that was shared by WhatsApp; nil for none.
func location(p params) *normalize.Location {
	lat, err1 := strconv.ParseFloat(p.get("Latitude"), 64)
	lon, err2 := strconv.ParseFloat(p.get("Longitude"), 64)
	if err1 != nil || err2 != nil || !(lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180) {
		return nil
	}
	return &normalize.Location{Latitude: lat, Longitude: lon, Name: p.get("Label"), Address: p.get("Address")}
}

// receipt reads a status callback:
// www.twilio.com/docs/messaging/guides/track-outbound-message-status.
// They come in any order.
func receipt(in normalize.Input, p params) (normalize.Item, error) {
	r := normalize.Receipt{ExternalID: p.message()}
	if r.ExternalID == "" {
		return nil, errors.New("incomplete: a status callback has MessageSid")
	}
	r.PartID = partOf(in)
	var ok bool
	if r.Status, ok = statuses[p.status()]; !ok {
		return &normalize.Ignored{Reason: statusUnknown}, nil
	}
	if r.Status == normalize.StatusFailed {
		r = failure(r, p.get("ErrorCode"))
	}
	return normalize.Receipts{r}, nil
}

// partOf is our own id of what was sent, from the address that we gave to
// Twilio for its callbacks. It decides even where we never heard Twilio's id.
func partOf(in normalize.Input) normalize.ID {
	id, err := normalize.ParseID(in.Meta[metaPart])
	if err != nil {
		return 0
	}
	return id
}

// statuses of www.twilio.com/docs/messaging/api/message-resource.
var statuses = map[string]normalize.Status{
	"accepted": normalize.StatusAccepted, "scheduled": normalize.StatusAccepted, "queued": normalize.StatusAccepted,
	"sending": normalize.StatusAccepted, "sent": normalize.StatusAccepted,
	"delivered": normalize.StatusDelivered, "partially_delivered": normalize.StatusDelivered, "read": normalize.StatusRead,
	"undelivered": normalize.StatusFailed, "failed": normalize.StatusFailed, "canceled": normalize.StatusFailed,
}

// event reads one CloudEvent of an Event Streams sink:
// www.twilio.com/docs/events/event-types.
func (t *Twilio) event(in normalize.Input) (normalize.Item, error) {
	var e struct {
		Type string    `json:"type"`
		Time time.Time `json:"time"`
		Data struct {
			AccountSID string      `json:"accountSid"`
			MessageSID string      `json:"messageSid"`
			ErrorCode  json.Number `json:"errorCode"`
		} `json:"data"`
	}
	if err := json.Unmarshal(in.Raw, &e); err != nil {
		return nil, errors.New("malformed: not an event of a stream")
	}
	name, ok := strings.CutPrefix(e.Type, "com.twilio.messaging.message.")
	status, known := statuses[name]
	switch {
	case e.Data.AccountSID != t.cfg.AccountSID:
		return &normalize.Ignored{Reason: eventOfOther}, nil
	case !ok || !known || e.Data.MessageSID == "":
		return &normalize.Ignored{Reason: eventUnknown}, nil
	}
	r := normalize.Receipt{ExternalID: e.Data.MessageSID, Status: status, At: e.Time}
	if status == normalize.StatusFailed {
		r = failure(r, e.Data.ErrorCode.String())
	}
	return normalize.Receipts{r}, nil
}
