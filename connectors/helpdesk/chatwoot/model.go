package chatwoot

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// The ways in which a message travels, as the API has them.
const (
	incoming = 0
	outgoing = 1
)

const resolved = "resolved"

// conversation is one as the API gives it.
type conversation struct {
	ID               int64
	Status           string
	LastActivityAt   int64          `json:"last_activity_at"`
	CustomAttributes map[string]any `json:"custom_attributes"`
	Messages         []struct {
		ID int64
	}
}

// state of a conversation: snoozed ones and those that a bot still has are
// open.
func (c *conversation) state() normalize.ConversationState {
	if c.Status == resolved {
		return normalize.Closed
	}
	return normalize.Open
}

// message is one as the API gives it.
type message struct {
	ID                int64
	Content           string
	MessageType       int   `json:"message_type"`
	CreatedAt         int64 `json:"created_at"`
	Private           bool
	SourceID          string          `json:"source_id"`
	ContentAttributes json.RawMessage `json:"content_attributes"`
	Sender            struct {
		Name, Email string
	}
	Attachments []attachment
}

type attachment struct {
	ID        int64
	DataURL   string `json:"data_url"`
	FileSize  int64  `json:"file_size"`
	Extension string
}

func (m *message) at() time.Time { return time.Unix(m.CreatedAt, 0).UTC() }

// attributes are those of ours within a message's content_attributes, and the
// mark of a deletion.
type attributes struct {
	Deskbridge string `json:"deskbridge"`
	Deleted    bool   `json:"deleted"`
}

func (m *message) attributes() (a attributes) {
	_ = json.Unmarshal(m.ContentAttributes, &a) // others than objects have none of ours
	return a
}

// sourcePrefix begins the source_id of what we write.
const sourcePrefix = "deskbridge:"

// tag is that of what we wrote, "" of what others did.
func (m *message) tag() string { return tagOf(m.SourceID, m.attributes()) }

func tagOf(source string, a attributes) string {
	if tag, ok := strings.CutPrefix(source, sourcePrefix); ok {
		return tag
	}
	return a.Deskbridge
}
