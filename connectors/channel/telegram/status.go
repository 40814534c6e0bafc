package telegram

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

// meaning says what has to happen after a refusal.
type meaning struct {
	code  int
	words string // part of Telegram's description, in lower case; empty for any
	class connectors.Class
	says  string
}

// meanings of Telegram's refusals; the first that fits counts. Telegram
// documents the codes and calls the descriptions subject to change
// (https://core.telegram.org/bots/api#making-requests,
// https://core.telegram.org/api/errors): one that is not listed is a refusal
// of the one request.
var meanings = []meaning{
	{401, "", connectors.AccountDown, "Telegram does not take the token: ask @BotFather for the present one"},
	{404, "", connectors.AccountDown, "Telegram knows no such bot: check bot_token and api_url"},
	{403, "bot was blocked by the user", connectors.Unreachable, "the customer has blocked the bot"},
	{403, "user is deactivated", connectors.Unreachable, "the customer's Telegram account was deleted"},
	{403, "can't initiate conversation", connectors.Unreachable, "the customer has not written to the bot yet, so that it must not write"},
	{403, "can't send messages to bots", connectors.Unreachable, "this is a bot, which other bots cannot write to"},
	{403, "kicked", connectors.Unreachable, "the bot was removed from the group"},
	{403, "not a member", connectors.Unreachable, "the bot is no member of the group any more"},
	{403, "group chat was deleted", connectors.Unreachable, "the group was deleted"},
	{403, "", connectors.Unreachable, "Telegram does not let the bot write there"},
	{400, "chat not found", connectors.Unreachable, "the customer has not written to the bot yet, or the chat is gone"},
	{400, "peer_id_invalid", connectors.Unreachable, "there is no such chat"},
	{400, "user is deactivated", connectors.Unreachable, "the customer's Telegram account was deleted"},
	{400, "upgraded to a supergroup", connectors.Rejected, "the group became a supergroup with another id: answer to a newer message of it"},
	{400, "not enough rights", connectors.Rejected, "the group does not let the bot write this"},
	{400, "chat_write_forbidden", connectors.Rejected, "the group does not let the bot write"},
	{400, "topic_closed", connectors.Rejected, "the topic of the group was closed"},
	{400, "message thread not found", connectors.Rejected, "the topic of the group was deleted"},
	{400, "message is too long", connectors.Rejected, "the text is longer than Telegram takes"},
	{400, "can't parse entities", connectors.Rejected, "Telegram cannot read the markup of the text"},
	{400, "text is empty", connectors.Rejected, "there is no text"},
	{400, "photo_invalid_dimensions", connectors.Rejected, "the picture is too wide or too high for Telegram: send it as a file"},
	{400, "image_process_failed", connectors.Rejected, "Telegram cannot read the picture: send it as a file"},
	{400, "voice_messages_forbidden", connectors.Rejected, "the customer takes no voice messages: send it as a file"},
	{400, "file is too big", connectors.Rejected, "Telegram gives bots no files of more than 20 MB"},
	{400, "message can't be deleted", connectors.Rejected, "Telegram lets messages be taken back for 48 hours only"},
	{400, "message to delete not found", connectors.Rejected, "the message is gone already"},
	{409, "", connectors.AccountDown, "somebody else reads the bot's updates, another program or a webhook: a bot has one reader"},
	{413, "", connectors.Rejected, "the file is larger than Telegram takes"},
	{420, "", connectors.Throttled, "Telegram asks to slow down"},
	{429, "", connectors.Throttled, "Telegram asks to slow down"},
}

// refusal gives Telegram's answer its class. A failure of its own leaves open
// what it did before.
func refusal(a *answer, status int) *connectors.Error {
	code := cmp.Or(a.ErrorCode, status)
	e := &connectors.Error{Class: connectors.Rejected, Code: strconv.Itoa(code), Detail: "Telegram refused it: " + a.Description}
	if code >= 500 {
		e.Class, e.Detail = connectors.Ambiguous, "Telegram failed: "+a.Description
	}
	description := strings.ToLower(a.Description)
	for _, m := range meanings {
		if m.code == code && strings.Contains(description, m.words) {
			e.Class, e.Detail = m.class, m.says
			break
		}
	}
	if a.Parameters.RetryAfter > 0 {
		e.RetryAfter = time.Duration(a.Parameters.RetryAfter) * time.Second
	}
	return e
}

// unreadable is for an answer that is not Telegram's: that of a proxy.
func unreadable(status int) *connectors.Error {
	e := &connectors.Error{Class: connectors.Ambiguous, Code: strconv.Itoa(status), Detail: "not Telegram but something on the way answered: " + http.StatusText(status)}
	switch {
	case status == http.StatusRequestEntityTooLarge:
		e.Class = connectors.Rejected
	case status == http.StatusTooManyRequests:
		e.Class = connectors.Throttled
	case status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusProxyAuthRequired:
		e.Class = connectors.AccountDown
	}
	return e
}
