package inbox

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/deskbridge/deskbridge/normalize/text"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// Canned keeps the answers that are used again and again.
type Canned interface {
	Canned(ctx context.Context) ([]timeline.Canned, error)
	// PutCanned takes the place of the answer of the same name.
	PutCanned(ctx context.Context, c timeline.Canned, now time.Time) error
	DropCanned(ctx context.Context, name string) error
}

// Bounds of a canned answer, in characters.
const (
	maxCannedName = 40
	maxCannedText = 4000
)

func (in *Inbox) cannedPage(w http.ResponseWriter, r *request) {
	all, err := in.Store.Canned(r.Context())
	if err != nil {
		in.fail(w, r, err)
		return
	}
	in.show(w, r, http.StatusOK, "canned", view{Title: r.pages.t("Canned answers"), Data: all})
}

// putCanned keeps one that an administrator wrote.
func (in *Inbox) putCanned(w http.ResponseWriter, r *request) {
	name, err := cannedName(r.PostFormValue("name"))
	body := strings.TrimSpace(text.Clean(strings.ReplaceAll(r.PostFormValue("text"), "\r\n", "\n")))
	switch {
	case err != nil:
	case body == "":
		err = timeline.Refuse("canned", "the text is missing")
	case utf8.RuneCountInString(body) > maxCannedText:
		err = timeline.Refuse("canned", "the text has more than %d characters", maxCannedText)
	default:
		err = in.Store.PutCanned(r.Context(), timeline.Canned{Name: name, Text: body, ChangedBy: r.me()}, in.Clock.Now())
	}
	in.done(w, r, err, Path+"canned")
}

// cannedName returns a name as it can be typed behind a slash.
func cannedName(s string) (string, error) {
	name := strings.ToLower(strings.TrimPrefix(text.CleanLine(s), "/"))
	odd := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' }
	if name == "" || utf8.RuneCountInString(name) > maxCannedName || strings.ContainsFunc(name, odd) {
		return "", timeline.Refuse("canned", "a name has up to %d letters, digits, - and _", maxCannedName)
	}
	return name, nil
}

func (in *Inbox) dropCanned(w http.ResponseWriter, r *request) {
	in.done(w, r, in.Store.DropCanned(r.Context(), r.PostFormValue("name")), Path+"canned")
}

// ready is a canned answer as it goes into the box.
type ready struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// cannedFor returns the canned answers with the names that they leave open.
func (in *Inbox) cannedFor(w http.ResponseWriter, r *request) {
	c, err := in.Store.Conversation(r.Context(), r.id("id"))
	if err != nil {
		in.fail(w, r, err)
		return
	}
	all, err := in.Store.Canned(r.Context())
	if err != nil {
		in.fail(w, r, err)
		return
	}
	customer := nameOf(c.Customer, c.Address)
	names := strings.NewReplacer("{customer}", customer, "{客户}", customer, "{agent}", r.user.Name, "{客服}", r.user.Name)
	list := make([]ready, len(all))
	for i, one := range all {
		list[i] = ready{one.Name, names.Replace(one.Text)}
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(list); err != nil {
		panic(http.ErrAbortHandler) // the answer is cut: let the browser see that
	}
}
