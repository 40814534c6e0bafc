package freshdesk

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

const (
	// maxFiles is how much goes along with one request, in bytes: Freshdesk
	// takes 20 MB, and 15 MB in its smallest plans.
	maxFiles = 14 << 20
	// maxBody is the longest text that is sent, in bytes.
	maxBody = 500_000
	// maxLabel is the longest tag of a ticket, in bytes.
	maxLabel = 32
	// sourcePortal and sourcePhone are what a ticket came by.
	sourcePortal = 2
	sourcePhone  = 3
)

// label is a draft's tag as a tag of the ticket.
func label(tag string) string {
	if s := "db-" + tag; len(s) <= maxLabel {
		return s
	}
	sum := sha256.Sum256([]byte(tag))
	return "db-" + hex.EncodeToString(sum[:14])
}

// Open implements helpdesk.Tickets. The first entry is the description, whose
// id is made from the ticket's.
func (f *Freshdesk) Open(ctx context.Context, d *helpdesk.Draft) (*helpdesk.Opened, error) {
	externalID, name := requester(d.Conversation)
	source := sourcePortal
	if isCall(d.First.Message) {
		source = sourcePhone
	}
	fields := [][2]string{
		{"subject", d.Subject},
		{"name", name},
		{"unique_external_id", externalID},
		{"status", strconv.Itoa(statusOpen)},
		{"priority", "1"},
		{"source", strconv.Itoa(source)},
		{"tags[]", label(d.Tag)},
		{"tags[]", d.Conversation.Channel.Type},
	}
	var t ticket
	if err := f.post(ctx, "/tickets", fields, "description", d.First, d.Facts, &t); err != nil {
		return nil, err
	}
	return f.opened(t.ID), nil
}

func isCall(m *normalize.Message) bool {
	return m != nil && slices.ContainsFunc(m.Parts, func(p normalize.Part) bool { return p.Kind == normalize.PartCall })
}

func (f *Freshdesk) opened(id int64) *helpdesk.Opened {
	return &helpdesk.Opened{Ticket: itoa(id), URL: f.cfg.base() + "/a/tickets/" + itoa(id), Entry: descriptionOf(itoa(id))}
}

// descriptionOf is the id of a ticket's description, among those of entries.
func descriptionOf(ticket string) string { return "t" + ticket }

// recentPages is how many pages of new tickets are looked through for one that
// the search does not know yet.
const recentPages = 3

// Find implements helpdesk.Tickets. The search finds a ticket some minutes after
// it was made; before that it stands among the newest.
func (f *Freshdesk) Find(ctx context.Context, tag string) (*helpdesk.Opened, error) {
	bears := func(t ticket) bool {
		return slices.ContainsFunc(t.Tags, func(s string) bool { return strings.EqualFold(s, label(tag)) })
	}
	for page := range recentPages {
		var list []ticket
		_, err := f.get(ctx, "/tickets", url.Values{
			"order_by": {"created_at"}, "order_type": {"desc"}, "per_page": {strconv.Itoa(perPage)}, "page": {strconv.Itoa(page + 1)},
		}, &list)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(list, bears); i >= 0 {
			return f.opened(list[i].ID), nil
		}
		if len(list) < perPage {
			break
		}
	}
	var found struct {
		Results []ticket `json:"results"`
	}
	if _, err := f.get(ctx, "/search/tickets", url.Values{"query": {`"tag:'` + label(tag) + `'"`}}, &found); err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(found.Results, bears); i >= 0 {
		return f.opened(found.Results[i].ID), nil
	}
	return nil, nil
}

// Write implements helpdesk.Tickets: what customers say by incoming notes in
// their name, and all else by notes of our agent's.
func (f *Freshdesk) Write(ctx context.Context, id string, e *helpdesk.Entry) (string, error) {
	t, err := f.alive(ctx, id)
	if err != nil {
		return "", err
	}
	if e.Reopen { // first: whoever finds the note finds the ticket open
		if err := f.setState(ctx, t, normalize.Open); err != nil {
			return "", err
		}
	}
	fields := [][2]string{{"private", strconv.FormatBool(e.Kind == helpdesk.Remark)}}
	if e.Kind == helpdesk.FromCustomer {
		fields = append(fields, [2]string{"incoming", "true"}, [2]string{"user_id", itoa(t.RequesterID)})
	}
	var made conversation
	if err := f.post(ctx, "/tickets/"+itoa(t.ID)+"/notes", fields, "body", e, nil, &made); err != nil {
		return "", ofTicket(err)
	}
	return itoa(made.ID), nil
}

// post sends a form with an entry, whose words go into the field called body.
// What Freshdesk does not take of files stands in the words as links: it bounds
// all files of a ticket together, and blocks some kinds.
func (f *Freshdesk) post(ctx context.Context, path string, fields [][2]string, body string, e *helpdesk.Entry, facts []helpdesk.Fact, into any) error {
	err := f.form(ctx, path, fields, body, e, facts, maxFiles, into)
	if len(e.Files) > 0 && kit.IsStatus(err, http.StatusBadRequest, http.StatusRequestEntityTooLarge) && aboutFiles(err) {
		err = f.form(ctx, path, fields, body, e, facts, -1, into)
	}
	return err
}

func aboutFiles(err error) bool {
	return kit.IsStatus(err, http.StatusRequestEntityTooLarge) || strings.Contains(strings.ToLower(err.Error()), "attachment")
}

// form sends an entry with as many files as there is room for, in bytes; with
// none where room is negative.
func (f *Freshdesk) form(ctx context.Context, path string, fields [][2]string, body string, e *helpdesk.Entry, facts []helpdesk.Fact, room int64, into any) error {
	var files []kit.FormFile
	var leftOut []helpdesk.Attachment
	for _, a := range e.Files {
		if a.Media.Size > room {
			leftOut = append(leftOut, a)
			continue
		}
		room -= a.Media.Size
		files = append(files, kit.FormFile{
			Field: "attachments[]", Name: cmp.Or(a.Media.Name, "file"), ContentType: a.Media.ContentType, Size: a.Media.Size, Open: a.Open,
		})
	}
	all := append(slices.Clone(fields), [2]string{body, words(e, facts, leftOut)})
	form, err := kit.Form(all, files)
	if err != nil {
		return connectors.Errorf(connectors.Rejected, "", "the form cannot be written: %w", err)
	}
	_, err = f.do(ctx, kit.RESTCall{Method: http.MethodPost, Path: path, Stream: form, Into: into})
	return err
}

// words are what an entry says, in HTML, with its tag in the last line. Who
// wrote stands over them where Freshdesk shows another, or they are no message
// of their own.
func words(e *helpdesk.Entry, facts []helpdesk.Fact, leftOut []helpdesk.Attachment) string {
	head := ""
	if e.Kind != helpdesk.FromCustomer || e.Text == "" || e.Message == nil || !e.Message.EditedAt.IsZero() {
		head = text.ToHTML(e.Heading)
	}
	said := ""
	if e.HTML != "" {
		said = text.SanitizeHTML(e.HTML, func(string) (string, bool) { return "", false }) // pictures go as files
	}
	if said == "" || len(said) > maxBody {
		said = text.ToHTML(shorten(e.Text))
	}
	foot := e.Foot(leftOut...)
	for i, fact := range facts {
		if i == 0 && foot != "" {
			foot += "\n\n"
		}
		foot += fmt.Sprintf("%s: %s\n", fact.Name, fact.Value)
	}
	if foot != "" {
		foot = "<hr>" + text.ToHTML(foot)
	}
	return head + said + foot + `<p style="color:#8a8a8a;font-size:11px">[deskbridge:` + e.Tag + `]</p>`
}

func shorten(s string) string {
	if len(s) <= maxBody/2 {
		return s
	}
	s = s[:maxBody/2]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "\n[...]"
}

var lastLine = regexp.MustCompile(`\[deskbridge:([!-Z^-~]{1,100})\]\s*$`)

// tagOf returns the tag that words end in.
func tagOf(plain string) string {
	m := lastLine.FindStringSubmatch(plain)
	if m == nil {
		return ""
	}
	return m[1]
}
