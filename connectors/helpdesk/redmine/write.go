package redmine

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	maxSubject = 255 // runes, as Redmine has it
	maxName    = 255 // of a file, likewise
)

// Open makes an issue whose description is the first entry.
func (r *Redmine) Open(ctx context.Context, d *helpdesk.Draft) (*helpdesk.Opened, error) {
	self, err := r.me(ctx)
	if err != nil {
		return nil, err
	}
	uploads, left, err := r.uploads(ctx, d.First.Files)
	if err != nil {
		return nil, err
	}
	subject := []rune(d.Subject)
	c := change{
		Project: r.cfg.Project, Subject: string(subject[:min(len(subject), maxSubject)]), Uploads: uploads,
		Description: words(d.First, left, d.Facts) + "\n\n" + mark(d.Tag), Fields: values(r.known(), d.Facts),
	}
	made, err := r.create(ctx, c)
	if kit.IsStatus(err, http.StatusUnprocessableEntity) && c.Fields != nil {
		// The words say the same as the fields, which may have become stricter.
		c.Fields = nil
		made, err = r.create(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	if made.Author.ID != self {
		return nil, connectors.Errorf(connectors.AccountDown, "", "issue %d was opened in another's name: api_key is no longer that of the same user", made.ID)
	}
	o := r.opened(made)
	if c.Fields == nil {
		r.fill(ctx, made, d.Facts)
	}
	return o, nil
}

func (r *Redmine) create(ctx context.Context, c change) (*issue, error) {
	var made struct{ Issue issue }
	if err := r.json(ctx, http.MethodPost, "/issues.json", map[string]change{"issue": c}, &made); err != nil {
		return nil, err
	}
	if made.Issue.ID == 0 {
		return nil, connectors.Errorf(connectors.Ambiguous, "", "Redmine made an issue without a number")
	}
	return &made.Issue, nil
}

func (r *Redmine) opened(i *issue) *helpdesk.Opened {
	return &helpdesk.Opened{Ticket: i.ticket(), URL: r.cfg.base() + "/issues/" + strconv.Itoa(i.ID), Entry: i.beginning()}
}

// known returns the custom fields that issues have by their names.
func (r *Redmine) known() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.fields)
}

// fill sets the custom fields of a new issue, which tells by itself what fields
// there are; of what an administrator defines, our user cannot ask. The facts
// are in the description too, so that nothing is lost where this fails.
func (r *Redmine) fill(ctx context.Context, i *issue, facts []helpdesk.Fact) {
	names := map[string]int{}
	for _, f := range i.Fields {
		names[strings.ToLower(f.Name)] = f.ID
	}
	c := change{Fields: values(names, facts)}
	if c.Fields == nil {
		return
	}
	if err := r.change(ctx, i, c); err != nil {
		r.log.WarnContext(ctx, "custom fields of an issue stay empty", "issue", i.ID, "error", err.Error())
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fields = names
}

// Find looks for an issue of ours that has a tag in its description.
func (r *Redmine) Find(ctx context.Context, tag string) (*helpdesk.Opened, error) {
	self, err := r.me(ctx)
	if err != nil {
		return nil, err
	}
	q := url.Values{"status_id": {"*"}, "author_id": {"me"}, "description": {"~deskbridge:" + tag}, "sort": {"id"}, "limit": {"100"}}
	var found struct{ Issues []issue }
	if err := r.get(ctx, "/issues.json?"+q.Encode(), &found); err != nil {
		return nil, err
	}
	for i := range found.Issues {
		if one := &found.Issues[i]; one.Author.ID == self && tagOf(one.Description) == tag {
			return r.opened(one), nil
		}
	}
	return nil, nil
}

// Write adds a note, private where it is for agents only.
func (r *Redmine) Write(ctx context.Context, ticket string, e *helpdesk.Entry) (string, error) {
	self, err := r.me(ctx)
	if err != nil {
		return "", err
	}
	c := change{Private: e.Kind == helpdesk.Remark}
	// Asked before files are uploaded, which a deleted issue would be left with.
	i, err := r.issue(ctx, ticket, "allowed_statuses")
	if err != nil {
		return "", err
	}
	if e.Reopen {
		if c.Status, err = i.toward(normalize.Open); err != nil {
			// That it is read matters more, be it on a closed issue.
			r.log.WarnContext(ctx, "an issue stays closed", "issue", i.ID, "error", err.Error())
		}
	}
	uploads, left, err := r.uploads(ctx, e.Files)
	if err != nil {
		return "", err
	}
	c.Uploads, c.Notes = uploads, words(e, left, nil)+"\n\n"+mark(e.Tag)
	if err := r.change(ctx, i, c); err != nil {
		return "", err
	}
	// The answer is empty. What our user may not set is left out without a word.
	if i, err = r.issue(ctx, ticket, "journals"); err != nil {
		if _, gone := errors.AsType[*helpdesk.Gone](err); gone {
			return "", err
		}
		return "", connectors.Errorf(connectors.Ambiguous, "", "the note may be written: %w", err)
	}
	for n := range i.Journals {
		if j := &i.Journals[n]; j.User.ID == self && tagOf(j.Notes) == e.Tag {
			return j.entry(), nil
		}
	}
	return "", r.denied(ctx, i, connectors.Errorf(connectors.AccountDown, "", "Redmine took a note and does not show it: the role of the user of api_key needs Add notes, Set notes as private and View private notes"))
}

// SetState closes an issue or opens it again.
func (r *Redmine) SetState(ctx context.Context, ticket string, s normalize.ConversationState) error {
	i, err := r.issue(ctx, ticket, "allowed_statuses")
	if err != nil {
		return err
	}
	to, err := i.toward(s)
	if err != nil || to == 0 {
		return err
	}
	return r.change(ctx, i, change{Status: to})
}

// words is a whole entry as a text of Redmine's.
func words(e *helpdesk.Entry, left []helpdesk.Attachment, facts []helpdesk.Fact) string {
	var blocks []string
	if e.Heading != "" {
		// Two asterisks are bold in all formattings.
		blocks = append(blocks, "**"+literal(e.Heading)+"**")
	}
	for _, s := range []string{e.Text, e.Foot(left...)} {
		if s = literal(s); s != "" {
			blocks = append(blocks, s)
		}
	}
	var lines []string
	for _, f := range facts {
		lines = append(lines, f.Name+": "+f.Value)
	}
	if lines != nil {
		blocks = append(blocks, literal(strings.Join(lines, "\n")))
	}
	return strings.Join(blocks, "\n\n")
}

// uploads hands files over ahead of the entry that they belong to, and returns
// those that Redmine does not take.
func (r *Redmine) uploads(ctx context.Context, files []helpdesk.Attachment) (taken []upload, left []helpdesk.Attachment, err error) {
	for _, f := range files {
		u, err := r.upload(ctx, f)
		switch {
		case err == nil:
			taken = append(taken, *u)
		case kit.IsStatus(err, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge): // too large, or of a kind that is not allowed
			left = append(left, f)
		default:
			return nil, nil, err
		}
	}
	return taken, left, nil
}

func (r *Redmine) upload(ctx context.Context, f helpdesk.Attachment) (*upload, error) {
	u := &upload{Name: fileName(f.Media.Name), Type: f.Media.ContentType}
	var made struct{ Upload struct{ Token string } }
	_, err := r.api.Do(ctx, kit.RESTCall{
		Method: http.MethodPost, Path: "/uploads.json", Query: url.Values{"filename": {u.Name}, "content_type": {u.Type}}, Into: &made,
		Stream: &kit.RESTStream{Type: "application/octet-stream", Length: f.Media.Size, Open: func(ctx context.Context) (io.ReadCloser, error) {
			content, err := f.Open(ctx)
			if err != nil {
				return nil, connectors.Errorf(connectors.Transient, "", "a file cannot be read: %w", err)
			}
			return content, nil
		}},
	})
	if err != nil {
		return nil, err
	}
	u.Token = made.Upload.Token
	return u, nil
}

// fileName is a name that Redmine takes as it is.
func fileName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || unicode.IsControl(r) {
			return '_'
		}
		return r
	}, strings.TrimSpace(s))
	ext := filepath.Ext(s)
	if utf8.RuneCountInString(ext) > 20 {
		ext = ""
	}
	stem := []rune(strings.TrimSuffix(s, ext))
	return cmp.Or(string(stem[:min(len(stem), maxName-utf8.RuneCountInString(ext))])+ext, "file")
}
