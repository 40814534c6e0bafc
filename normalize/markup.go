package normalize

// Markup is a way to write rich text. The zero value is plain text.
type Markup string

const (
	MarkupPlain    Markup = ""
	MarkupSlack    Markup = "slack"    // mrkdwn: docs.slack.dev/messaging/formatting-message-text
	MarkupTelegram Markup = "telegram" // the HTML style: core.telegram.org/bots/api#html-style
	MarkupWhatsApp Markup = "whatsapp" // *bold* _italic_ ~struck~ ```code```
)
