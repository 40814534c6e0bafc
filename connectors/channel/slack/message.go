package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/deskbridge/deskbridge/normalize"
)

const (
	maxFiles       = 100 // of one message; Slack takes ten
	maxAttachments = 100 // Slack's own limit
	directKey      = "im"
)

// message decodes an event of the type message, in all its subtypes.
func (d *decoder) message(e *event) (normalize.Item, error) {
	if !anyChannelID.MatchString(e.Channel) {
		return nil, errChannel
	}
	if reason := d.admits(e.Channel); reason != "" {
		return ignored(reason)
	}
	switch e.Subtype {
	case "message_changed":
		return d.changed(e)
	case "message_deleted":
		return d.deleted(e, e.DeletedTS, e.Previous)
	}
	who, reason := d.author(e, e.Channel)
	if reason == "" && who == staff && !e.answers() {
		reason = "staff_message"
	}
	if reason != "" {
		return ignored(reason)
	}
	return d.said(e, who)
}

// Peek says which customer wrote, and where, what Decode could not read.
func (s *Slack) Peek(in normalize.Input) *normalize.Message {
	d, e := &decoder{cfg: s.cfg, call: &callback{}}, &event{}
	// An event that is not as documented in one place may be read in others.
	_ = json.Unmarshal(in.Raw, d.call)
	_ = json.Unmarshal(d.call.Event, e)
	d.home, d.enterprise = d.call.home()
	if e.Type != "message" || strings.HasPrefix(e.Subtype, "message_") || d.admits(e.Channel) != "" {
		return nil
	}
	if who, reason := d.author(e, e.Channel); reason != "" || who != customer {
		return nil
	}
	m := &normalize.Message{Direction: normalize.Inbound}
	var err error
	if m.Address, err = d.address(e); err != nil {
		return nil
	}
	if m.Thread, err = thread(e); err != nil {
		m.Thread = normalize.Thread{} // no place that could be written to but the direct messages
	}
	return m
}

// said is a message that somebody wrote.
func (d *decoder) said(e *event, who role) (normalize.Item, error) {
	id, err := place(e.Channel, e.TS)
	if err != nil {
		return nil, err
	}
	m := &normalize.Message{Direction: normalize.Inbound, ExternalID: id}
	if m.SentAt, err = parseTS(e.TS); err != nil {
		return nil, err
	}
	if m.Address, err = d.address(e); err != nil {
		return nil, err
	}
	if who == staff {
		m.Direction, m.Author = normalize.Outbound, &normalize.Author{Name: first(m.Address.Name, e.User)}
		m.Address = normalize.Address{}
	}
	if m.Thread, err = thread(e); err != nil {
		return nil, err
	}
	m.Text, m.HTML = d.words(e)
	m.FullText = m.Text
	if m.Text != "" {
		m.Parts = append(m.Parts, normalize.Part{Kind: normalize.PartText, Text: m.Text})
	}
	parts, err := d.files(e)
	if err != nil {
		return nil, err
	}
	m.Parts = append(m.Parts, parts...)
	if len(m.Parts) == 0 {
		m.Text = "(something that only Slack itself can show)"
		m.FullText = m.Text
		m.Parts = []normalize.Part{{Kind: normalize.PartText, Text: m.Text}}
	}
	return m, nil
}

// thread says where a message hangs and where its answer goes: in a channel
// into the thread that it began or stands in; in a direct message beside it,
// or into its thread if it has one. All direct messages of one person are one
// conversation.
func thread(e *event) (normalize.Thread, error) {
	root := first(e.ThreadTS, e.TS)
	id, err := place(e.Channel, root)
	if err != nil {
		return normalize.Thread{}, err
	}
	t := normalize.Thread{ID: id, Key: id, Shared: true}
	if isDirect(e.Channel) {
		t.Key, t.Shared = directKey, false
		if e.ThreadTS == "" {
			t.ID = e.Channel
		}
	}
	if e.answers() {
		t.ReplyTo = id
	}
	return t, nil
}

// words are a message's text and, where it says more, its HTML. Messages that
// are passed on stand below as quotes.
func (d *decoder) words(e *event) (plain, html string) {
	source := e.Text
	if e.Subtype == "me_message" && source != "" {
		source = "_" + source + "_"
	}
	for i, a := range e.Attachments {
		if i == maxAttachments {
			break
		}
		if !a.Share && !a.MsgUnfurl || a.Text == "" {
			continue
		}
		if source != "" {
			source += "\n"
		}
		if a.AuthorName != "" {
			source += escape(a.AuthorName) + ":\n"
		}
		source += "&gt; " + strings.ReplaceAll(a.Text, "\n", "\n&gt; ")
	}
	return fromMrkdwn(called(source, d.names))
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func escape(s string) string { return escaper.Replace(s) }

func (d *decoder) files(e *event) (parts []normalize.Part, err error) {
	files := e.Files
	for i, a := range e.Attachments {
		if i < maxAttachments && a.Share {
			files = append(files, a.Files...)
		}
	}
	if len(files) > maxFiles {
		return nil, fmt.Errorf("too_many_files: %d, at most %d are taken", len(files), maxFiles)
	}
	for _, f := range files {
		if p, ok := f.part(); ok {
			parts = append(parts, p)
		}
	}
	return parts, nil
}

// part is what a file becomes. Of one that lies elsewhere there is only the
// link.
func (f *file) part() (normalize.Part, bool) {
	name := first(f.Name, f.Title)
	switch {
	case f.Mode == "tombstone" || f.Mode == "hidden_by_limit":
		return normalize.Part{Kind: normalize.PartText, Text: strings.TrimSpace("(a file that Slack no longer has) " + name)}, true
	case f.External || f.Mode == "external":
		return normalize.Part{Kind: normalize.PartText, Text: strings.TrimSpace(first(f.Title, f.Name) + " " + f.URLPrivate)}, true
	case !fileID.MatchString(f.ID):
		return normalize.Part{}, false
	}
	ref := first(f.Download, f.URLPrivate)
	if ref == "" || f.Access == "check_file_info" {
		ref = f.ID // in a shared channel it has to be asked for
	}
	return normalize.Part{
		Kind:  normalize.KindOf(f.MimeType),
		Media: &normalize.Media{Name: name, ContentType: f.MimeType, Size: max(f.Size, 0), Ref: ref},
	}, true
}

// changed decodes message_changed, which tells of edits, and of much else.
func (d *decoder) changed(e *event) (normalize.Item, error) {
	now := e.Message
	if now == nil {
		return nil, errors.New("no_message: a change without a message")
	}
	if now.Subtype == "tombstone" {
		// The root of a thread was deleted and its answers were not.
		return d.deleted(e, now.TS, e.Previous)
	}
	if reason := d.concerns(now, e.Channel); reason != "" {
		return ignored(reason)
	}
	target, err := place(e.Channel, now.TS)
	if err != nil {
		return nil, err
	}
	if now.Edited == nil || e.Previous != nil && e.Previous.Text == now.Text {
		return ignored("not_an_edit")
	}
	at, err := parseTS(now.Edited.TS)
	if err != nil {
		return nil, err
	}
	edit := &normalize.Edit{Target: target, At: at}
	edit.Text, edit.HTML = d.words(now)
	return edit, nil
}

func (d *decoder) deleted(e *event, ts string, was *event) (normalize.Item, error) {
	if was != nil {
		if reason := d.concerns(was, e.Channel); reason != "" {
			return ignored(reason)
		}
	}
	target, err := place(e.Channel, ts)
	if err != nil {
		return nil, err
	}
	at, err := parseTS(first(e.EventTS, e.TS))
	if err != nil {
		return nil, err
	}
	return &normalize.Delete{Target: target, At: at}, nil
}

// concerns returns why an edit of a message is not taken, as the message was
// not, or "".
func (d *decoder) concerns(e *event, channel string) string {
	who, reason := d.author(e, channel)
	if reason == "" && who == staff && !e.answers() {
		return "staff_message"
	}
	return reason
}

// answers tells that a message stands in a thread and did not begin it.
func (e *event) answers() bool { return e.ThreadTS != "" && e.ThreadTS != e.TS }
