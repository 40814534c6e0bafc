package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/deskbridge/deskbridge/internal/demo/stage"
	"github.com/deskbridge/deskbridge/normalize"
)

// client speaks the REST API, as a helpdesk does.
type client struct {
	base, token string
	http        http.Client
}

func newClient(base, token string) *client {
	return &client{base: base, token: token, http: http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// answer writes into a conversation and returns the message that was accepted.
func (c *client) answer(ctx context.Context, conversation normalize.ID, author, text, key string) (*normalize.Message, error) {
	var m normalize.Message
	err := c.post(ctx, "/v1/conversations/"+conversation.String()+"/messages", key,
		map[string]any{"text": text, "author": map[string]string{"name": author}}, &m)
	if err != nil {
		return nil, err
	}
	return &m, nil
}

// merge makes two customers one.
func (c *client) merge(ctx context.Context, from, into normalize.ID, reason string) error {
	return c.post(ctx, "/v1/customers/"+from.String()+"/merge", "", map[string]any{"into": into, "reason": reason}, &struct{}{})
}

// file gets a stored file.
func (c *client) file(ctx context.Context, m *normalize.Media) (stage.File, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/v1/media/"+m.ID.String(), nil)
	if err != nil {
		return stage.File{}, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	content, err := download(&c.http, req)
	return stage.File{Name: m.Name, ContentType: m.ContentType, Content: content}, err
}

// download returns what a request is answered with.
func download(c *http.Client, req *http.Request) ([]byte, error) {
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxMedium))
}

// maxMedium bounds a file, in bytes.
const maxMedium = 32 << 20

func (c *client) post(ctx context.Context, path, key string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, maxEvent))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		var problem struct{ Title, Detail string }
		_ = json.Unmarshal(reply, &problem) // what cannot be read adds nothing to the status
		return fmt.Errorf("%s: %s", resp.Status, problem.Detail)
	}
	if err := json.Unmarshal(reply, out); err != nil {
		return fmt.Errorf("the answer of the API: %w", err)
	}
	return nil
}
