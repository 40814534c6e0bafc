package twilio

import (
	"context"
	"strings"
	"time"

	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
)

var _ channel.Resolver = (*Twilio)(nil)

const (
	// skew is how far Twilio's clock and ours may differ.
	skew   = 2 * time.Minute
	listed = 200 // how many of the latest messages to a customer are looked at
)

// Resolve looks for an uncertain request in Twilio's lists, by receiver,
// sender, time and text. The lists do not show the key that we gave with it, so
// what fits is taken only if it is the only one and not known to be another
// request's. The status callback, which carries the key, mostly comes first.
func (t *Twilio) Resolve(ctx context.Context, o *channel.Outbound) (channel.Sent, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if t.spoken(o.Message.Thread) {
		return t.findCall(ctx, o)
	}
	return t.findMessage(ctx, o)
}

func (t *Twilio) findMessage(ctx context.Context, o *channel.Outbound) (channel.Sent, bool, error) {
	want, err := t.messageParams(o)
	if err != nil {
		return channel.Sent{}, false, err
	}
	service, c := t.service(ctx)
	p := &api.ListMessageParams{To: want.To, From: want.From}
	page, err := service.PageMessage(p.SetPageSize(listed), "", "")
	if err != nil {
		return channel.Sent{}, false, c.fault(err)
	}
	var fits []found
	words := wordsOf(&o.Parts[0], o.Recipients[0])
	for _, m := range page.Messages {
		if value(m.Direction) != "inbound" && t.says(&m, words, want.MediaUrl != nil) {
			fits = append(fits, found{value(m.Sid), value(m.Status), value(m.DateCreated)})
		}
	}
	return only(ctx, o, fits)
}

// says reports whether a listed message is one of these words: by itself, or
// within the template that carries late answers.
func (t *Twilio) says(m *api.ApiV2010Message, words string, withMedia bool) bool {
	body, media := value(m.Body), value(m.NumMedia)
	if withMedia != (media != "" && media != "0") {
		return false
	}
	return body == words || t.cfg.WhatsAppTemplate != "" && !withMedia && words != "" && strings.Contains(body, oneLine(words))
}

func (t *Twilio) findCall(ctx context.Context, o *channel.Outbound) (channel.Sent, bool, error) {
	want, err := t.callParams(o)
	if err != nil {
		return channel.Sent{}, false, err
	}
	service, c := t.service(ctx)
	p := &api.ListCallParams{To: want.To, From: want.From}
	page, err := service.PageCall(p.SetPageSize(listed), "", "")
	if err != nil {
		return channel.Sent{}, false, c.fault(err)
	}
	var fits []found
	for _, call := range page.Calls {
		if value(call.Direction) == "outbound-api" {
			fits = append(fits, found{value(call.Sid), value(call.Status), value(call.DateCreated)})
		}
	}
	return only(ctx, o, fits)
}

// found is an entry of a list that may be the request looked for.
type found struct{ sid, status, created string }

// only returns the one that was made while the request was under way, if there
// is just one that is not known to be another request's.
func only(ctx context.Context, o *channel.Outbound, fits []found) (channel.Sent, bool, error) {
	since, until := o.Begun.Add(-skew), o.Begun.Add(requestTimeout+skew)
	var hit []found
	for _, f := range fits {
		created, err := time.Parse(time.RFC1123Z, f.created)
		if err != nil || created.Before(since) || created.After(until) {
			continue
		}
		known, err := o.Known(ctx, f.sid)
		if err != nil {
			return channel.Sent{}, false, connectors.Errorf(connectors.Transient, "store", "the store did not say whose %s is: %w", f.sid, err)
		}
		if !known {
			hit = append(hit, f)
		}
	}
	if len(hit) != 1 {
		return channel.Sent{}, false, nil
	}
	return channel.Sent{ExternalID: hit[0].sid, Detail: "found in Twilio's list, " + hit[0].status}, true, nil
}
