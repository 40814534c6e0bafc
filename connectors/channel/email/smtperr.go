package email

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// throttlePause is for servers that ask to slow down and do not say for how
// long; none of them does.
const throttlePause = time.Minute

// smtpTrouble gives the refusal of a command its class. It must not be used
// for what follows the final dot unless the server has spoken: an error
// without a reply counts as "surely not taken" here.
func smtpTrouble(stage string, err error) *connectors.Error {
	if known, ok := errors.AsType[*connectors.Error](err); ok {
		return known
	}
	var status *smtp.SMTPError
	if !errors.As(err, &status) {
		return connectors.Errorf(connectors.Transient, "", "%s: %w", stage, err)
	}
	e := connectors.Errorf(classOf(status), smtpCode(status), "%s", text.Truncate(stage+": "+status.Message, 300))
	if e.Class == connectors.Throttled {
		e.RetryAfter = throttlePause
	}
	return e
}

// classOf reads the reply codes of RFC 5321 and the enhanced codes of RFC 3463
// with what large providers have made of them.
func classOf(s *smtp.SMTPError) connectors.Class {
	enhanced := enhancedOf(s)
	message := strings.ToLower(s.Message)
	switch {
	case s.Code == 530 || s.Code == 534 || s.Code == 535 || s.Code == 538,
		enhanced == "5.7.8", enhanced == "5.7.9", enhanced == "5.7.14", enhanced == "5.7.57",
		enhanced == "5.7.30",                                               // Exchange Online: basic authentication is switched off
		enhanced == "5.7.60", enhanced == "5.7.708", enhanced == "5.7.750", // Exchange Online: may not send, or not as this address
		enhanced == "5.4.5": // Gmail: daily quota
		return connectors.AccountDown
	case s.Code < 500 && (enhanced == "4.5.3" || enhanced == "4.7.28" ||
		s.Code == 421 && enhanced == "4.7.0" ||
		strings.Contains(message, "rate limit") || strings.Contains(message, "too many") || strings.Contains(message, "throttl")):
		return connectors.Throttled
	case s.Code < 500:
		return connectors.Transient
	case deadAddress(enhanced):
		return connectors.Unreachable
	}
	return connectors.Rejected
}

func enhancedOf(s *smtp.SMTPError) string {
	if s.EnhancedCode[0] <= 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d", s.EnhancedCode[0], s.EnhancedCode[1], s.EnhancedCode[2])
}

// smtpCode is the reply as the server gave it, "550 5.1.1".
func smtpCode(s *smtp.SMTPError) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", s.Code, enhancedOf(s)))
}

// severity orders classes by what has to happen next when nobody accepted:
// trouble of the account before trouble of one recipient, hope before despair.
var severity = map[connectors.Class]int{
	connectors.AccountDown: 5, connectors.Throttled: 4, connectors.Transient: 3,
	connectors.Rejected: 2, connectors.Unreachable: 1,
}
