package twilio

import (
	"errors"
	"strconv"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
)

// callStep reads a request for TwiML: the first one of a call is the call, the
// later ones complete it.
func (t *Twilio) callStep(in normalize.Input, p params) (normalize.Item, error) {
	id := p.get("CallSid")
	if id == "" {
		return nil, errors.New("incomplete: a call has CallSid")
	}
	switch in.Meta[metaStep] {
	case "":
		return t.incoming(p, id)
	case stepMenu:
		if o := t.option(p.get("Digits")); o != nil {
			return &normalize.Supplement{Target: id, Part: normalize.Part{Kind: normalize.PartEvent, Event: "menu", Text: o.Digit + ": " + o.Name}}, nil
		}
	case stepDialled:
		if s := p.get("DialCallStatus"); s == "completed" || s == "answered" {
			return callIs(id, normalize.CallEnded, p.get("DialCallDuration")), nil
		}
		return callIs(id, normalize.CallMissed, ""), nil
	case stepRecorded:
		return callIs(id, normalize.CallMissed, ""), nil // to the voicemail
	}
	return &normalize.Ignored{Reason: callUnderWay}, nil
}

// incoming is a call: www.twilio.com/docs/voice/twiml, "Twilio's request to
// your application".
func (t *Twilio) incoming(p params, id string) (normalize.Item, error) {
	from, to := p.get("From"), p.get("To")
	if from == "" || strings.HasPrefix(p.get("Direction"), "outbound") {
		return &normalize.Ignored{Reason: callUnderWay}, nil // one that we make ourselves
	}
	_, called := split(to)
	m := &normalize.Message{
		Address:    caller(from, id, p.get("CallerName")),
		ExternalID: id,
		Thread:     normalize.Thread{ID: join(schemeVoice, called)},
		Parts:      []normalize.Part{{Kind: normalize.PartCall, Call: &normalize.Call{State: normalize.CallRinging}}},
	}
	if !t.cfg.Voice.Enabled {
		m.Parts[0].Call.State = normalize.CallMissed // it was refused
	}
	return m, nil
}

// notNumbers stand in From where the caller withheld the number or the network
// lost it (help.twilio.com, "Why am I getting calls from these strange
// numbers"): ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE on a keypad.
var notNumbers = map[string]bool{
	"+266696687": true, "+7378742833": true, "+2562533": true, "+8656696": true, "+86282452253": true,
	"anonymous": true, "restricted": true, "blocked": true, "unknown": true, "unavailable": true,
}

func caller(from, id, name string) normalize.Address {
	if notNumbers[strings.ToLower(from)] {
		return normalize.Address{Kind: normalize.KindPhone, Value: withheld + id, Name: "Number withheld"}
	}
	return customer(from, name)
}

// callStatus reads a status callback of a call:
// www.twilio.com/docs/voice/api/call-resource, StatusCallback.
func (t *Twilio) callStatus(in normalize.Input, p params) (normalize.Item, error) {
	id, status := p.get("CallSid"), p.get("CallStatus")
	if id == "" {
		return nil, errors.New("incomplete: a status callback has CallSid")
	}
	switch {
	case in.Meta[metaLeg] == legAgent:
		return agentLeg(p, status), nil
	case in.Meta[metaPart] != "" || strings.HasPrefix(p.get("Direction"), "outbound"):
		return spokenReceipt(in, id, status, p.get("ErrorCode")), nil
	}
	switch status {
	case "completed", "busy", "failed", "no-answer", "canceled":
		// The line to the caller is down. Whether an agent took the call is
		// for the agent's leg to say, and outweighs this.
		return callIs(id, normalize.CallMissed, ""), nil
	}
	return &normalize.Ignored{Reason: callUnderWay}, nil
}

// agentLeg is word of the agent's phone: it says what became of the caller's
// call.
func agentLeg(p params, status string) normalize.Item {
	call := p.get("ParentCallSid")
	if call == "" {
		return &normalize.Ignored{Reason: callUnderWay}
	}
	switch status {
	case "in-progress", "answered":
		return callIs(call, normalize.CallAnswered, "")
	case "completed":
		return callIs(call, normalize.CallEnded, p.get("CallDuration"))
	case "busy", "failed", "no-answer", "canceled":
		return callIs(call, normalize.CallMissed, "")
	}
	return &normalize.Ignored{Reason: agentRinging}
}

// callIs moves a call on. The states go one way (ringing, missed, answered,
// ended), in whatever order they are told.
func callIs(id string, s normalize.CallState, seconds string) *normalize.Supplement {
	n, err := strconv.ParseInt(seconds, 10, 32)
	if err != nil || n < 0 {
		n = 0
	}
	return &normalize.Supplement{Target: id, Part: normalize.Part{Kind: normalize.PartCall, Call: &normalize.Call{State: s, Duration: n}}}
}

// spokenReceipt says what became of an answer that is spoken.
func spokenReceipt(in normalize.Input, id, status, code string) normalize.Item {
	r := normalize.Receipt{ExternalID: id, PartID: partOf(in)}
	switch status {
	case "queued", "initiated", "ringing":
		r.Status = normalize.StatusAccepted
	case "in-progress", "answered", "completed":
		r.Status = normalize.StatusDelivered
	default:
		r.Status, r.Code = normalize.StatusFailed, status
		detail, ok := notTaken[status]
		if !ok {
			return &normalize.Ignored{Reason: statusUnknown}
		}
		if code != "" {
			r = failure(r, code)
		}
		r.Detail = detail
	}
	return normalize.Receipts{r}
}

var notTaken = map[string]string{
	"busy": "the customer's phone was busy", "no-answer": "nobody answered the customer's phone",
	"failed": "the customer's phone could not be reached", "canceled": "the call was taken back before it was answered",
}

// recording reads www.twilio.com/docs/voice/api/recording,
// RecordingStatusCallback: what was spoken, some time after the call.
func recording(p params) (normalize.Item, error) {
	call, id := p.get("CallSid"), p.get("RecordingSid")
	if call == "" || id == "" {
		return nil, errors.New("incomplete: a recording has CallSid and RecordingSid")
	}
	ref := "Recordings/" + id + ".mp3"
	if s := p.get("RecordingStatus"); s != "" && s != "completed" || !mediumPath.MatchString(ref) {
		return &normalize.Ignored{Reason: noRecording}, nil
	}
	return &normalize.Supplement{Target: call, Part: normalize.Part{
		Kind:  normalize.PartCall,
		Media: &normalize.Media{Name: "recording-" + id + ".mp3", ContentType: "audio/mpeg", Ref: ref},
	}}, nil
}

// transcription reads www.twilio.com/docs/voice/twiml/record,
// transcribeCallback.
func transcription(p params) (normalize.Item, error) {
	call := p.get("CallSid")
	if call == "" {
		return nil, errors.New("incomplete: a transcription has CallSid")
	}
	words := strings.TrimSpace(p.get("TranscriptionText"))
	if p.get("TranscriptionStatus") != "completed" || words == "" {
		return &normalize.Ignored{Reason: noTranscript}, nil
	}
	return &normalize.Supplement{Target: call, Part: normalize.Part{Kind: normalize.PartCall, Text: words}}, nil
}
