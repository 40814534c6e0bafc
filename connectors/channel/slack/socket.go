package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	maxDiscarded = 64 << 20 // of an envelope that is too large
	batchFrames  = 64
	batchBytes   = 4 << 20
	silence      = 30 * time.Second // after which a connection is dead
	watchEvery   = time.Minute
	shortSession = 5 * time.Second
)

// errRefresh: Slack asks for a new connection, as it does every few hours.
var errRefresh = errors.New("slack asks for a new connection")

// Stream keeps a connection of Socket Mode open. An envelope is acknowledged
// after it was stored, one that cannot be read too; what is not acknowledged
// Slack sends again, and the store knows what it has.
//
// The SDK's own client of Socket Mode is not used: it hands out events after it
// understood them, so that one of a new kind can neither be stored as it came
// nor be acknowledged.
//
// In mode events there is nothing to read; then the bot token is tried from
// time to time, so that a revoked one is noticed.
func (s *Slack) Stream(ctx context.Context, src channel.Source) error {
	for {
		started := time.Now()
		// The app token lives on when the app is removed from the workspace.
		if _, err := s.test(ctx); err != nil {
			return err
		}
		if s.cfg.Mode == modeEvents {
			g, ctx := errgroup.WithContext(ctx)
			g.Go(func() error { return s.watch(ctx, src) })
			g.Go(func() error { return s.keepUp(ctx, src) })
			return g.Wait()
		}
		err := s.session(ctx, src)
		if !errors.Is(err, errRefresh) {
			return err
		}
		if time.Since(started) < shortSession {
			return connectors.Errorf(connectors.Transient, "", "Slack ended the connection at once")
		}
	}
}

// watch tries the bot token for as long as it is good.
func (s *Slack) watch(ctx context.Context, src channel.Source) error {
	for {
		src.Alive()
		if err := pause(ctx, watchEvery); err != nil {
			return err
		}
		if _, err := s.test(ctx); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// session is one connection, from hello to its end.
func (s *Slack) session(ctx context.Context, src channel.Source) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseNow() }()
	g, ctx := errgroup.WithContext(ctx)
	frames := make(chan frame, batchFrames/4)
	var ended error // why no more frames come; set before frames is closed
	g.Go(func() error {
		defer close(frames)
		ended = s.read(ctx, conn, src, frames)
		return nil // what has been read is still to be stored
	})
	g.Go(func() error {
		for first := range frames {
			if err := s.take(ctx, conn, src, first, frames); err != nil {
				return err
			}
		}
		return ended
	})
	g.Go(func() error { return s.heartbeat(ctx, conn, src) })
	g.Go(func() error { return s.keepUp(ctx, src) })
	return g.Wait()
}

// connect asks for an address, which is good once, and dials it.
func (s *Slack) connect(ctx context.Context) (*websocket.Conn, error) {
	_, address, err := s.api.StartSocketModeContext(ctx)
	if err != nil {
		return nil, appTrouble(err)
	}
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "wss" && u.Scheme != "ws") || u.Host == "" {
		return nil, connectors.Errorf(connectors.Transient, "", "Slack gives no address for Socket Mode")
	}
	dialling, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	// The answer's body belongs to the connection.
	conn, _, err := websocket.Dial(dialling, address, &websocket.DialOptions{HTTPClient: s.http}) //nolint:bodyclose // see above
	if err != nil {
		// The address holds a ticket.
		why := err.Error()
		if u.RawQuery != "" {
			why = strings.ReplaceAll(why, u.RawQuery, "...")
		}
		return nil, connectors.Errorf(connectors.Transient, "", "no connection of Socket Mode with %s: %.200s", u.Host, why)
	}
	conn.SetReadLimit(-1) // read bounds it, and goes on
	return conn, nil
}

// read hands frames over until the connection ends, and returns why it did.
func (s *Slack) read(ctx context.Context, conn *websocket.Conn, src channel.Source, out chan<- frame) error {
	for {
		f, err := readFrame(ctx, conn)
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return connectors.Errorf(connectors.Transient, "", "the connection of Socket Mode ended: %w", err)
		}
		switch e, _ := f.open(time.Time{}); e.Type {
		case frameHello:
			src.Alive()
			continue
		case frameDisconnect:
			if e.Reason == "link_disabled" {
				return connectors.Errorf(connectors.AccountDown, e.Reason, "Socket Mode was switched off for the app; switch it on, or set mode: events")
			}
			return errRefresh
		}
		select {
		case out <- f:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// readFrame reads one message and keeps no more of it than maxFrame.
func readFrame(ctx context.Context, conn *websocket.Conn) (frame, error) {
	_, r, err := conn.Reader(ctx)
	if err != nil {
		return frame{}, err
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(r, maxFrame)); err != nil {
		return frame{}, err
	}
	n, err := io.Copy(io.Discard, io.LimitReader(r, maxDiscarded))
	if err == nil && n == maxDiscarded {
		err = errors.New("an envelope without end")
	}
	return frame{raw: b.Bytes(), cut: n > 0}, err
}

// take stores a frame and those that are there already, and acknowledges them.
func (s *Slack) take(ctx context.Context, conn *websocket.Conn, src channel.Source, f frame, more <-chan frame) error {
	var batch normalize.Batch
	var ids []string
	revoked, size := false, 0
	for ok := true; ok && len(batch.Inputs) < batchFrames && size < batchBytes; {
		e, in := f.open(s.deps.Clock.Now())
		size += len(f.raw)
		batch.Inputs = append(batch.Inputs, in)
		if e.EnvelopeID != "" {
			ids = append(ids, e.EnvelopeID)
		}
		revoked = revoked || e.Type == envelopeEvent && ends(e.Payload)
		select {
		case f, ok = <-more:
		default:
			ok = false
		}
	}
	s.name(ctx, batch.Inputs)
	if err := src.Sink(ctx, batch); err != nil {
		return err
	}
	for _, id := range ids {
		if err := ack(ctx, conn, id); err != nil {
			return connectors.Errorf(connectors.Transient, "", "the connection of Socket Mode ended: %w", err)
		}
	}
	src.Alive()
	if revoked {
		_, err := s.test(ctx)
		return err
	}
	return nil
}

// ends tells that an event may mean the end of the bot token.
func ends(payload []byte) bool {
	var c struct {
		Event struct {
			Type string `json:"type"`
		} `json:"event"`
	}
	return json.Unmarshal(payload, &c) == nil && (c.Event.Type == "app_uninstalled" || c.Event.Type == "tokens_revoked")
}

func ack(ctx context.Context, conn *websocket.Conn, id string) error {
	b, err := json.Marshal(map[string]string{"envelope_id": id})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, b)
}

// heartbeat notices a connection that is dead without having been closed.
func (s *Slack) heartbeat(ctx context.Context, conn *websocket.Conn, src channel.Source) error {
	for {
		if err := pause(ctx, s.beat); err != nil {
			return err
		}
		asking, cancel := context.WithTimeout(ctx, silence)
		err := conn.Ping(asking)
		cancel()
		if err != nil {
			return connectors.Errorf(connectors.Transient, "", "Slack is silent on the connection of Socket Mode: %w", err)
		}
		src.Alive()
	}
}
