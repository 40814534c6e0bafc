package server

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

func (s *Server) messagesAPI(a huma.API) {
	const same = "With the header Idempotency-Key, the same request again is the same message and the same answer; " +
		"another request with that key is refused with 409. The answer is the message as it was accepted; " +
		"GET /v1/messages/{id} tells how it fares. An answer that could not be delivered is refused now, with 422 and a reason."
	huma.Register(a, operation(http.MethodPost, "/v1/conversations/{id}/messages", "answer", "An agent's answer",
		describedAs(same), answering(http.StatusCreated)), s.postAnswer)
	huma.Register(a, operation(http.MethodPost, "/v1/messages", "write", "Writes to a customer first",
		describedAs("It starts a conversation, or continues one. "+same), answering(http.StatusCreated)), s.postMessage)
	const preview = "Nothing is kept. The parts are as they would go out, cut to what the channel takes, with a notice where a file would go as a link; " +
		"what would be refused is refused here with the same reason."
	huma.Register(a, operation(http.MethodPost, "/v1/conversations/{id}/preview", "preview-answer", "What would become of an answer", describedAs(preview)), s.previewAnswer)
	huma.Register(a, operation(http.MethodPost, "/v1/messages/preview", "preview-message", "What would become of a first message", describedAs(preview)), s.previewMessage)
	huma.Register(a, operation(http.MethodPost, "/v1/messages/{id}/recall", "recall-message", "Takes a message back that was sent",
		describedAs("The customer does not see it any more; it is marked deleted. Where the channel cannot, or not any more, it is refused with 422 and a reason.")), s.postRecall)
	huma.Register(a, operation(http.MethodGet, "/v1/messages/{id}", "get-message", "A message with the status of its parts, attempts and receipts"), s.getMessage)
}

// Words are what both ways of writing have in common.
type Words struct {
	Subject     string            `json:"subject,omitempty" maxLength:"500" doc:"Where the channel has one; the conversation's own otherwise."`
	Text        string            `json:"text,omitempty"`
	HTML        string            `json:"html,omitempty" doc:"The rich form, for channels that have one. It is sanitised. An image among the attachments stands where it says src=\"cid:ID\", with the id of the medium. Links to menu:ID, with words before and after them at most, are buttons on WeChat and WeCom, and what the customer taps comes back as a text; elsewhere their words stand."`
	Attachments []normalize.ID    `json:"attachments,omitempty" maxItems:"100" nullable:"false" doc:"Media, as POST /v1/media returned them."`
	Author      *normalize.Author `json:"author,omitempty" doc:"The agent."`
	Note        bool              `json:"note,omitempty" doc:"For agents only: it is never sent. It belongs in a conversation."`
}

type answerBody struct {
	Words
	Channel string `json:"channel,omitempty" maxLength:"100" doc:"The channel to answer on; the conversation's own otherwise."`
	To      string `json:"to,omitempty" maxLength:"500" doc:"An address of the customer, where another channel does not tell which."`
}

type writeBody struct {
	Words
	Channel string `json:"channel" minLength:"1" maxLength:"100" doc:"The channel to write on."`
	To      string `json:"to" minLength:"1" maxLength:"500" doc:"The customer's address, as people write it."`
}

// KeyHeader makes a request repeatable.
type KeyHeader struct {
	Key string `header:"Idempotency-Key" maxLength:"255" doc:"Chosen by the client: unique for each message, the same for each repeat."`
}

type postAnswerIn struct {
	ConversationPath
	KeyHeader
	Body answerBody
}

type postMessageIn struct {
	KeyHeader
	Body writeBody
}

type messageOut struct {
	Location string `header:"Location"`
	Body     *normalize.Message
}

func (s *Server) postAnswer(ctx context.Context, in *postAnswerIn) (*messageOut, error) {
	a, err := in.Body.to(in.ID)
	if err != nil {
		return nil, err
	}
	return s.reply(ctx, in.Key, a)
}

func (s *Server) postMessage(ctx context.Context, in *postMessageIn) (*messageOut, error) {
	a, err := in.Body.first()
	if err != nil {
		return nil, err
	}
	return s.reply(ctx, in.Key, a)
}

type previewAnswerIn struct {
	ConversationPath
	Body answerBody
}

type previewMessageIn struct{ Body writeBody }

func (s *Server) previewAnswer(ctx context.Context, in *previewAnswerIn) (*body[*timeline.Preview], error) {
	a, err := in.Body.to(in.ID)
	if err != nil {
		return nil, err
	}
	return s.preview(ctx, a)
}

func (s *Server) previewMessage(ctx context.Context, in *previewMessageIn) (*body[*timeline.Preview], error) {
	a, err := in.Body.first()
	if err != nil {
		return nil, err
	}
	return s.preview(ctx, a)
}

func (s *Server) preview(ctx context.Context, a timeline.Answer) (*body[*timeline.Preview], error) {
	p, err := s.deps.Desk.Preview(ctx, a)
	if err != nil {
		return nil, s.fail(ctx, "conversation", err)
	}
	return answer(p, nil)
}

// to is the answer in a conversation.
func (b answerBody) to(conversation string) (timeline.Answer, error) {
	a := b.Words.answer()
	var err error
	a.Conversation, err = pathID("conversation", conversation)
	a.Channel, a.To = b.Channel, b.To
	return a, err
}

// first is a message to a customer who did not write.
func (b writeBody) first() (timeline.Answer, error) {
	a := b.Words.answer()
	a.Channel, a.To = b.Channel, b.To
	if b.Note {
		return a, flawed("body.note", "a note belongs in a conversation: POST /v1/conversations/{id}/messages")
	}
	return a, nil
}

func (w Words) answer() timeline.Answer {
	return timeline.Answer{Subject: w.Subject, Text: w.Text, HTML: w.HTML, Attachments: w.Attachments, Author: w.Author, Note: w.Note}
}

func (s *Server) reply(ctx context.Context, key string, a timeline.Answer) (*messageOut, error) {
	request, err := json.Marshal(a)
	if err != nil {
		return nil, s.fail(ctx, "message", err)
	}
	a.IdempotencyKey, a.Hash = key, sha256.Sum256(request)
	m, _, err := s.deps.Desk.Reply(ctx, a)
	if err != nil {
		return nil, s.fail(ctx, "conversation", err)
	}
	// A message without an Idempotency-Key must not be reported as failed once
	// it is committed: the client would write it again.
	if stored, err := s.deps.Timeline.Message(ctx, m.ID); err == nil {
		m = stored
	} else {
		s.log.Warn("accepted message not read back", "request", requestID(ctx), "message", m.ID, "err", err)
	}
	return &messageOut{Location: "/v1/messages/" + m.ID.String(), Body: s.link(asAccepted(m))}, nil
}

// asAccepted returns a message as it was when it was accepted, so that a
// repeat of the request gets the same answer however far delivery has come. A
// note is not delivered.
func asAccepted(m *normalize.Message) *normalize.Message {
	if m.Note {
		return m
	}
	accepted := *m
	accepted.Parts = slices.Clone(m.Parts)
	for i := range accepted.Parts {
		p := &accepted.Parts[i]
		p.Status, p.StatusAt, p.Error = normalize.StatusQueued, m.ReceivedAt, ""
	}
	accepted.Reactions = nil
	return &accepted
}

type messagePath struct {
	ID string `path:"id" doc:"The message."`
}

// MessageDetail is a message with its whole life.
type MessageDetail struct {
	*normalize.Message
	Status   normalize.Status    `json:"status" doc:"Of the part that has come least far."`
	Attempts []Attempt           `json:"attempts" nullable:"false" doc:"Each try to hand it over, to the channel (lane deliver) or to a helpdesk (lane forward), or to fetch a medium (lane fetch)."`
	Receipts []normalize.Receipt `json:"receipts" nullable:"false" doc:"What the vendor reported later."`
}

// Attempt is one try of one job.
type Attempt struct {
	JobID   normalize.ID   `json:"job_id"`
	Lane    outbox.Lane    `json:"lane"`
	Task    outbox.Task    `json:"task"`
	Account string         `json:"account"`
	PartIDs []normalize.ID `json:"part_ids,omitempty"`
	outbox.Attempt
}

func (s *Server) postRecall(ctx context.Context, in *messagePath) (*body[*normalize.Message], error) {
	id, err := pathID("message", in.ID)
	if err != nil {
		return nil, err
	}
	m, err := s.deps.Desk.Recall(ctx, id)
	if err != nil {
		return nil, s.fail(ctx, "message", err)
	}
	return answer(s.link(m), nil)
}

func (s *Server) getMessage(ctx context.Context, in *messagePath) (*body[*MessageDetail], error) {
	id, err := pathID("message", in.ID)
	if err != nil {
		return nil, err
	}
	m, err := s.deps.Timeline.Message(ctx, id)
	if err != nil {
		return nil, s.fail(ctx, "message", err)
	}
	jobs, err := s.deps.Outbox.JobsOf(ctx, id)
	if err != nil {
		return nil, s.fail(ctx, "message", err)
	}
	d := &MessageDetail{Message: s.link(m), Status: overall(m.Parts), Attempts: []Attempt{}}
	for _, j := range jobs {
		tries, err := s.deps.Outbox.Attempts(ctx, j.ID)
		if err != nil && !errors.Is(err, timeline.ErrNotFound) { // a job may be swept meanwhile
			return nil, s.fail(ctx, "message", err)
		}
		for _, try := range tries {
			d.Attempts = append(d.Attempts, Attempt{JobID: j.ID, Lane: j.Lane, Task: j.Task, Account: j.Account, PartIDs: j.Parts, Attempt: try})
		}
	}
	if d.Receipts, err = s.deps.Outbox.ReceiptsOf(ctx, id); err != nil {
		return nil, s.fail(ctx, "message", err)
	}
	if d.Receipts == nil {
		d.Receipts = []normalize.Receipt{}
	}
	return answer(d, nil)
}

// progress orders the statuses for a message as a whole: trouble first, then
// the least advanced.
var progress = []normalize.Status{
	normalize.StatusFailed, normalize.StatusUncertain, normalize.StatusPending, normalize.StatusQueued, normalize.StatusSending,
	normalize.StatusAccepted, normalize.StatusDelivered, normalize.StatusRead, normalize.StatusReceived,
}

// overall is the status of a message: that of the part which needs looking
// after most.
func overall(parts []normalize.Part) normalize.Status {
	least := len(progress) - 1
	for _, p := range parts {
		if i := slices.Index(progress, p.Status); i >= 0 {
			least = min(least, i)
		}
	}
	return progress[least]
}
