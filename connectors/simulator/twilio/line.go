package twilio

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"
)

// line is a call under way: it does what the application's TwiML says
// (www.twilio.com/docs/voice/twiml).
type line struct {
	s     *Server
	c     *call
	who   Caller
	keys  string // not pressed yet
	later []func(context.Context)
	steps int
}

type verb struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Text    string     `xml:",chardata"`
	Inner   []verb     `xml:",any"`
}

func (v *verb) attr(name string) string {
	for _, a := range v.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func parse(document []byte) ([]verb, error) {
	var response verb
	if err := xml.Unmarshal(document, &response); err != nil {
		return nil, fmt.Errorf("12100: document parse failure: %w", err)
	}
	if response.XMLName.Local != "Response" {
		return nil, errors.New("12100: the document is no Response")
	}
	return response.Inner, nil
}

// params are those of every call about the line.
func (l *line) params(more url.Values) url.Values {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	p := url.Values{
		"AccountSid": {l.s.o.AccountSID}, "CallSid": {l.c.SID}, "From": {l.c.From}, "To": {l.c.To}, "Caller": {l.c.From}, "Called": {l.c.To},
		"CallStatus": {l.c.Status}, "Direction": {"outbound-api"}, "ApiVersion": {"2010-04-01"},
	}
	if l.c.Inbound {
		p.Set("Direction", "inbound")
	}
	maps.Copy(p, more)
	return p
}

// ask gets the next document and does what it says.
func (l *line) ask(ctx context.Context, address string, more url.Values) error {
	if l.steps++; l.steps > 20 {
		return errors.New("12100: the documents go round in circles")
	}
	status, reply, err := l.s.post(ctx, address, l.params(more))
	if err != nil {
		return err
	}
	if status >= 300 {
		return fmt.Errorf("11200: the application answered %d", status)
	}
	document, err := parse(reply)
	if err != nil {
		return err
	}
	return l.run(ctx, document)
}

// What ends a document: the line is down, or another document took its place.
var (
	errGone      = errors.New("hung up")
	errElsewhere = errors.New("led to another document")
)

func (l *line) run(ctx context.Context, verbs []verb) error {
	for i := range verbs {
		err := l.do(ctx, &verbs[i])
		if errors.Is(err, errGone) || errors.Is(err, errElsewhere) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// follow goes on at the address of a verb.
func (l *line) follow(ctx context.Context, v *verb, more url.Values) error {
	if err := l.ask(ctx, v.attr("action"), more); err != nil {
		return err
	}
	return errElsewhere
}

func (l *line) do(ctx context.Context, v *verb) error {
	switch v.XMLName.Local {
	case "Reject":
		l.set("busy")
		return errGone
	case "Hangup":
		return errGone
	case "Pause":
		return nil
	case "Say":
		l.set("in-progress")
		return l.say(v)
	case "Gather":
		return l.gather(ctx, v)
	case "Dial":
		return l.dial(ctx, v)
	case "Record":
		return l.record(ctx, v)
	}
	return fmt.Errorf("12200: the simulator knows no <%s>", v.XMLName.Local)
}

func (l *line) set(status string) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.c.Status = status
}

func (l *line) say(v *verb) error {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.c.Said = append(l.c.Said, v.attr("language")+": "+v.Text)
	if l.who.HangsUp {
		return errGone
	}
	return nil
}

func (l *line) gather(ctx context.Context, v *verb) error {
	for i := range v.Inner {
		if err := l.do(ctx, &v.Inner[i]); err != nil {
			return err
		}
	}
	if l.keys == "" {
		return nil // the time is over
	}
	key := l.keys[:1]
	l.keys = l.keys[1:]
	return l.follow(ctx, v, url.Values{"Digits": {key}})
}

// dial lets the agents' phone ring. Its own leg is told about where the noun
// asks for it, then the action.
func (l *line) dial(ctx context.Context, v *verb) error {
	outcome := l.who.Agent
	if outcome == "" {
		outcome = "no-answer"
	}
	talked := strconv.Itoa(l.who.Talk)
	for i := range v.Inner {
		noun := &v.Inner[i]
		l.s.mu.Lock()
		l.c.Dialled = append(l.c.Dialled, strings.TrimSpace(noun.Text))
		leg := l.s.sid("CA")
		l.s.mu.Unlock()
		if noun.attr("statusCallback") == "" {
			continue
		}
		tell := func(status string, more url.Values) {
			p := l.params(more)
			p.Set("CallSid", leg)
			p.Set("ParentCallSid", l.c.SID)
			p.Set("CallStatus", status)
			p.Set("Direction", "outbound-dial")
			p.Set("To", strings.TrimSpace(noun.Text))
			_, _, _ = l.s.post(ctx, noun.attr("statusCallback"), p)
		}
		if outcome == "completed" {
			tell("in-progress", nil)
		}
		tell(outcome, url.Values{"CallDuration": {talked}})
	}
	if callback := v.attr("recordingStatusCallback"); callback != "" && v.attr("record") != "" && outcome == "completed" {
		l.keep(callback, "", []byte("what they said to each other"))
	}
	if v.attr("action") == "" {
		return nil
	}
	more := url.Values{"DialCallStatus": {outcome}}
	if outcome == "completed" {
		more.Set("DialCallDuration", talked)
	}
	return l.follow(ctx, v, more)
}

// record is the voicemail. The recording is told about when the call is over.
func (l *line) record(ctx context.Context, v *verb) error {
	if l.who.Voice == nil {
		return nil
	}
	transcribe := ""
	if v.attr("transcribe") == "true" {
		transcribe = v.attr("transcribeCallback")
	}
	id := l.keep(v.attr("recordingStatusCallback"), transcribe, l.who.Voice)
	return l.follow(ctx, v, url.Values{"RecordingSid": {id}, "RecordingUrl": {l.recordingURL(id)}, "RecordingDuration": {"5"}, "Digits": {"hangup"}})
}

func (l *line) recordingURL(id string) string {
	return "https://api.twilio.com/2010-04-01/Accounts/" + l.s.o.AccountSID + "/Recordings/" + id
}

// keep stores a recording and tells of it, and of its transcript, later.
func (l *line) keep(callback, transcribe string, content []byte) string {
	l.s.mu.Lock()
	id := l.s.sid("RE")
	l.c.Recording = id
	l.s.media["Recordings/"+id+".mp3"] = medium{Medium{ContentType: "audio/mpeg", Content: content}}
	transcription := l.s.sid("TR")
	l.s.mu.Unlock()
	if callback != "" {
		l.later = append(l.later, func(ctx context.Context) {
			_, _, _ = l.s.post(ctx, callback, url.Values{
				"AccountSid": {l.s.o.AccountSID}, "CallSid": {l.c.SID}, "RecordingSid": {id}, "RecordingUrl": {l.recordingURL(id)},
				"RecordingStatus": {"completed"}, "RecordingDuration": {"5"}, "RecordingChannels": {"1"}, "RecordingSource": {"RecordVerb"},
			})
		})
	}
	if transcribe != "" {
		l.later = append(l.later, func(ctx context.Context) {
			p := l.params(url.Values{
				"TranscriptionSid": {transcription}, "TranscriptionText": {l.who.Transcript}, "TranscriptionStatus": {"completed"},
				"RecordingSid": {id}, "RecordingUrl": {l.recordingURL(id)},
			})
			if l.who.Transcript == "" {
				p.Set("TranscriptionStatus", "failed")
			}
			_, _, _ = l.s.post(ctx, transcribe, p)
		})
	}
	return id
}
