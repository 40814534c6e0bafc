package kit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Conn is a connection whose every use is bounded: it is closed when the
// context it was dialled with ends, and when a step of Within takes too long.
// It is meant for client libraries that know neither contexts nor deadlines.
type Conn struct {
	net.Conn
	raw  net.Conn // below TLS; closing it interrupts whatever is under way
	stop func() bool

	// WriteTimeout bounds each single Write; zero leaves it to the library.
	WriteTimeout time.Duration

	mu    sync.Mutex
	cause error // why we closed it ourselves
}

// ErrSilent is why a connection was closed whose peer did not answer in time.
var ErrSilent = errors.New("no answer in time")

// Dial connects to addr within timeout, with TLS from the first byte where cfg
// is not nil. The connection is closed when ctx ends.
func Dial(ctx context.Context, addr string, cfg *tls.Config, timeout time.Duration) (*Conn, error) {
	dctx, cancel := context.WithTimeoutCause(ctx, timeout, ErrSilent)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(dctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot connect to %s: %w", addr, err)
	}
	c := &Conn{Conn: raw, raw: raw}
	if cfg != nil {
		t := tls.Client(raw, cfg)
		if err := t.HandshakeContext(dctx); err != nil {
			_ = raw.Close()
			return nil, fmt.Errorf("no TLS with %s: %w", addr, err)
		}
		c.Conn = t
	}
	c.stop = context.AfterFunc(ctx, func() { c.abort(context.Cause(ctx)) })
	return c, nil
}

// Within runs f, which uses the connection, and closes the connection when f
// is not done after d or when ctx ends, so that f returns. The error then says
// why, instead of "use of closed connection".
func (c *Conn) Within(ctx context.Context, d time.Duration, f func() error) error {
	return c.Stalling(ctx, d, func(func()) error { return f() })
}

// Stalling is Within for work that takes as long as it takes but must get on:
// each call of progress gives f the time d again.
func (c *Conn) Stalling(ctx context.Context, d time.Duration, f func(progress func()) error) error {
	timer := time.AfterFunc(d, func() { c.abort(ErrSilent) })
	defer timer.Stop()
	stop := context.AfterFunc(ctx, func() { c.abort(context.Cause(ctx)) })
	defer stop()
	return c.explain(f(func() { timer.Reset(d) }))
}

// explain returns why the connection was closed by us, if it was, in place of
// the error that this caused.
func (c *Conn) explain(err error) error {
	if err == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return c.cause
	}
	return err
}

func (c *Conn) abort(cause error) {
	c.mu.Lock()
	if c.cause == nil {
		c.cause = cause
	}
	c.mu.Unlock()
	_ = c.raw.Close()
}

// Write writes b within WriteTimeout.
func (c *Conn) Write(b []byte) (int, error) {
	if c.WriteTimeout > 0 {
		if err := c.SetWriteDeadline(time.Now().Add(c.WriteTimeout)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b)
}

// Close closes the connection without the farewell of TLS, which could block.
func (c *Conn) Close() error {
	c.stop()
	return c.raw.Close()
}
