package kit

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds what an answer may ask for.
const maxRetryAfter = time.Hour

// RetryAfter returns how long an answer asks to wait before the next request,
// an hour at most; named is false where it does not say. It reads both forms of
// RFC 9110, section 10.2.3.
func RetryAfter(answer http.Header, now time.Time) (wait time.Duration, named bool) {
	v := strings.TrimSpace(answer.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(v, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(maxRetryAfter/time.Second))) * time.Second, true
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), maxRetryAfter), true
}
