package chatwoot

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// What one message takes: Chatwoot's own limits, but for the sum, which keeps
// an upload within the time of a request.
const (
	maxContent = 150_000  // characters
	maxFiles   = 15       // attachments
	maxFile    = 40 << 20 // bytes
	maxSum     = 80 << 20 // bytes
)

// Write adds a message. A customer's is incoming, and opens what was resolved;
// all else is a private note, which nothing sends to anybody.
func (c *Chatwoot) Write(ctx context.Context, ticket string, e *helpdesk.Entry) (string, error) {
	if e.Reopen && e.Kind != helpdesk.FromCustomer {
		// Before the entry: an entry that is there is not written again, and
		// nothing would come back to the state.
		if err := c.SetState(ctx, ticket, normalize.Open); err != nil {
			return "", err
		}
	}
	most := maxFiles
	if utf8.RuneCountInString(e.Text) > maxContent/2 {
		most-- // the whole message may become a file
	}
	taken, leftOut := fitting(e.Files, most)
	content, kind, private := e.Own(c.deps.Clock.Now(), leftOut...), "incoming", false
	if e.Kind != helpdesk.FromCustomer {
		// Chatwoot fills in variables in all that is outgoing.
		content, kind, private = kit.Literal(content), "outgoing", true
	}
	if utf8.RuneCountInString(content) > maxContent {
		taken = append(taken, whole(content))
		content = text.Truncate(content, maxContent)
	}
	attributes := map[string]any{"deskbridge": e.Tag}
	if !e.At.IsZero() && e.Kind != helpdesk.Remark {
		attributes["external_created_at"] = e.At.Unix() // shown in place of the time of writing
	}
	q := kit.RESTCall{Method: http.MethodPost, Path: c.path("conversations/" + ticket + "/messages")}
	if len(taken) == 0 {
		q.JSON = map[string]any{
			"content": content, "message_type": kind, "private": private, "content_type": "text",
			"content_attributes": attributes, "source_id": sourcePrefix + e.Tag,
		}
	} else {
		encoded, err := json.Marshal(attributes)
		if err != nil {
			return "", connectors.Errorf(connectors.Rejected, "", "the message cannot be written: %w", err)
		}
		fields := [][2]string{
			{"content", content}, {"message_type", kind}, {"content_attributes", string(encoded)}, {"source_id", sourcePrefix + e.Tag},
		}
		if private {
			fields = append(fields, [2]string{"private", "true"})
		}
		q.Stream, err = kit.Form(fields, taken)
		if err != nil {
			return "", connectors.Errorf(connectors.Rejected, "", "the form cannot be written: %w", err)
		}
	}
	var made struct{ ID int64 }
	q.Into = &made
	if err := c.do(ctx, q); err != nil {
		return "", err
	}
	if made.ID == 0 {
		return "", connectors.Errorf(connectors.Ambiguous, "", "Chatwoot did not say which message it made")
	}
	return strconv.FormatInt(made.ID, 10), nil
}

// fitting splits files into those that a message takes, most at most, and the
// others.
func fitting(files []helpdesk.Attachment, most int) (taken []kit.FormFile, leftOut []helpdesk.Attachment) {
	var sum int64
	for _, a := range files {
		if len(taken) == most || a.Media.Size > maxFile || sum+a.Media.Size > maxSum {
			leftOut = append(leftOut, a)
			continue
		}
		sum += a.Media.Size
		taken = append(taken, kit.FormFile{
			Field: "attachments[]", Name: cmp.Or(a.Media.Name, "file"), ContentType: a.Media.ContentType, Size: a.Media.Size, Open: a.Open,
		})
	}
	return taken, leftOut
}

// whole is a file with words that are too many for a message.
func whole(words string) kit.FormFile {
	return kit.FormFile{
		Field: "attachments[]", Name: "message.txt", ContentType: "text/plain; charset=utf-8", Size: int64(len(words)),
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(words)), nil },
	}
}

// SetState resolves or opens a conversation. It looks first: opening what is
// open may assign it to the user of our token.
func (c *Chatwoot) SetState(ctx context.Context, ticket string, s normalize.ConversationState) error {
	var now conversation
	if err := c.get(ctx, "conversations/"+ticket, &now); err != nil {
		return err
	}
	if now.state() == s {
		return nil
	}
	status := "open"
	if s == normalize.Closed {
		status = resolved
	}
	return c.do(ctx, kit.RESTCall{
		Method: http.MethodPost, Path: c.path("conversations/" + ticket + "/toggle_status"), JSON: map[string]string{"status": status},
	})
}

// shown are the statuses of Chatwoot's messages that ours come to.
var shown = map[normalize.Status]string{
	normalize.StatusAccepted: "sent", normalize.StatusDelivered: "delivered", normalize.StatusRead: "read", normalize.StatusFailed: "failed",
}

// Show sets the status of an agent's message, which inboxes of the API channel
// allow since version 4.
func (c *Chatwoot) Show(ctx context.Context, ticket, entry string, s normalize.StatusChange) error {
	status := shown[s.Status]
	if status == "" {
		return nil
	}
	body := map[string]string{"status": status}
	if s.Status == normalize.StatusFailed {
		body["external_error"] = text.Truncate(strings.TrimSpace(cmp.Or(s.Detail, s.Code, "not delivered")), 200)
	}
	err := c.do(ctx, kit.RESTCall{Method: http.MethodPatch, Path: c.path("conversations/" + ticket + "/messages/" + entry), JSON: body})
	if isGone(err) {
		return connectors.Errorf(connectors.Unsupported, "404", "Chatwoot has no such message, or is older than version 4")
	}
	return err
}
