package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

// client writes answers through the REST API, as a helpdesk does.
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
	body, err := json.Marshal(map[string]any{"text": text, "author": map[string]string{"name": author}})
	if err != nil {
		return nil, err
	}
	url := c.base + "/v1/conversations/" + conversation.String() + "/messages"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, maxEvent))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		var problem struct{ Title, Detail string }
		_ = json.Unmarshal(reply, &problem) // what cannot be read adds nothing to the status
		return nil, fmt.Errorf("%s: %s", resp.Status, problem.Detail)
	}
	var m normalize.Message
	if err := json.Unmarshal(reply, &m); err != nil {
		return nil, fmt.Errorf("the answer of the API: %w", err)
	}
	return &m, nil
}
