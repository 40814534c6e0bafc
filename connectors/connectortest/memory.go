package connectortest

import (
	"bytes"
	"context"
	"sync"
	"time"
)

// Tokens keeps a vendor's tokens in memory, as connectors.Tokens. The zero
// value is ready.
type Tokens struct {
	// Now tells when a token's time has run out; with nil it never does.
	Now func() time.Time

	mu     sync.Mutex
	values map[string]token
}

type token struct {
	value   string
	expires time.Time
}

// Get implements connectors.Tokens.
func (k *Tokens) Get(_ context.Context, name string) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	v := k.values[name]
	if k.Now != nil && !v.expires.IsZero() && !k.Now().Before(v.expires) {
		return "", nil
	}
	return v.value, nil
}

// Set implements connectors.Tokens.
func (k *Tokens) Set(_ context.Context, name, value string, expires time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.values == nil {
		k.values = map[string]token{}
	}
	k.values[name] = token{value, expires}
	return nil
}

// Output collects what is logged. The zero value is ready.
type Output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// String returns all that was written.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
