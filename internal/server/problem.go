package server

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// Problem is the body of every error (RFC 9457).
type Problem struct {
	Title  string `json:"title" doc:"The words of the status."`
	Status int    `json:"status" doc:"The HTTP status."`
	Detail string `json:"detail,omitempty" doc:"What is wrong, in words for people."`
	Reason string `json:"reason,omitempty" doc:"A fixed name, for programs, of why an answer was refused: empty, no_channel, no_address, unreachable, opted_out, not_sent, window_closed, too_large, unsupported, not_sendable, not_found, too_many."`
	Errors []Flaw `json:"errors,omitempty" doc:"Each flaw of a request that is not valid."`

	// retryAfter in seconds becomes a header.
	retryAfter int
}

// Flaw is one thing that is wrong with a request.
type Flaw struct {
	Location string `json:"location,omitempty" doc:"Where it stands, such as body.text."`
	Message  string `json:"message"`
}

const problemType = "application/problem+json"

func (p *Problem) Error() string { return p.Detail }

// GetStatus is for huma.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is for huma.
func (p *Problem) ContentType(string) string { return problemType }

// GetHeaders is for huma.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	return h
}

func problem(status int, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: detail}
}

func unavailable(detail string) *Problem {
	p := problem(http.StatusServiceUnavailable, detail)
	p.retryAfter = 5
	return p
}

// Huma makes its own errors, such as those of validation, by this function.
func init() {
	huma.NewError = func(status int, detail string, errs ...error) huma.StatusError {
		if status == http.StatusInternalServerError {
			return unavailable("the request could not be completed; try again")
		}
		p := problem(status, detail)
		for _, err := range errs {
			flaw := Flaw{Message: err.Error()}
			if d, ok := err.(huma.ErrorDetailer); ok {
				// The value itself is left out: it may be as long as the request.
				flaw = Flaw{Location: d.ErrorDetail().Location, Message: d.ErrorDetail().Message}
			}
			p.Errors = append(p.Errors, flaw)
		}
		return p
	}
}

// write answers a request outside of huma.
func (p *Problem) write(w http.ResponseWriter) {
	h := w.Header()
	maps.Copy(h, p.GetHeaders())
	h.Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	if err := json.NewEncoder(w).Encode(p); err != nil {
		return // the client is told as far as it still listens
	}
}

// fail turns an error of what, such as "customer", into an answer. What is
// nobody's fault but ours is logged and becomes a 503.
func (s *Server) fail(ctx context.Context, what string, err error) error {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if r, ok := errors.AsType[*timeline.Refused](err); ok {
		p := problem(http.StatusUnprocessableEntity, r.Detail)
		p.Reason = r.Reason
		return p
	}
	switch {
	case errors.Is(err, timeline.ErrErased):
		return problem(http.StatusGone, "this customer has been erased")
	case errors.Is(err, timeline.ErrNotFound):
		return problem(http.StatusNotFound, "there is no such "+what)
	case errors.Is(err, timeline.ErrPending):
		return unavailable(err.Error())
	case errors.Is(err, timeline.ErrGone), errors.Is(err, timeline.ErrNoMedia):
		return problem(http.StatusGone, err.Error())
	case errors.Is(err, timeline.ErrConflict):
		return problem(http.StatusConflict, err.Error())
	}
	if ctx.Err() == nil {
		s.log.Error("request failed", "request", requestID(ctx), "about", what, "err", err)
	}
	return unavailable("the request could not be completed; try again, and see the log for request " + requestID(ctx))
}

// pathID reads an id from a path. Ids are opaque, so one that cannot be one of
// ours just does not exist.
func pathID(what, s string) (normalize.ID, error) {
	id, err := normalize.ParseID(s)
	if err != nil || id == 0 {
		return 0, problem(http.StatusNotFound, "there is no such "+what)
	}
	return id, nil
}

// cursorID reads a cursor that is an id.
func cursorID(name, s string) (normalize.ID, error) {
	id, err := normalize.ParseID(s)
	if err != nil {
		return 0, flawed("query."+name, "not a cursor: pass the value of next from an earlier answer")
	}
	return id, nil
}

func flawed(location, message string) *Problem {
	p := problem(http.StatusUnprocessableEntity, "validation failed")
	p.Errors = []Flaw{{Location: location, Message: message}}
	return p
}
