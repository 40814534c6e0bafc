package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/deskbridge/deskbridge/normalize"
)

const (
	streamPoll  = time.Second // events of other nodes wake nobody here
	streamAlive = 15 * time.Second
	streamWrite = 10 * time.Second // a client who does not read for so long is cut
	streamBatch = 100
)

type streamEventsIn struct {
	After string `query:"after" doc:"The cursor of the last event that is known."`
	Last  string `header:"Last-Event-ID" doc:"The same, as a browser sends it when it reconnects; it outweighs after."`

	ctx huma.Context
}

// Resolve keeps the call, whose token is checked again while it lasts.
func (in *streamEventsIn) Resolve(ctx huma.Context) []error {
	in.ctx = ctx
	return nil
}

func (s *Server) streamEvents(ctx context.Context, in *streamEventsIn) (*huma.StreamResponse, error) {
	where, cursor := "query.after", in.After
	if in.Last != "" {
		where, cursor = "header.Last-Event-ID", in.Last
	}
	after, err := s.eventCursor(ctx, where, cursor)
	if err != nil {
		return nil, err
	}
	select {
	case s.streams <- struct{}{}:
	default:
		return nil, unavailable(fmt.Sprintf("%d streams are open already; try again, or poll /v1/events", cap(s.streams)))
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		s.metrics.streams.Inc()
		defer func() {
			s.metrics.streams.Dec()
			<-s.streams
		}()
		r, w := humago.Unwrap(hc)
		token, _ := bearer(r)
		st := &stream{s: s, w: w, control: http.NewResponseController(w), after: after, token: token}
		if err := st.run(ctx); err != nil && ctx.Err() == nil {
			s.log.Info("event stream ended", "request", requestID(ctx), "err", err)
		}
	}}, nil
}

// stream is one client's view of what happens.
type stream struct {
	s       *Server
	w       http.ResponseWriter
	control *http.ResponseController
	after   int64
	token   [32]byte
}

// run writes events until the client leaves, stalls or loses its token, the
// server stops, or the store fails: the client then comes back with the
// cursor it has.
func (st *stream) run(ctx context.Context) error {
	h := st.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	if err := st.send([]byte("retry: 3000\n\n")); err != nil {
		return err
	}
	poll, alive := time.NewTicker(streamPoll), time.NewTicker(streamAlive)
	defer poll.Stop()
	defer alive.Stop()
	for {
		changed := st.s.changed.wait() // before looking, so that nothing falls between
		full, err := st.catchUp(ctx)
		if err != nil {
			return err
		}
		if full {
			if st.s.stopped.Err() != nil {
				return nil
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-st.s.stopped.Done():
			return nil
		case <-changed:
		case <-poll.C:
		case <-alive.C:
			if !st.s.auth.again(ctx, st.token) {
				return nil
			}
			if err := st.send([]byte(": alive\n\n")); err != nil {
				return err
			}
		}
	}
}

// catchUp writes the next events; full says that there may be more.
func (st *stream) catchUp(ctx context.Context) (full bool, err error) {
	events, err := st.s.deps.Timeline.Events(ctx, st.after, streamBatch)
	if err != nil {
		return false, err
	}
	if len(events) == 0 {
		return false, nil
	}
	var b bytes.Buffer
	for _, e := range events {
		// JSON has no raw line breaks, so data is one line.
		data, err := json.Marshal(normalize.LinkEvent(e, st.s.config.PublicURL))
		if err != nil {
			return false, fmt.Errorf("event %s: %w", e.ID, err)
		}
		fmt.Fprintf(&b, "id: %s\nevent: %s\ndata: %s\n\n", cursorOf(e), e.Type, data)
		st.after = e.Seq
	}
	return len(events) == streamBatch, st.send(b.Bytes())
}

func (st *stream) send(b []byte) error {
	// Not all writers have deadlines; those of real connections do.
	_ = st.control.SetWriteDeadline(time.Now().Add(streamWrite))
	if _, err := st.w.Write(b); err != nil {
		return err
	}
	return st.control.Flush()
}
