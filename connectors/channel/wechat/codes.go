package wechat

import (
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
)

// Codes that are looked for by name.
const (
	codeUnauthorized = "48001"
	codeTooLate      = "45015"
	codeTooMany      = "45047"
)

// verdicts are the errcodes of the interfaces that are called here, beside
// those that all of the vendor's interfaces share
// (developers.weixin.qq.com/doc/offiaccount/Getting_Started/Global_Return_Code.html).
var verdicts = map[int]tencent.Verdict{
	// Who cannot be reached.
	40003: {Class: connectors.Unreachable, Words: "the customer does not follow the account any more, or follows another one"},
	43004: {Class: connectors.Unreachable, Words: "the customer has to follow the account first"},
	43019: {Class: connectors.Unreachable, Words: "the customer is on the account's blacklist"},
	43101: {Class: connectors.Unreachable, Words: "the customer refuses such messages"},
	45015: {Class: connectors.Unreachable, Closed: true, Words: "too late: the customer wrote more than 48 hours ago, or has unsubscribed"},
	45047: {Class: connectors.Unreachable, Closed: true, Words: "no further answer is allowed before the customer writes again"},
	46004: {Class: connectors.Unreachable, Words: "the customer's account does not exist"},
	48002: {Class: connectors.Unreachable, Words: "the customer takes no messages of this account"},
	50005: {Class: connectors.Unreachable, Words: "the customer has unsubscribed"},

	// What cannot be sent.
	40004: {Class: connectors.Rejected, Words: "the vendor does not take this kind of file"},
	40005: {Class: connectors.Rejected, Words: "the vendor does not take files of this format"},
	40006: {Class: connectors.Rejected, Words: "the vendor does not take files of this size"},
	40007: {Class: connectors.Rejected, Words: "the vendor does not have the file any more, it keeps files for three days"},
	40008: {Class: connectors.Rejected, Words: "the vendor does not know this kind of message"},
	40009: {Class: connectors.Rejected, Words: "the image is too large for the vendor"},
	40010: {Class: connectors.Rejected, Words: "the recording is too large for the vendor"},
	40011: {Class: connectors.Rejected, Words: "the video is too large for the vendor"},
	40012: {Class: connectors.Rejected, Words: "the preview is too large for the vendor"},
	40033: {Class: connectors.Rejected, Words: "the text has characters that the vendor does not take"},
	40035: {Class: connectors.Rejected, Words: "the vendor does not understand the request"},
	40036: {Class: connectors.Rejected, Words: "the template is not as the vendor wants it"},
	40037: {Class: connectors.Rejected, Words: "the account has no template of the configured id"},
	40039: {Class: connectors.Rejected, Words: "the link is too long for the vendor"},
	40118: {Class: connectors.Rejected, Words: "the vendor does not take files of this size"},
	40121: {Class: connectors.Rejected, Words: "the vendor does not take this kind of file here"},
	40137: {Class: connectors.Rejected, Words: "the vendor takes images in PNG, JPEG and GIF only"},
	40200: {Class: connectors.Rejected, Words: "the vendor takes this kind of message from other accounts only; menus need a verified service account"},
	41005: {Class: connectors.Rejected, Words: "the file is empty"},
	41006: {Class: connectors.Rejected, Words: "the file is missing"},
	44001: {Class: connectors.Rejected, Words: "the file is empty"},
	44002: {Class: connectors.Rejected, Words: "the message is empty"},
	44003: {Class: connectors.Rejected, Words: "the article is empty"},
	44004: {Class: connectors.Rejected, Words: "the text is empty"},
	45001: {Class: connectors.Rejected, Words: "the file is too large for the vendor"},
	45002: {Class: connectors.Rejected, Words: "the text is too long for the vendor, it takes 2048 bytes"},
	45003: {Class: connectors.Rejected, Words: "the title is too long for the vendor"},
	45004: {Class: connectors.Rejected, Words: "the description is too long for the vendor"},
	45005: {Class: connectors.Rejected, Words: "the link is too long for the vendor"},
	45006: {Class: connectors.Rejected, Words: "the link of the image is too long for the vendor"},
	45007: {Class: connectors.Rejected, Words: "the recording is longer than the 60 seconds that the vendor takes"},
	45008: {Class: connectors.Rejected, Words: "the vendor takes one article at a time"},
	47001: {Class: connectors.Rejected, Words: "the vendor cannot read the request"},
	47003: {Class: connectors.Rejected, Words: "template_data does not fit the fields of the template"},
	48008: {Class: connectors.Rejected, Words: "the account may not send this kind of message; check its permissions in the console"},
	87014: {Class: connectors.Rejected, Words: "the vendor's censors refuse the content"},

	// Typing.
	45072: {Class: connectors.Unsupported, Words: "the vendor does not know this state of typing"},
	45080: {Class: connectors.Unsupported, Words: "typing is shown only soon after the customer wrote"},
	45081: {Class: connectors.Unsupported, Words: "typing is shown already"},

	// Customer service itself.
	61450: {Class: connectors.Transient, Words: "the vendor's customer service is in trouble"},
	61451: {Class: connectors.Rejected, Words: "the vendor does not understand the request to its customer service"},
	61452: {Class: connectors.AccountDown, Words: "the account has no such customer service account"},
	65400: {Class: connectors.AccountDown, Words: "customer service is not switched on for the account; do so in the console"},
	65401: {Class: connectors.AccountDown, Words: "the account has no such customer service account"},

	// The account.
	40002: {Class: connectors.AccountDown, Words: "the vendor refuses the kind of access token; check the account's type"},
	40243: {Class: connectors.AccountDown, Words: "the AppSecret is frozen; unfreeze it in the console"},
	41002: {Class: connectors.AccountDown, Words: "the AppID is missing"},
	50004: {Class: connectors.AccountDown, Words: "the vendor has forbidden the account to get access tokens"},
	50007: {Class: connectors.AccountDown, Words: "the vendor has frozen the account"},
	89501: {Class: connectors.AccountDown, Words: "an administrator has to confirm the address of this machine on the phone"},
	89503: {Class: connectors.AccountDown, Words: "an administrator has to confirm the address of this machine on the phone"},
	89506: {Class: connectors.AccountDown, Words: "an administrator refused the address of this machine twice; the vendor refuses it for 24 hours"},
	89507: {Class: connectors.AccountDown, Words: "an administrator refused the address of this machine; the vendor refuses it for an hour"},
}

// optional makes an error of something that the account can do without what it
// is: a missing permission for it is no reason to stop the account.
func optional(err error) error {
	if err == nil {
		return nil
	}
	if e := connectors.Classify(err); e.Code == codeUnauthorized {
		return &connectors.Error{Class: connectors.Unsupported, Code: e.Code, Detail: e.Detail}
	}
	return err
}
