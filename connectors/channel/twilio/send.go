package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

var _ channel.Sender = (*Twilio)(nil)

// Send makes one message, or one call that speaks it. Twilio recognises no
// repeats, so a request without an answer is uncertain until a status callback
// or Resolve tells.
func (t *Twilio) Send(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
	if len(o.Parts) != 1 || len(o.Recipients) != 1 {
		return channel.Sent{}, connectors.Errorf(connectors.Unsupported, "", "Twilio carries one part to one receiver")
	}
	if strings.HasPrefix(o.Recipients[0].Value, withheld) {
		return channel.Sent{}, connectors.Errorf(connectors.Unreachable, "", "the caller withheld the number, so there is no way to answer")
	}
	if t.spoken(o.Message.Thread) {
		return t.speak(ctx, o)
	}
	return t.write(ctx, o)
}

// write sends a message: www.twilio.com/docs/messaging/api/message-resource.
func (t *Twilio) write(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
	params, err := t.messageParams(o)
	if err != nil {
		return channel.Sent{}, err
	}
	if err := o.Begin(ctx); err != nil {
		return channel.Sent{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	service, c := t.service(ctx)
	m, err := service.CreateMessage(params)
	switch {
	case err != nil:
		return channel.Sent{}, t.concerning(c.fault(err), value(params.From))
	case m.Sid == nil || *m.Sid == "":
		return channel.Sent{}, c.fault(errors.New("no sid"))
	}
	return channel.Sent{ExternalID: *m.Sid, Detail: t.told(m)}, nil
}

// told is what an agent may want to know of what Twilio has taken.
func (t *Twilio) told(m *api.ApiV2010Message) string {
	detail := "Twilio has queued it"
	if n := value(m.NumSegments); n != "" && n != "0" {
		detail += ", " + n + " segments"
	}
	if isName(value(m.From)) {
		detail += "; the customer cannot answer to the name " + value(m.From)
	}
	return detail
}

func (t *Twilio) messageParams(o *channel.Outbound) (*api.CreateMessageParams, error) {
	part, to := &o.Parts[0], o.Recipients[0]
	p := &api.CreateMessageParams{}
	receiver, sender := t.ends(o.Message.Thread, to)
	p.SetTo(receiver)
	if sender != "" {
		p.SetFrom(sender)
	}
	if t.cfg.MessagingServiceSID != "" {
		p.SetMessagingServiceSid(t.cfg.MessagingServiceSID)
	}
	if t.hook != "" {
		p.SetStatusCallback(t.callback(pathStatus, metaPart, part.ID.String()))
	}
	words := wordsOf(part, to)
	if w := o.Message.ReplyWindow; to.Kind == KindWhatsApp && w != nil && !w.Until.After(t.deps.Clock.Now()) && t.cfg.WhatsAppTemplate != "" {
		return t.template(p, part, words)
	}
	if part.Media != nil {
		link := ""
		if o.Link != nil {
			link = o.Link(part.Media)
		}
		if link == "" {
			return nil, connectors.Errorf(connectors.Unsupported, "", "Twilio fetches media from server.public_url, which is not set")
		}
		p.SetMediaUrl([]string{link})
	}
	if words != "" {
		p.SetBody(words)
	}
	if words == "" && part.Media == nil {
		return nil, connectors.Errorf(connectors.Rejected, "", "there is nothing to send in a part of kind %s", part.Kind)
	}
	return p, nil
}

// wordsOf is a part's text in the markup that the receiver's app shows.
func wordsOf(part *normalize.Part, to normalize.Address) string {
	markup := normalize.MarkupPlain
	if to.Kind == KindWhatsApp {
		markup = normalize.MarkupWhatsApp
	}
	return text.Render(part.Text, part.HTML, markup)
}

// oneLine is how a text stands in a template: variables have no line breaks
// (www.twilio.com/docs/content/using-variables-with-content-api).
func oneLine(words string) string { return strings.Join(strings.Fields(words), " ") }

// template carries an answer that comes too late for free text.
func (t *Twilio) template(p *api.CreateMessageParams, part *normalize.Part, words string) (*api.CreateMessageParams, error) {
	if part.Media != nil || words == "" {
		return nil, &connectors.Error{Class: connectors.Unreachable, Code: "63016", Closed: true, Detail: "the 24 hours for a free answer are over, and the template carries text only"}
	}
	variables, err := json.Marshal(map[string]string{"1": oneLine(words)})
	if err != nil {
		return nil, err
	}
	return p.SetContentSid(t.cfg.WhatsAppTemplate).SetContentVariables(string(variables)), nil
}

// ends are who a message goes to and comes from, as Twilio writes them: whom
// the customer wrote to or called, else the configured sender. Where that is
// none, the messaging service chooses.
func (t *Twilio) ends(th normalize.Thread, customer normalize.Address) (to, from string) {
	scheme, from := split(either(th.ID, t.cfg.From))
	switch {
	case customer.Kind != normalize.KindPhone:
		scheme = customer.Kind
	case scheme == schemeVoice:
		scheme = ""
	}
	if from != "" {
		from = join(scheme, from)
	}
	return join(scheme, customer.Value), from
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
