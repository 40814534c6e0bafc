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
}

// refusal is the error of a request that Twilio answered: by its own code
// where that is known, else by the status of HTTP.
func refusal(status, code int, after time.Duration) *connectors.Error {
	e := &connectors.Error{Code: strconv.Itoa(code), RetryAfter: after}
	if m, ok := meanings[code]; ok {
		e.Class, e.Detail = m.class, m.words
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
