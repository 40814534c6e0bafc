package inbox

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// written reads the answer box.
func (r *request) written() (timeline.Answer, error) {
	a := timeline.Answer{
		Conversation: r.id("id"), Channel: r.PostFormValue("channel"), To: r.PostFormValue("to"), Text: r.PostFormValue("text"),
		Note: r.PostFormValue("note") != "", Author: &normalize.Author{Name: r.user.Name, Email: r.user.Email},
	}
	if a.Conversation == 0 {
		return a, timeline.ErrNotFound
	}
	var err error
	if a.Attachments, err = attachments(r.PostForm["file"]); err != nil {
		return a, timeline.Refuse("not_found", "an attachment is not known: attach it again")
	}
	return a, nil
}

// answer sends what was written. The key of the box makes a repeated click, or
// a repeat after a broken connection, the same message.
func (in *Inbox) answer(w http.ResponseWriter, r *request) {
	a, err := r.written()
	if err == nil {
		var whole []byte
		if whole, err = json.Marshal(a); err == nil {
			key := r.PostFormValue("key")
			if key == "" || len(key) > 100 {
				err = timeline.Refuse("unsupported", "the page is out of date: load it again")
			}
			a.IdempotencyKey, a.Hash = "inbox "+r.user.Email+" "+key, sha256.Sum256(whole)
		}
	}
	if err == nil {
		_, _, err = in.Desk.Reply(r.Context(), a)
	}
	in.done(w, r, err, Path+"c/"+r.PathValue("id"))
}

// done answers a form: a script gets no page.
func (in *Inbox) done(w http.ResponseWriter, r *request, err error, page string) {
	switch {
	case err != nil:
		in.fail(w, r, err)
	case scripted(r.Request):
		w.WriteHeader(http.StatusNoContent)
	default:
		http.Redirect(w, r.Request, page, http.StatusSeeOther)
	}
}

// preview is what would become of an answer.
type preview struct {
	*timeline.Preview
	Why    string // it would be refused
	Length int    // in characters
	Note   bool
	// Notices say what the channel does not carry as it is.
	Notices []string
}

func (in *Inbox) preview(w http.ResponseWriter, r *request) {
	a, err := r.written()
	p := preview{Length: len([]rune(a.Text)), Note: a.Note}
	if err == nil && (a.Text != "" || len(a.Attachments) > 0) {
		p.Preview, err = in.Desk.Preview(r.Context(), a)
	}
	if err != nil {
		status, words := in.explain(r.pages, err)
		if status != http.StatusUnprocessableEntity {
			in.fail(w, r, err)
			return
		}
		p.Why = words
	}
	if p.Preview != nil {
		for _, one := range p.Parts {
			if one.Notice != "" && !slices.Contains(p.Notices, one.Notice) {
				p.Notices = append(p.Notices, one.Notice)
			}
		}
	}
	in.show(w, r, http.StatusOK, "preview", view{Data: p})
}

func (in *Inbox) setState(w http.ResponseWriter, r *request) {
	to := normalize.Closed
	if r.PostFormValue("to") == string(normalize.Open) {
		to = normalize.Open
	}
	_, err := in.Store.SetConversation(r.Context(), r.id("id"), to, in.Clock.Now())
	in.done(w, r, err, Path+"c/"+r.PathValue("id"))
}

// retry asks for another try of a part that failed.
func (in *Inbox) retry(w http.ResponseWriter, r *request) {
	m, err := in.Store.Message(r.Context(), r.id("id"))
	if err == nil {
		err = in.again(r, m)
	}
	page := Path
	if m != nil {
		page += "c/" + m.ConversationID.String()
	}
	in.done(w, r, err, page)
}

func (in *Inbox) again(r *request, m *normalize.Message) error {
	jobs, err := in.Store.JobsOf(r.Context(), m.ID)
	if err != nil {
		return err
	}
	for _, j := range slices.Backward(jobs) {
		if j.Lane == outbox.Deliver && j.Task == outbox.TaskSend && slices.Contains(j.Parts, r.id("part")) {
			now := in.Clock.Now()
			return in.Store.Retry(r.Context(), j.ID, now.Add(in.Expire()), now)
		}
	}
	return timeline.ErrNotFound
}
