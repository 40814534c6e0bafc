package kit

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMAC(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	m := NewMAC(secret, "one")
	sum := m.Sum("ab", "c")
	if len(sum) != 16 || sum != strings.ToLower(sum) || !m.Valid(sum, "ab", "c") {
		t.Errorf("sum %q", sum)
	}
	for name, ok := range map[string]bool{
		"fields cut elsewhere": m.Valid(sum, "a", "bc"),
		"another field":        m.Valid(sum, "ab", "d"),
		"no sum":               m.Valid("", "ab", "c"),
		"another purpose":      NewMAC(secret, "two").Valid(sum, "ab", "c"),
		"another key":          NewMAC([]byte("x"), "one").Valid(sum, "ab", "c"),
	} {
		if ok {
			t.Errorf("%s counts as valid", name)
		}
	}
	if a, b := Nonce(), Nonce(); a == b || len(a) != 16 {
		t.Error("nonces repeat")
	}
}

// silent accepts connections and never says a word.
func silent(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return ln.Addr().String()
}

func TestConnIsBounded(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	addr := silent(t)
	stopped := errors.New("stopped")
	read := func(c *Conn) func() error {
		return func() error { _, err := c.Read(make([]byte, 1)); return err }
	}
	dial := func(ctx context.Context) *Conn {
		c, err := Dial(ctx, addr, nil, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	for name, run := range map[string]func() (error, error){
		"silence": func() (error, error) {
			c := dial(t.Context())
			return c.Within(t.Context(), 30*time.Millisecond, read(c)), ErrSilent
		},
		"the context of the step ends": func() (error, error) {
			c := dial(t.Context())
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(30*time.Millisecond, func() { cancel(stopped) })
			return c.Within(ctx, time.Minute, read(c)), stopped
		},
		"the context of the connection ends": func() (error, error) {
			ctx, cancel := context.WithCancelCause(t.Context())
			c := dial(ctx)
			time.AfterFunc(30*time.Millisecond, func() { cancel(stopped) })
			return c.Within(t.Context(), time.Minute, read(c)), stopped
		},
		"writing into the void": func() (error, error) {
			c := dial(t.Context())
			return c.Within(t.Context(), 30*time.Millisecond, func() error {
				for {
					if _, err := c.Write(make([]byte, 1<<20)); err != nil {
						return err
					}
				}
			}), ErrSilent
		},
	} {
		if got, want := run(); !errors.Is(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	// Work that gets on may take longer than its pause.
	c := dial(t.Context())
	start := time.Now()
	if err := c.Stalling(t.Context(), 2*time.Second, func(progress func()) error {
		for range 12 {
			time.Sleep(200 * time.Millisecond)
			progress()
		}
		return nil
	}); err != nil {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	if err := c.Within(t.Context(), time.Minute, func() error { _, err := c.Write([]byte("x")); return err }); err != nil {
		t.Errorf("the connection is gone: %v", err)
	}
}

func TestRefusedTokenEndsTheLogin(t *testing.T) {
	for _, m := range []interface {
		Start() (string, []byte, error)
		Next([]byte) ([]byte, error)
	}{XOAUTH2("u", "t"), OAUTHBEARER("u", "t")} {
		name, initial, err := m.Start()
		if err != nil || !strings.Contains(string(initial), "auth=Bearer t\x01\x01") {
			t.Errorf("%s: %q %v", name, initial, err)
		}
		var refused *SASLRefused
		if _, err := m.Next([]byte(`{"status":"401","schemes":"bearer"}`)); !errors.As(err, &refused) || refused.Status != "401" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
