package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// maxEvent bounds one event and one answer of the API.
const maxEvent = 4 << 20

// api is the daemon's REST API.
type api struct {
	base, token string
	http        *http.Client
}

func newAPI(o options) *api {
	return &api{base: "http://" + o.Daemon, token: o.Token, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16, ResponseHeaderTimeout: 30 * time.Second}}}
}

func (a *api) close() { a.http.CloseIdleConnections() }

func (a *api) call(ctx context.Context, method, path string, body []byte, header ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := a.http.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		_ = res.Body.Close()
		return nil, refusal{path, res.StatusCode}
	}
	return res, nil
}

// refusal is an answer of the API other than 2xx.
type refusal struct {
	path   string
	status int
}

func (r refusal) Error() string {
	return fmt.Sprintf("%s was answered %d %s", r.path, r.status, http.StatusText(r.status))
}

// ready reports why the daemon does not answer.
func (a *api) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	res, err := a.call(ctx, http.MethodGet, "/v1/events?after=now", nil)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// event is what we read of an event.
type event struct {
	Type string `json:"type"`
	Data struct {
		ID             string `json:"id"`
		ConversationID string `json:"conversation_id"`
		Text           string `json:"text"`
		FullText       string `json:"full_text"`
		Parts          []struct {
			Status string `json:"status"`
		} `json:"parts"`
	} `json:"data"`
}

// events hands on what happens from now on until ctx ends. A stream that breaks
// is taken up where it was.
func (a *api) events(ctx context.Context, take func(event)) error {
	cursor := "now"
	for broken := 0; ctx.Err() == nil; broken++ {
		res, err := a.call(ctx, http.MethodGet, "/v1/events/stream?after="+cursor, nil)
		if err != nil {
			if broken > 600 {
				return fmt.Errorf("events: %w", err)
			}
			pause(ctx, 100*time.Millisecond)
			continue
		}
		broken = 0
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(make([]byte, 64<<10), maxEvent)
		id := ""
		for lines.Scan() {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch field {
			case "id":
				id = value
			case "data":
				var e event
				// Events of other kinds have other data.
				if json.Unmarshal([]byte(value), &e) == nil {
					take(e)
				}
				cursor = id
			}
		}
		_ = res.Body.Close()
	}
	return nil
}
