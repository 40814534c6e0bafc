package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// task is a message to answer.
type task struct {
	id           int
	conversation string
}

// watch notes what the daemon tells, and puts what is to be answered into todo.
func (l *load) watch(ctx context.Context, todo chan<- task) error {
	return l.api.events(ctx, func(e event) {
		text := e.Data.FullText
		if text == "" {
			text = e.Data.Text
		}
		kind, id, ours := l.tally.read(text)
		if !ours {
			return
		}
		switch {
		case kind == "greeting":
			l.tally.warmed(id)
		case kind == "message" && e.Type == "message.received":
			if l.tally.heard(id, e.Data.ID) && l.o.Answers {
				todo <- task{id, e.Data.ConversationID} // it holds all that there are
			}
		case kind == "answer" && e.Type == "message.status":
			l.tally.became(id, worst(e))
		}
	})
}

// worst is where the part stands that is the furthest from the customer.
func worst(e event) string {
	order := []string{"failed", "uncertain", "queued", "sending", "accepted", "delivered", "read"}
	for _, s := range order {
		for _, p := range e.Data.Parts {
			if p.Status == s {
				return s
			}
		}
	}
	return ""
}

// answer answers what customers wrote. A request that fails is made again with
// the same key, as a helpdesk does.
func (l *load) answer(ctx context.Context, todo <-chan task) {
	for {
		var t task
		select {
		case t = <-todo:
		case <-ctx.Done():
			return
		}
		body, err := json.Marshal(map[string]any{"text": l.tally.answer(t.id), "author": map[string]string{"name": "Loadgen"}})
		if err != nil {
			panic(err) // a map of strings
		}
		for {
			res, err := l.api.call(ctx, http.MethodPost, "/v1/conversations/"+t.conversation+"/messages", body,
				"Idempotency-Key", fmt.Sprintf("loadgen-%s-%d", l.tally.run, t.id))
			if err == nil {
				_ = res.Body.Close()
				l.tally.asked(t.id)
				break
			}
			if r, ok := errors.AsType[refusal](err); ok && r.status < 500 && r.status != http.StatusTooManyRequests {
				l.tally.asked(t.id)
				l.tally.became(t.id, "failed")
				break
			}
			if !pause(ctx, 100*time.Millisecond) {
				return
			}
		}
	}
}
