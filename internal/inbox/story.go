package inbox

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

const perStory = 50 // messages

// story is a conversation with its customer's one timeline.
type story struct {
	*list
	Conversation *normalize.Conversation
	Name         string
	Row          row       // for the reply window
	Messages     []message // oldest first
	Older        normalize.ID
	Past         bool // these are not the newest
	Customer     *normalize.Customer
	Key          string // of the answer that is written next
	About        about
}

// message is how a message is shown.
type message struct {
	*normalize.Message
	Inbound bool
	Who     string
	Parts   []part
	// Quoted is set where there is more than what was newly written.
	Quoted string
	// Formatted: the mail can be shown as it was sent.
	Formatted bool
	// Remote: it names images that are elsewhere.
	Remote bool
	// Other is set where it belongs to another conversation than the open one.
	Other bool
	// Reactions that stand.
	Reactions []normalize.Reaction
}

// part is how a part is shown.
type part struct {
	normalize.Part
	// Show tells how its file is shown: image, audio, video, or "" for a link.
	Show string
	// Map is the address of a map.
	Map string
	// Retry: a person may ask for another try; Twice warns of what it may do.
	Retry, Twice bool
	Note         bool
}

func (in *Inbox) story(r *request) (*story, error) {
	c, err := in.Store.Conversation(r.Context(), r.id("id"))
	if err != nil {
		return nil, err
	}
	s := &story{Conversation: c, Name: nameOf(c.Customer, c.Address), Customer: c.Customer, Key: rand.Text()}
	s.Row = rowOf(timeline.Overview{Conversation: c}, in.Clock.Now(), r.pages)
	before, err := normalize.ParseID(r.URL.Query().Get("before"))
	if err != nil {
		before = 0
	}
	s.Past = before != 0
	found, err := in.Store.Timeline(r.Context(), c.Customer.ID, before, perStory+1)
	if err != nil {
		return nil, err
	}
	if len(found) > perStory {
		found = found[:perStory]
		s.Older = found[perStory-1].ID
	}
	if err := in.look(r, s, found); err != nil {
		return nil, err
	}
	for _, m := range slices.Backward(found) {
		s.Messages = append(s.Messages, shown(m, c.ID, r.pages))
	}
	return s, nil
}

// shown prepares a message for its page.
func shown(m *normalize.Message, open normalize.ID, p *pages) message {
	v := message{Message: m, Inbound: m.Direction == normalize.Inbound, Other: m.ConversationID != open, Formatted: m.HTML != "" && m.DeletedAt.IsZero()}
	v.Remote = v.Formatted && strings.Contains(m.HTML, text.RemoteImage)
	switch {
	case v.Inbound:
		v.Who = nameOf(m.Customer, m.Address)
		if m.Address.Name != "" {
			v.Who = m.Address.Name
		}
	case m.Author != nil && m.Author.Name != "":
		v.Who = m.Author.Name
	default:
		v.Who = p.t("Us")
	}
	if full := strings.TrimSpace(m.FullText); full != strings.TrimSpace(m.Text) {
		v.Quoted = full
	}
	worded := false
	for _, one := range m.Parts {
		v.Parts = append(v.Parts, shownPart(one, m.Note))
		worded = worded || one.Kind == normalize.PartText
	}
	if !worded && m.Text != "" { // a caption that stands for itself
		captioned := slices.ContainsFunc(m.Parts, func(q normalize.Part) bool { return q.Text != "" })
		if !captioned {
			v.Parts = slices.Insert(v.Parts, 0, part{Part: normalize.Part{Kind: normalize.PartText, Text: m.Text}})
		}
	}
	for i := range v.Parts {
		if v.Inbound && v.Parts[i].Kind == normalize.PartText && v.Quoted != "" {
			v.Parts[i].Text = m.Text // the part holds the quote as well
		}
	}
	for _, re := range m.Reactions {
		if !re.Removed {
			v.Reactions = append(v.Reactions, re)
		}
	}
	return v
}

func shownPart(one normalize.Part, note bool) part {
	v := part{Part: one, Note: note, Retry: normalize.Restart(one.Status), Twice: one.Status == normalize.StatusUncertain}
	if m := one.Media; m != nil && one.Status != normalize.StatusPending {
		v.Show = playable[mediaType(m.ContentType)]
	}
	if l := one.Location; l != nil {
		v.Map = fmt.Sprintf("https://www.openstreetmap.org/?mlat=%.6f&mlon=%.6f#map=16/%.6f/%.6f", l.Latitude, l.Longitude, l.Latitude, l.Longitude)
	}
	return v
}

// status is how far a part has come, in plain words.
func (p *pages) status(s normalize.Status) string {
	switch s {
	case normalize.StatusQueued:
		return p.t("Waiting to be sent")
	case normalize.StatusSending:
		return p.t("Being sent")
	case normalize.StatusAccepted:
		return p.t("Sent")
	case normalize.StatusDelivered:
		return p.t("Delivered")
	case normalize.StatusRead:
		return p.t("Read")
	case normalize.StatusFailed:
		return p.t("Not delivered")
	case normalize.StatusUncertain:
		return p.t("Perhaps delivered")
	case normalize.StatusPending:
		return p.t("This file is still being fetched.")
	}
	return ""
}

// happened is a call or an event in plain words.
func (p *pages) happened(one normalize.Part) string {
	if c := one.Call; c != nil {
		words := map[normalize.CallState]string{
			normalize.CallRinging: "Incoming call", normalize.CallMissed: "Missed call", normalize.CallAnswered: "Call under way", normalize.CallEnded: "Call",
		}[c.State]
		if c.Duration > 0 {
			return p.t(words) + fmt.Sprintf(" · %d:%02d", c.Duration/60, c.Duration%60)
		}
		return p.t(words)
	}
	return p.t("Event") + ": " + one.Event
}

func (in *Inbox) conversationPage(w http.ResponseWriter, r *request) {
	cursor, err := in.Store.LastEvent(r.Context()) // it has to be older than the timeline
	if err != nil {
		in.fail(w, r, err)
		return
	}
	s, err := in.story(r)
	if err != nil {
		in.fail(w, r, err)
		return
	}
	l, err := in.list(r) // last: what is shown is no longer unread
	if err != nil {
		in.fail(w, r, err)
		return
	}
	s.list = l
	l.Cursor, l.Open = cursor, s.Conversation.ID
	if s.About, err = in.about(r, s.Conversation); err != nil {
		in.fail(w, r, err)
		return
	}
	in.show(w, r, http.StatusOK, "conversation", view{Title: s.Name, Unread: l.Labels.Unread.All, Data: s})
}

func (in *Inbox) timelinePiece(w http.ResponseWriter, r *request) {
	s, err := in.story(r)
	if err != nil {
		in.fail(w, r, err)
		return
	}
	in.show(w, r, http.StatusOK, "timeline", view{Title: s.Name, Data: s})
}
