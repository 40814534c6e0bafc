package twilio

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Inbound is what a customer writes.
type Inbound struct {
	From, To string
	Body     string
	Media    []Medium
	// Name is the profile name of a WhatsApp user.
	Name string
	// Latitude and Longitude as Twilio writes them; empty for no place.
	Latitude, Longitude, Label, Address string
	// Sticker: the medium is one.
	Sticker bool
	// ReplyTo is the SID of the message that this one answers (WhatsApp).
	ReplyTo string
	// SID of an earlier message, to send it once more; empty for a new one.
	SID string
	// More parameters, as Twilio adds them without notice.
	More url.Values
}

// Medium is a picture or file.
type Medium struct {
	ContentType string
	Content     []byte
}

type medium struct{ Medium }

// Receive lets a customer write. It returns Twilio's id of the message and an
// error unless the application has taken it.
func (s *Server) Receive(ctx context.Context, in Inbound) (sid string, err error) {
	p := s.arrive(in)
	maps.Copy(p, in.More)
	status, _, err := s.post(ctx, s.o.Hook, p)
	switch {
	case err != nil:
		return p.Get("MessageSid"), err
	case status >= 300:
		return p.Get("MessageSid"), fmt.Errorf("the application answered %d", status)
	}
	return p.Get("MessageSid"), nil
}

// arrive keeps what Twilio keeps of a message, and returns the parameters of
// its call: www.twilio.com/docs/messaging/guides/webhook-request.
func (s *Server) arrive(in Inbound) url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	sid := in.SID
	if sid == "" {
		if sid = s.sid("SM"); len(in.Media) > 0 {
			sid = "MM" + sid[2:]
		}
	}
	p := url.Values{
		"AccountSid": {s.o.AccountSID}, "MessageSid": {sid}, "SmsSid": {sid}, "SmsMessageSid": {sid}, "SmsStatus": {"received"},
		"From": {in.From}, "To": {in.To}, "Body": {in.Body}, "NumMedia": {strconv.Itoa(len(in.Media))},
		"NumSegments": {strconv.Itoa(segments(in.Body))}, "ApiVersion": {"2010-04-01"},
	}
	service := s.scope(in.To, "")
	if service != in.To {
		p.Set("MessagingServiceSid", service)
	}
	for i, m := range in.Media {
		id := s.sid("ME")
		path := "Messages/" + sid + "/Media/" + id
		s.media[path] = medium{m}
		p.Set("MediaUrl"+strconv.Itoa(i), "https://api.twilio.com/2010-04-01/Accounts/"+s.o.AccountSID+"/"+path)
		p.Set("MediaContentType"+strconv.Itoa(i), m.ContentType)
	}
	set := func(key, value string) {
		if value != "" {
			p.Set(key, value)
		}
	}
	set("Latitude", in.Latitude)
	set("Longitude", in.Longitude)
	set("Label", in.Label)
	set("Address", in.Address)
	set("OriginalRepliedMessageSid", in.ReplyTo)
	if user, ok := strings.CutPrefix(in.From, "whatsapp:"); ok {
		set("ProfileName", in.Name)
		p.Set("WaId", strings.TrimPrefix(user, "+"))
		p.Set("MessageType", messageType(in))
		s.wrote[[2]string{in.To, in.From}] = s.o.Now()
		return p
	}
	s.keyword(in)
	return p
}

func messageType(in Inbound) string {
	switch {
	case in.Sticker:
		return "sticker"
	case in.Latitude != "":
		return "location"
	case len(in.Media) > 0:
		kind, _, _ := strings.Cut(in.Media[0].ContentType, "/")
		return kind
	}
	return "text"
}

// keyword heeds the words on which Twilio stops and resumes messages.
func (s *Server) keyword(in Inbound) {
	key := [2]string{s.scope(in.To, ""), in.From}
	switch strings.ToUpper(strings.TrimSpace(in.Body)) {
	case "STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "CANCEL", "REVOKE", "OPTOUT":
		s.optedOut[key] = true
	case "START", "YES", "UNSTOP":
		delete(s.optedOut, key)
	}
}

// leadToMedium answers with the place of the bytes, as Twilio does.
func (s *Server) leadToMedium(w http.ResponseWriter, r *http.Request) {
	path := "Recordings/" + r.PathValue("medium")
	if m := r.PathValue("message"); m != "" {
		path = "Messages/" + m + "/Media/" + r.PathValue("medium")
	}
	s.mu.Lock()
	_, ok := s.media[path]
	s.mu.Unlock()
	if !ok {
		refuse(w, http.StatusNotFound, 20404, "The requested resource was not found")
		return
	}
	host := r.Host
	if s.o.MediaElsewhere {
		host = strings.Replace(host, "127.0.0.1", "localhost", 1)
	}
	http.Redirect(w, r, "http://"+host+"/stored/"+path, http.StatusTemporaryRedirect)
}

func (s *Server) medium(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	m, ok := s.media[strings.TrimPrefix(r.URL.Path, "/stored/")]
	if s.o.MediaElsewhere && r.Header.Get("Authorization") != "" {
		s.leaks++
	}
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", m.ContentType)
	_, _ = w.Write(m.Content)
}
