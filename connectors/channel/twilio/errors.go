package twilio

import (
	"net/http"
	"strconv"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
)

// meaning is what one of Twilio's codes says.
type meaning struct {
	class connectors.Class
	// words are for the agent or the administrator.
	words string
	// gone: reported after acceptance, it says that the address itself is of
	// no use, not only that this message did not arrive.
	gone bool
	// closed: the customer has to write first; see connectors.Error.
	closed bool
	// sender: it is about who the message comes from. It concerns the whole
	// account where that is the account's own number; see concerning.
	sender bool
}

// refusal is the error of a request that Twilio answered: by its own code
// where that is known, else by the status of HTTP.
func refusal(status, code int, after time.Duration) *connectors.Error {
	e := &connectors.Error{Code: strconv.Itoa(code), RetryAfter: after}
	if m, ok := meanings[code]; ok {
		e.Class, e.Detail, e.Closed = m.class, m.words, m.closed
		return e
	}
	if code == 0 {
		e.Code = strconv.Itoa(status)
	}
	switch {
	case status == http.StatusTooManyRequests:
		e.Class, e.Detail = connectors.Throttled, "Twilio asks to slow down"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		e.Class, e.Detail = connectors.AccountDown, "Twilio refuses the credentials"
	case status == http.StatusRequestTimeout, status >= 500:
		e.Class, e.Detail = connectors.Ambiguous, "Twilio failed, and did not say whether it has taken the request"
	case status >= 400:
		e.Class, e.Detail = connectors.Rejected, "Twilio refused it; its error reference explains the code"
	default:
		e.Class, e.Detail = connectors.AccountDown, "api_url answers with a redirect, which is not followed; enter the address that it leads to"
	}
	return e
}

// concerning names the sender in what Twilio says of it, and narrows that down to
// the one request where others may go well: the customer had written to a number
// that the account no longer has, or that takes calls only; or a short code, a
// name or what a messaging service chooses is not taken in the customer's
// country. Only what is said of the account's own number stands for all.
func (t *Twilio) concerning(e *connectors.Error, sender string) *connectors.Error {
	code, _ := strconv.Atoi(e.Code)
	if !meanings[code].sender {
		return e
	}
	if sender != "" {
		e.Detail += ": " + sender
	}
	if _, number := split(sender); sender != t.cfg.From || !e164.MatchString(number) {
		e.Class = connectors.Rejected
	} else {
		e.Detail += "; check from, and the number in Twilio's console"
	}
	return e
}

// failure is the receipt for a code that came after acceptance.
func failure(r normalize.Receipt, code string) normalize.Receipt {
	r.Code = code
	n, err := strconv.Atoi(code)
	if err != nil {
		r.Detail = "not delivered; the carrier gives no reason"
		return r
	}
	if m, ok := meanings[n]; ok {
		r.Detail, r.Unreachable = m.words, m.gone
		return r
	}
	r.Detail = "not delivered; Twilio's error reference explains the code"
	return r
}
