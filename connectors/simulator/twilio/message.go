package twilio

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Message is one that we sent, as Twilio knows it.
type Message struct {
	SID, To, From, Service string
	Body                   string
	Media                  []string // addresses
	ContentSID, Variables  string
	Status                 string
	ErrorCode              int
	Segments               int
	Created                time.Time
	callback               string
}

type message struct{ Message }

// Report is one status callback that is to come. Zero ErrorCode is none.
type Report struct {
	Status    string
	ErrorCode int
	After     time.Duration // since the report before
}

// usual is what happens to a message that arrives.
func usual(m Message) []Report {
	r := []Report{{Status: "sent"}, {Status: "delivered"}}
	if strings.HasPrefix(m.To, "whatsapp:") {
		r = append(r, Report{Status: "read"})
	}
	return r
}

// Deliver sets what becomes of each message from now on: the reports of it, in
// the order in which they are to be made.
func (s *Server) Deliver(f func(Message) []Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliver = f
}

// Messages returns everything that was sent, oldest first.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Message, len(s.messages))
	for i, m := range s.messages {
		list[i] = m.Message
	}
	return list
}

var (
	number = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	letter = regexp.MustCompile(`[A-Za-z]`)
)

// refusal returns the code with which a message is refused at once; 0 where it
// is taken. www.twilio.com/docs/api/errors
func (s *Server) refusal(m *message) (code int, words string) {
	_, to, whatsApp := strings.Cut(m.To, "whatsapp:")
	if !whatsApp {
		to = strings.TrimPrefix(m.To, "rcs:")
	}
	_, service := s.o.Services[m.Service]
	name := letter.MatchString(m.From) && !strings.Contains(m.From, ":")
	switch {
	case m.To == "":
		return 21604, "A 'To' phone number is required."
	case !number.MatchString(to):
		return 21211, "Invalid 'To' Phone Number"
	case m.From == "" && m.Service == "":
		return 21603, "A 'From' phone number is required."
	case m.Service != "" && !service:
		return 21701, "The Messaging Service does not exist."
	case m.From != "" && !s.owns(m.From, m.Service) && whatsApp:
		return 63007, "Twilio could not find a Channel with the specified From address"
	case m.From != "" && !s.owns(m.From, m.Service):
		return 21606, "The 'From' phone number provided is not a valid message-capable Twilio phone number for this destination."
	case m.From != "" && whatsApp != strings.HasPrefix(m.From, "whatsapp:"):
		return 21910, "Invalid From and To pair. From and To should be of the same channel"
	case m.Body == "" && len(m.Media) == 0 && m.ContentSID == "":
		return 21619, "A text message body or media urls must be specified."
	case len(utf16.Encode([]rune(m.Body))) > 1600:
		return 21617, "The concatenated message body exceeds the 1600 character limit."
	case len(m.Media) > 10:
		return 21623, "Number of media files exceeds allowed limit"
	case name && (len(m.Media) > 0 || strings.HasPrefix(to, "+1")):
		return 21612, "The 'To' phone number is not currently reachable using the 'From' phone number"
	case m.To == m.From:
		return 21266, "'To' and 'From' number cannot be the same"
	case slices.ContainsFunc(s.o.Closed, func(p string) bool { return strings.HasPrefix(to, p) }):
		return 21408, "Permission to send an SMS has not been enabled for the region"
	case s.optedOut[[2]string{s.scope(m.From, m.Service), m.To}]:
		return 21610, "Attempt to send to unsubscribed recipient"
	}
	return 0, ""
}

// scope is what an opt-out holds for: the service, else the sender.
func (s *Server) scope(from, service string) string {
	if service != "" {
		return service
	}
	for sid, senders := range s.o.Services {
		if slices.Contains(senders, from) {
			return sid
		}
	}
	return from
}

func (s *Server) createMessage(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		refuse(w, http.StatusBadRequest, 20001, "Bad request")
		return
	}
	f := r.PostForm
	m := &message{Message{
		To: f.Get("To"), From: f.Get("From"), Service: f.Get("MessagingServiceSid"), Body: f.Get("Body"), Media: f["MediaUrl"],
		ContentSID: f.Get("ContentSid"), Variables: f.Get("ContentVariables"),
		Status: "queued", Segments: segments(f.Get("Body")), callback: f.Get("StatusCallback"),
	}}
	s.mu.Lock()
	if code, words := s.refusal(m); code != 0 {
		s.mu.Unlock()
		refuse(w, http.StatusBadRequest, code, words)
		return
	}
	m.SID, m.Created = s.sid("SM"), s.o.Now()
	if len(m.Media) > 0 {
		m.SID = "MM" + m.SID[2:]
	}
	if m.Service != "" {
		m.Status = "accepted"
		if m.From == "" {
			m.From = s.pool(m.Service, m.To)
		}
	}
	s.messages = append(s.messages, m)
	reports := s.deliver(m.Message)
	if late := s.windowClosed(m); late {
		reports = []Report{{Status: "failed", ErrorCode: 63016}}
	}
	body := m.json()
	s.mu.Unlock()
	s.Go(func() { s.report(m, reports) }) //nolint:contextcheck // it outlives the request
	answer(w, http.StatusCreated, body)
}

// pool chooses a sender of a service: one of the same channel as the receiver.
func (s *Server) pool(service, to string) string {
	for _, from := range s.o.Services[service] {
		if strings.HasPrefix(from, "whatsapp:") == strings.HasPrefix(to, "whatsapp:") {
			return from
		}
	}
	return ""
}

// windowClosed reports whether free text to a WhatsApp user comes too late.
// Twilio takes it, and tells later that it failed.
func (s *Server) windowClosed(m *message) bool {
	if !strings.HasPrefix(m.To, "whatsapp:") || m.ContentSID != "" {
		return false
	}
	last, ever := s.wrote[[2]string{m.From, m.To}]
	return !ever || s.o.Now().Sub(last) > 24*time.Hour
}

// report makes the status callbacks of a message.
func (s *Server) report(m *message, reports []Report) {
	for _, r := range reports {
		if !s.wait(s.Context(), r.After) {
			return
		}
		s.mu.Lock()
		m.Status, m.ErrorCode = r.Status, r.ErrorCode
		p := url.Values{
			"AccountSid": {s.o.AccountSID}, "MessageSid": {m.SID}, "SmsSid": {m.SID}, "From": {m.From}, "To": {m.To},
			"MessageStatus": {r.Status}, "SmsStatus": {r.Status}, "ApiVersion": {"2010-04-01"},
		}
		if m.Service != "" {
			p.Set("MessagingServiceSid", m.Service)
		}
		if r.ErrorCode != 0 {
			p.Set("ErrorCode", strconv.Itoa(r.ErrorCode))
		}
		callback := m.callback
		s.mu.Unlock()
		if callback != "" {
			_, _, _ = s.post(s.Context(), callback, p) // who does not answer does not learn it
		}
	}
}

func (s *Server) listMessages(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	page := []any{}
	for _, m := range slices.Backward(s.messages) {
		if fits(q.Get("To"), m.To) && fits(q.Get("From"), m.From) && len(page) < size(q) {
			page = append(page, m.json())
		}
	}
	answer(w, http.StatusOK, map[string]any{"messages": page, "page": 0, "page_size": size(q), "uri": r.URL.RequestURI()})
}

func fits(want, is string) bool { return want == "" || want == is }

func size(q url.Values) int {
	if n, err := strconv.Atoi(q.Get("PageSize")); err == nil && n > 0 {
		return min(n, 1000)
	}
	return 50
}

// shown is the text as the customer sees it: a template's with its variables.
func (m *message) shown() string {
	var variables map[string]string
	if m.ContentSID == "" || json.Unmarshal([]byte(m.Variables), &variables) != nil {
		return m.Body
	}
	return "News of your order: " + variables["1"]
}

func (m *message) json() map[string]any {
	b := map[string]any{
		"sid": m.SID, "to": m.To, "from": m.From, "body": m.shown(), "status": m.Status, "direction": "outbound-api",
		"num_segments": strconv.Itoa(m.Segments), "num_media": strconv.Itoa(len(m.Media)), "messaging_service_sid": nil,
		"date_created": m.Created.UTC().Format(time.RFC1123Z), "error_code": nil,
	}
	if m.Service != "" {
		b["messaging_service_sid"], b["num_segments"] = m.Service, "0" // not known before a sender is chosen
	}
	if m.ErrorCode != 0 {
		b["error_code"] = m.ErrorCode
	}
	return b
}

func answer(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // strings and numbers only
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

func refuse(w http.ResponseWriter, status, code int, words string) {
	answer(w, status, map[string]any{
		"code": code, "message": words, "status": status, "more_info": "https://www.twilio.com/docs/errors/" + strconv.Itoa(code),
	})
}
