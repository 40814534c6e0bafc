package email

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/connectortest"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/store/media"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// goldenThread is a thread as both sides see it.
type goldenThread struct {
	Question seen   `json:"question"`
	Answer   mailed `json:"answer"` // as the customer's program reads it
	Reply    seen   `json:"reply"`
	Second   mailed `json:"second_answer"`
}

// seen is what the helpdesk sees of a mail of the customer.
type seen struct {
	From       string   `json:"from"`
	Subject    string   `json:"subject"`
	Text       string   `json:"text"`
	ReplyTo    string   `json:"in_reply_to,omitempty"`
	References []string `json:"references,omitempty"`
	AnswerTo   []string `json:"answer_to"`
}

// mailed is what another mail program sees of our answer.
type mailed struct {
	From, To, Cc, Subject string
	InReplyTo, References string
	ThreadTopic           string `json:",omitempty"`
	ThreadIndex           string `json:",omitempty"`
	Text, HTML            string
	Files                 []string
}

// TestThreadsOfTheCommonPrograms goes through testdata/threads: a mail as that
// program writes it, our answer, the program's reply to the answer, our second
// answer. Run with -update after a change, and read what changed.
func TestThreadsOfTheCommonPrograms(t *testing.T) {
	for _, client := range []string{"gmail", "outlook", "apple", "qq"} {
		t.Run(client, func(t *testing.T) {
			dir := filepath.Join("testdata/threads", client)
			r := newThreadRig(t)
			question := r.take(read(t, dir, "question.eml"))
			first, raw := r.answer(question, "aaaaaaaaaaaaaaaa")
			compareFile(t, filepath.Join(dir, "answer.eml"), raw)
			reply := r.take(bytes.ReplaceAll(read(t, dir, "reply.eml"), []byte("{{answer}}"), []byte(first.ExternalID)))
			_, second := r.answer(reply, "bbbbbbbbbbbbbbbb")
			if reply.ConversationID != question.ConversationID || reply.Customer.ID != question.Customer.ID {
				t.Errorf("the reply is in conversation %s of %s, want %s of %s",
					reply.ConversationID, reply.Customer.ID, question.ConversationID, question.Customer.ID)
			}
			compareFile(t, filepath.Join(dir, "thread.json"), marshal(t, goldenThread{
				seeing(question), reading(t, raw), seeing(reply), reading(t, second),
			}))
		})
	}
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func compareFile(t *testing.T, name string, got []byte) {
	t.Helper()
	if connectortest.Updating() {
		if err := os.WriteFile(name, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s (%v): got\n%s\nwant\n%s", name, err, got, want)
	}
}

func seeing(m *normalize.Message) seen {
	s := seen{From: m.Address.Name + " <" + m.Address.Value + ">", Subject: m.Subject, Text: m.Text, ReplyTo: m.Thread.ReplyTo, References: m.Thread.References}
	for _, a := range append(m.Thread.To, m.Thread.Cc...) {
		s.AnswerTo = append(s.AnswerTo, a.Value)
	}
	return s
}

// reading reads a mail of ours by a library that had no part in writing it.
func reading(t *testing.T, raw []byte) mailed {
	t.Helper()
	env, err := enmime.ReadEnvelope(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range env.Errors {
		t.Errorf("the library complains: %v", e)
	}
	m := mailed{
		From: env.GetHeader("From"), To: env.GetHeader("To"), Cc: env.GetHeader("Cc"), Subject: env.GetHeader("Subject"),
		InReplyTo: env.GetHeader("In-Reply-To"), References: env.GetHeader("References"),
		ThreadTopic: env.GetHeader("Thread-Topic"), ThreadIndex: env.GetHeader("Thread-Index"),
		Text: strings.ReplaceAll(env.Text, "\r\n", "\n"), HTML: strings.ReplaceAll(env.HTML, "\r\n", "\n"),
	}
	for _, a := range env.Attachments {
		m.Files = append(m.Files, fmt.Sprintf("%s %s %d bytes", a.FileName, a.ContentType, len(a.Content)))
	}
	alternative := env.Root.BreadthMatchFirst(func(p *enmime.Part) bool { return p.ContentType == "multipart/alternative" })
	if alternative == nil || alternative.FirstChild.ContentType != "text/plain" || alternative.FirstChild.Charset != "utf-8" ||
		alternative.FirstChild.NextSibling.ContentType != "text/html" {
		t.Errorf("the text is no alternative of plain and rich:\n%s", raw)
	}
	return m
}

// threadRig is an account over a real store, whose answers are read instead of
// sent.
type threadRig struct {
	*Email
	t  *testing.T
	db *store.DB
	in *timeline.Ingestor
	n  int
}

func newThreadRig(t *testing.T) *threadRig {
	t.Helper()
	r := &threadRig{Email: offline(t), t: t}
	var err error
	if r.db, err = store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "x.db"), store.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := r.db.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := r.db.RegisterAccounts(t.Context(), []store.AccountRow{{Name: "support", Role: store.RoleChannel, Type: Type}}); err != nil {
		t.Fatal(err)
	}
	files, err := media.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	r.in = &timeline.Ingestor{
		Store: r.db, Files: files, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
		IdleTimeout: func() time.Duration { return 48 * time.Hour },
		Observe:     func(string, timeline.Result) {},
	}
	return r
}

// take takes a mail in and returns it as the helpdesk gets it.
func (r *threadRig) take(raw []byte) *normalize.Message {
	r.t.Helper()
	r.n++
	b := normalize.Batch{Inputs: []normalize.Input{{Key: fmt.Sprint("mail ", r.n), Raw: raw, ReceivedAt: now.Add(time.Duration(r.n) * time.Minute)}}}
	src := timeline.Source{Account: normalize.Account{Name: "support", Type: Type}, Decoder: r.Email}
	if err := r.in.Take(r.t.Context(), src, b); err != nil {
		r.t.Fatal(err)
	}
	events, err := r.db.Events(r.t.Context(), 0, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	var last *normalize.Message
	for _, e := range events {
		if m, ok := e.Data.(*normalize.MessageEvent); ok && e.Type == normalize.MessageReceived {
			last = m.Message
		}
	}
	if last == nil || last.Direction != normalize.Inbound {
		r.t.Fatalf("the mail is not at the helpdesk: %+v", events)
	}
	if last, err = r.db.Message(r.t.Context(), last.ID); err != nil {
		r.t.Fatal(err)
	}
	return last
}

// answer commits an answer and returns it with the mail that it becomes. The
// nonce of its id is given, so that the mail is the same each time.
func (r *threadRig) answer(to *normalize.Message, nonce string) (*normalize.Message, []byte) {
	r.t.Helper()
	form := attachment("退货单 form.pdf", "application/pdf", strings.Repeat("%PDF", 30))
	m := &normalize.Message{
		ConversationID: to.ConversationID, Direction: normalize.Outbound, Channel: to.Channel, Address: to.Address, ReceivedAt: now, SentAt: now,
		Parts: []normalize.Part{{
			Kind: normalize.PartText, Text: "Hello, 您好!\n\nPlease send it back; the form is attached.",
			HTML: "<p>Hello, 您好!</p><p>Please send it back; the <b>form</b> is attached.</p>",
		}, form},
	}
	if err := r.Prepare(m, to); err != nil {
		r.t.Fatal(err)
	}
	m.ExternalID = "db." + nonce + "." + r.mint.mac.Sum(nonce, r.mint.domain) + "@" + r.mint.domain
	o := &channel.Outbound{Key: nonce, Message: m, Parts: m.Parts, Open: outbound(r.t, r.Email, nil, form).Open}
	raw := composed(r.t, r.Email, o)
	kept := *m
	kept.Parts = kept.Parts[:1] // the file is in no store here
	stored, _, err := r.db.Reply(r.t.Context(), timeline.Reply{Message: &kept, Jobs: [][]int{{0}}, ExpiresAt: now.Add(time.Hour), Now: now})
	if err != nil {
		r.t.Fatal(err)
	}
	return stored, raw
}
