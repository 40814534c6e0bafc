package wecomkf

import (
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
)

const (
	// codeBadToken refuses the token of a call, after ten minutes or sooner.
	codeBadToken = "95007"
	// codeBadRequest refuses a part of a request, whichever.
	codeBadRequest = "40058"
)

// verdicts are the codes of customer service, and those whose common meaning
// is another one here (developer.work.weixin.qq.com/document/path/90313).
var verdicts = map[int]tencent.Verdict{
	40003: {Class: connectors.Unreachable, Words: "WeCom knows no such customer"},
	40004: {Class: connectors.Rejected, Words: "WeCom does not take files of this type"},
	40005: {Class: connectors.Rejected, Words: "WeCom does not take files of this type"},
	40006: {Class: connectors.Rejected, Words: "the file is too small or too large for WeCom"},
	40007: {Class: connectors.Rejected, Words: "the file is no longer kept by WeCom, which does so for three days"},
	40008: {Class: connectors.Rejected, Words: "WeCom does not take this type of message"},
	40009: {Class: connectors.Rejected, Words: "the picture is too small or too large for WeCom"},
	40011: {Class: connectors.Rejected, Words: "the video is too small or too large for WeCom"},
	40035: {Class: connectors.Rejected, Words: "WeCom does not take a part of the message"},
	40058: {Class: connectors.Rejected, Words: "WeCom does not take a part of the message"},
	40068: {Class: connectors.Rejected, Words: "WeCom does not take a part of the message"},
	40096: {Class: connectors.Unreachable, Words: "WeCom knows no such customer"},
	40201: {Class: connectors.AccountDown, Words: "WeCom has banned the customer service account for its content"},
	43004: {Class: connectors.Unreachable, Words: "the customer does not follow the account"},
	44001: {Class: connectors.Rejected, Words: "the file is empty"},
	44004: {Class: connectors.Rejected, Words: "the text is empty"},
	45001: {Class: connectors.Rejected, Words: "the file is too large for WeCom"},
	45002: {Class: connectors.Rejected, Words: "the text is too long for WeCom"},
	45007: {Class: connectors.Rejected, Words: "the voice message is longer than the 60 seconds that WeCom takes"},
	45008: {Class: connectors.Rejected, Words: "the message has too many cards for WeCom"},
	// Unlike the official account's, this limit is by the minute and the hour.
	45009: {Class: connectors.Throttled, Words: "WeCom asks to slow down", RetryAfter: time.Minute},
	45033: {Class: connectors.Throttled, Words: "WeCom wants fewer requests at the same time", RetryAfter: 5 * time.Second},
	46001: {Class: connectors.Rejected, Words: "the file is no longer kept by WeCom, which does so for three days"},
	48002: {Class: connectors.AccountDown, Words: "the app may not use this interface; in WeCom's console, let customer service be used by the app's API"},
	50003: {Class: connectors.AccountDown, Words: "the app is disabled in WeCom's console"},
	60011: {Class: connectors.AccountDown, Words: "the app lacks a permission; compare its scope in WeCom's console"},
	60030: {Class: connectors.Rejected, Words: "the app may not manage this customer service account; allow it in WeCom's console"},
	// 301002 comes for an account that another app manages.
	301002: {Class: connectors.AccountDown, Words: "the app may not be used for this; in WeCom's console, let customer service be used by its API"},

	95000: {Class: connectors.Rejected, Words: "this is no id of a customer service account; compare open_kfids"},
	95001: {Class: connectors.Unreachable, Closed: true, Words: "the five answers to the customer's last message are used up; the customer has to write again"},
	95002: {Class: connectors.Unreachable, Closed: true, Words: "48 hours have passed since the customer's last message; the customer has to write again"},
	95003: {Class: connectors.AccountDown, Words: "the company has reached the number of customers that it may serve before it is verified"},
	95004: {Class: connectors.Rejected, Words: "there is no such customer service account any more; compare open_kfids"},
	95005: {Class: connectors.Rejected, Words: "the company has reached the number of its customer service accounts"},
	95006: {Class: connectors.Rejected, Words: "the name of the customer service account is not allowed"},
	95007: {Class: connectors.Transient, Words: "the token of WeCom's call has run out"},
	95008: {Class: connectors.Rejected, Words: "the menu has more entries than WeCom takes"},
	95009: {Class: connectors.Rejected, Words: "WeCom does not take an entry of the menu"},
	95010: {Class: connectors.AccountDown, Words: "customer service is used in its own console and not in WeCom"},
	95011: {Class: connectors.AccountDown, Words: "customer service is used in WeCom already; its API has to be used with an app of WeCom's"},
	95012: {Class: connectors.AccountDown, Words: "customer service is not switched on in WeCom"},
	95013: {Class: connectors.Unreachable, Closed: true, Words: "the conversation was ended; the customer has to write again"},
	95014: {Class: connectors.Rejected, Words: "this employee is no servicer of the account, or off duty"},
	95015: {Class: connectors.Rejected, Words: "the console's own settings of customer service forbid it"},
	95016: {Class: connectors.Rejected, Words: "WeCom does not allow this change of the conversation's state"},
	95017: {Class: connectors.AccountDown, Words: "the API of customer service is switched off in WeCom's console"},
	95018: {Class: connectors.Rejected, Words: "the conversation is with a servicer in WeCom, waits for one, or was ended"},
}
