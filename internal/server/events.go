package server

import (
	"context"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/deskbridge/deskbridge/normalize"
)

// eventData are the types of normalize.Event.Data.
var eventData = []reflect.Type{
	reflect.TypeFor[normalize.MessageEvent](), reflect.TypeFor[normalize.Conversation](), reflect.TypeFor[normalize.MergeEvent](),
	reflect.TypeFor[normalize.OptOutEvent](), reflect.TypeFor[normalize.AccountEvent](),
}

func (s *Server) eventsAPI(a huma.API) {
	huma.Register(a, operation(http.MethodGet, "/v1/events", "list-events", "What happened, in the order in which it was committed",
		describedAs("Oldest first, none missed. Follow it by passing next as after; where next is null there is nothing new: "+
			"ask again later with the same after. Without after it begins at the oldest event that is kept, with after=now at the next one. "+
			"Who comes back so late that events after the cursor are no longer kept gets 410.")), s.listEvents)
	huma.Register(a, operation(http.MethodGet, "/v1/events/stream", "stream-events", "The same, as server-sent events",
		describedAs("The id of each is its cursor; a client that reconnects with Last-Event-ID misses none. A comment every 15 seconds keeps the connection open."),
		func(o *huma.Operation) {
			o.Responses = map[string]*huma.Response{"200": {
				Description: "A stream without end: id, event (the type) and data (an Event as JSON) of each",
				Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: "string"}}},
			}}
		}), s.streamEvents)
}

type listEventsIn struct {
	LimitParam
	After string `query:"after" doc:"The cursor of the last event that is known."`
}

func (s *Server) listEvents(ctx context.Context, in *listEventsIn) (*body[list[*normalize.Event]], error) {
	after, err := s.eventCursor(ctx, "query.after", in.After)
	if err != nil {
		return nil, err
	}
	found, err := s.deps.Timeline.Events(ctx, after, in.Limit)
	if err != nil {
		return nil, s.fail(ctx, "event", err)
	}
	l := list[*normalize.Event]{Items: []*normalize.Event{}}
	for _, e := range found {
		l.Items = append(l.Items, normalize.LinkEvent(e, s.config.PublicURL))
	}
	if len(found) > 0 {
		// Unlike other lists this one has no end: its last page is where the
		// next news follow.
		next := cursorOf(found[len(found)-1])
		l.Next = &next
	}
	return answer(l, nil)
}

func cursorOf(e *normalize.Event) string { return strconv.FormatInt(e.Seq, 10) }

// eventCursor reads a cursor of the event list; "" is before the first event,
// "now" after the last.
func (s *Server) eventCursor(ctx context.Context, where, c string) (int64, error) {
	switch c {
	case "":
		return 0, nil
	case "now":
		last, err := s.deps.Timeline.LastEvent(ctx)
		if err != nil {
			return 0, s.fail(ctx, "event", err)
		}
		return last, nil
	}
	seq, err := strconv.ParseInt(c, 10, 64)
	if err != nil || seq < 0 {
		return 0, flawed(where, "not a cursor: pass the value of next from an earlier answer, the id of a streamed event, or now")
	}
	if seq == 0 {
		return 0, nil
	}
	swept, err := s.deps.Timeline.SweptEvents(ctx)
	if err != nil {
		return 0, s.fail(ctx, "event", err)
	}
	if seq < swept {
		return 0, problem(http.StatusGone, "events after this cursor are no longer kept (retention.events): "+
			"read the conversations anew, and begin without a cursor at the oldest event that is kept")
	}
	return seq, nil
}
