package telegram

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	// pollFor is how long Telegram holds a request without news.
	pollFor = 25 * time.Second
	// page is how many updates one answer has at most.
	page = 100
	// checkEvery is how often the webhook's health is asked for.
	checkEvery = 5 * time.Minute

	updatesCursor = "updates" // the id of the next update
)

// wanted are the kinds of update that Decode knows something about. Reactions
// are not among those that come by themselves.
var wanted = []string{
	"message", "edited_message", "callback_query", "message_reaction", "my_chat_member",
}

// Stream implements channel.Streamer.
func (t *Telegram) Stream(ctx context.Context, src channel.Source) error {
	if t.cfg.Mode == modeWebhook {
		return t.watch(ctx, src)
	}
	if err := t.leaveWebhook(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := t.poll(ctx, src); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// poll asks once. Naming the next update's id confirms those before it, so it
// is named only once they have been committed.
func (t *Telegram) poll(ctx context.Context, src channel.Source) error {
	offset, err := src.Cursor(ctx, updatesCursor)
	if err != nil {
		return err
	}
	params := map[string]any{"timeout": int(pollFor / time.Second), "limit": page, "allowed_updates": wanted}
	if n, err := strconv.ParseInt(offset, 10, 64); err == nil {
		params["offset"] = n
	}
	var updates []json.RawMessage
	if err := t.call(ctx, "getUpdates", params, &updates); err != nil {
		return err
	}
	src.Alive()
	var b normalize.Batch
	last := int64(-1)
	for _, raw := range updates {
		id, inputs, err := split(raw)
		if err != nil {
			return connectors.Errorf(connectors.Transient, "", "an update without an id")
		}
		last = max(last, id)
		b.Inputs = append(b.Inputs, inputs...)
	}
	if last < 0 {
		return nil
	}
	b.Cursors = []normalize.Cursor{{Key: updatesCursor, Value: strconv.FormatInt(last+1, 10)}}
	return src.Sink(ctx, b)
}

// hook is what Telegram says of the bot's webhook.
type hook struct {
	URL           string `json:"url"`
	Pending       int    `json:"pending_update_count"`
	LastErrorDate int64  `json:"last_error_date"`
	LastError     string `json:"last_error_message"`
}

// leaveWebhook takes back a webhook that led to us: with one, Telegram answers
// no poll. One that leads elsewhere is somebody else's.
func (t *Telegram) leaveWebhook(ctx context.Context) error {
	var h hook
	if err := t.call(ctx, "getWebhookInfo", nil, &h); err != nil {
		return err
	}
	switch {
	case h.URL == "":
		return nil
	case h.URL != t.hookURL():
		return connectors.Errorf(connectors.AccountDown, "409", "the bot has a webhook that leads elsewhere: take it back there, or use mode webhook here")
	}
	return t.call(ctx, "deleteWebhook", map[string]any{"drop_pending_updates": false}, nil)
}

func (t *Telegram) hookURL() string { return t.deps.PublicURL + "/webhooks/" + t.deps.Account.Name }

// watch registers our address and asks from time to time whether Telegram
// reaches it.
func (t *Telegram) watch(ctx context.Context, src channel.Source) error {
	if !strings.HasPrefix(t.deps.PublicURL, "https://") && t.cfg.APIURL == "https://api.telegram.org" {
		return connectors.Errorf(connectors.AccountDown, "", "mode webhook needs server.public_url with https://: Telegram calls no other")
	}
	// Whatever leads here already: Telegram does not tell which secret it shows
	// with its calls, and ours may be a new one.
	if err := t.setWebhook(ctx); err != nil {
		return err
	}
	for {
		var h hook
		if err := t.call(ctx, "getWebhookInfo", nil, &h); err != nil {
			return err
		}
		if h.URL != t.hookURL() {
			if err := t.setWebhook(ctx); err != nil {
				return err
			}
		}
		if failing := t.deps.Clock.Now().Sub(time.Unix(h.LastErrorDate, 0)); h.Pending > 0 && failing < checkEvery {
			return connectors.Errorf(connectors.Transient, "", "Telegram cannot deliver %d updates to %s: %s", h.Pending, t.hookURL(), h.LastError)
		}
		src.Alive()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(checkEvery):
		}
	}
}

func (t *Telegram) setWebhook(ctx context.Context) error {
	return t.call(ctx, "setWebhook", map[string]any{
		"url": t.hookURL(), "secret_token": t.cfg.SecretToken.Reveal(), "allowed_updates": wanted, "max_connections": 40,
	}, nil)
}

// split takes an update apart: a change of reactions is one input for each
// that came or went, so that each of them is one item.
func split(raw json.RawMessage) (id int64, inputs []normalize.Input, err error) {
	var u struct {
		ID       *int64 `json:"update_id"`
		Reaction *struct {
			Old []json.RawMessage `json:"old_reaction"`
			New []json.RawMessage `json:"new_reaction"`
		} `json:"message_reaction"`
	}
	if err := json.Unmarshal(raw, &u); err != nil || u.ID == nil {
		return 0, nil, fmt.Errorf("not an update: %w", connectors.ErrMalformed)
	}
	in := normalize.Input{Key: "update/" + strconv.FormatInt(*u.ID, 10), Raw: raw, ContentType: "application/json"}
	if u.Reaction == nil || len(u.Reaction.Old)+len(u.Reaction.New) == 0 || len(u.Reaction.Old)+len(u.Reaction.New) > maxReactions {
		return *u.ID, []normalize.Input{in}, nil
	}
	for i := range len(u.Reaction.Old) + len(u.Reaction.New) {
		one := in
		one.Meta = map[string]string{reactionMeta: strconv.Itoa(i)}
		inputs = append(inputs, one)
	}
	return *u.ID, inputs, nil
}

const (
	// reactionMeta is which of the old reactions, and then of the new ones, an
	// input is about.
	reactionMeta = "reaction"
	maxReactions = 50
)
