package slack

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
)

// Slack tries an event a few times within some minutes and then gives it up, so
// what is said during a longer outage is read from the channels themselves:
// messages, and answers in threads that began in the last two weeks before it.
// Edits, deletions and reactions of that time are not seen.
//
// In mode events nobody can tell a day on which nobody writes from a proxy that
// lets no calls through; so after some silence the channels are read, too.
const (
	aliveCursor  = "alive" // up to when the account has all that was said
	aliveEvery   = time.Minute
	callsSilent  = 15 * time.Minute
	aliveGap     = 2 * time.Minute  // a shorter outage Slack's own retries cover
	aliveOverlap = 10 * time.Minute // events may still have been under way
	threadsFrom  = 14 * 24 * time.Hour
	catchPages   = 50 // of one channel: 10,000 messages
	catchDirects = 1000
	catchAgain   = 5 * time.Minute
)

// keepUp reads what was missed, and from then on notes every minute up to when
// nothing is.
func (s *Slack) keepUp(ctx context.Context, src channel.Source) error {
	value, err := src.Cursor(ctx, aliveCursor)
	if err != nil {
		return connectors.Errorf(connectors.Transient, "store", "the store did not say how far the account was read: %w", err)
	}
	has := s.deps.Clock.Now()
	seconds, err := strconv.ParseInt(value, 10, 64)
	if last := time.Unix(seconds, 0); err == nil && has.Sub(last) > aliveGap {
		if _, err := s.makeUp(ctx, src, last); err != nil {
			return err
		}
	}
	for {
		until := strconv.FormatInt(has.Unix(), 10)
		if err := src.Sink(ctx, normalize.Batch{Cursors: []normalize.Cursor{{Key: aliveCursor, Value: until}}}); err != nil {
			return err
		}
		called, err := s.listen(ctx, src)
		if err != nil {
			return err
		}
		now := s.deps.Clock.Now()
		if s.cfg.Mode == modeEvents && !called {
			if now.Sub(has) < s.silent {
				continue
			}
			missed, err := s.makeUp(ctx, src, has)
			if err != nil {
				return err
			}
			s.uncalled(src, missed)
		}
		has = now
	}
}

// listen lets a minute pass and reports whether Slack called in it.
func (s *Slack) listen(ctx context.Context, src channel.Source) (called bool, err error) {
	t := time.NewTimer(s.minute)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			return called, nil
		case <-src.Woken():
			called = true
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// uncalled tells that Slack has not called for messages that it has.
func (s *Slack) uncalled(src channel.Source, missed int) {
	if missed == 0 {
		return
	}
	if counter, ok := src.(channel.GapCounter); ok {
		counter.Gaps(missed)
	}
	s.deps.Log.Warn("Slack does not call for what is said; check the address under Event Subscriptions, and that the way to it is open", "messages", missed)
}

// makeUp reads what was said since, however often that has to be tried, and
// returns how much that was.
func (s *Slack) makeUp(ctx context.Context, src channel.Source, since time.Time) (said int, err error) {
	for {
		said, err := s.catchUp(ctx, src, since)
		if err == nil {
			return said, nil
		}
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		e := connectors.Classify(err)
		s.deps.Log.Warn("what was said during an outage was not read, will try again", "err", e)
		if err := pause(ctx, max(e.RetryAfter, catchAgain)); err != nil {
			return 0, err
		}
	}
}

// catchUp reads all channels from some minutes before a time on, and returns how
// many messages are younger than it.
func (s *Slack) catchUp(ctx context.Context, src channel.Source, since time.Time) (said int, err error) {
	who, err := s.test(ctx)
	if err != nil {
		return 0, err
	}
	channels := s.cfg.ListenTo
	if s.cfg.DirectMessages {
		directs, err := s.directs(ctx)
		if err != nil {
			return 0, err
		}
		channels = append(slices.Clip(channels), directs...)
	}
	for _, id := range channels {
		c := catcher{Slack: s, src: src, who: who, channel: id, since: since.Add(-aliveOverlap), known: since}
		err := c.read(ctx)
		said += c.said
		if e := connectors.Classify(err); err != nil && (e.Class == connectors.Rejected || e.Code == "missing_scope") {
			s.deps.Log.Warn("a channel cannot be read", "channel", id, "err", e)
			continue // nor could it before the outage
		}
		if err != nil {
			return 0, err
		}
	}
	return said, nil
}

// directs are the channels of direct messages with the app.
func (s *Slack) directs(ctx context.Context) (ids []string, err error) {
	form := url.Values{"types": {"im"}, "limit": {"200"}}
	for len(ids) < catchDirects {
		var page struct {
			Channels []struct {
				ID string `json:"id"`
			} `json:"channels"`
			Next cursor `json:"response_metadata"`
		}
		err := s.ask(ctx, "conversations.list", form, &page)
		if e := connectors.Classify(err); err != nil && e.Code == "missing_scope" {
			s.deps.Log.Warn("direct messages of the outage were not read: the app lacks the scope im:read")
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, c := range page.Channels {
			if isDirect(c.ID) && anyChannelID.MatchString(c.ID) {
				ids = append(ids, c.ID)
			}
		}
		if page.Next.Next == "" {
			break
		}
		form.Set("cursor", page.Next.Next)
	}
	return ids, nil
}

type cursor struct {
	Next string `json:"next_cursor"`
}

// catcher reads one channel.
type catcher struct {
	*Slack
	src     channel.Source
	who     *slack.AuthTestResponse
	channel string
	since   time.Time
	known   time.Time // events tell what was said before
	said    int       // how much was said later
}

// read takes in what was said since, oldest first, each thread after its root.
func (c *catcher) read(ctx context.Context) error {
	form := url.Values{"channel": {c.channel}, "oldest": {stamp(c.since.Add(-threadsFrom))}}
	roots, err := c.pages(ctx, "conversations.history", form)
	if err != nil {
		return err
	}
	var list []json.RawMessage
	for _, raw := range slices.Backward(roots) { // the history is newest first
		list = append(list, raw)
		if root := headOf(raw); c.new(root.Latest) {
			form := url.Values{"channel": {c.channel}, "ts": {root.TS}, "oldest": {stamp(c.since)}}
			answers, err := c.pages(ctx, "conversations.replies", form)
			if err != nil {
				return err
			}
			for _, answer := range answers {
				if headOf(answer).TS != root.TS { // the list begins with the root
					list = append(list, answer)
				}
			}
		}
		if len(list) >= batchFrames {
			if err := c.take(ctx, list); err != nil {
				return err
			}
			list = nil
		}
	}
	return c.take(ctx, list)
}

// head is what of a message says where it stands.
type head struct {
	TS     string `json:"ts"`
	Latest string `json:"latest_reply"`
}

func headOf(raw json.RawMessage) (h head) {
	if json.Unmarshal(raw, &h) != nil {
		return head{}
	}
	return h
}

func stamp(t time.Time) string { return strconv.FormatInt(max(t.Unix(), 0), 10) + ".000000" }

func (c *catcher) new(ts string) bool {
	at, err := parseTS(ts)
	return err == nil && at.After(c.since)
}

// pages reads all pages of a list of messages, each as it came.
func (c *catcher) pages(ctx context.Context, method string, form url.Values) (all []json.RawMessage, err error) {
	form.Set("limit", strconv.Itoa(resolvePage))
	for range catchPages {
		var page struct {
			Messages []json.RawMessage `json:"messages"`
			Next     cursor            `json:"response_metadata"`
		}
		if err := c.ask(ctx, method, form, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Messages...)
		if page.Next.Next == "" {
			return all, nil
		}
		form.Set("cursor", page.Next.Next)
	}
	c.deps.Log.Warn("more was said during the outage than is read", "channel", c.channel, "messages", len(all))
	return all, nil
}

// take stores messages in the form in which events bring them. Those that came
// as events are known by their ids.
func (c *catcher) take(ctx context.Context, messages []json.RawMessage) error {
	var batch normalize.Batch
	for _, raw := range messages {
		var m map[string]json.RawMessage
		ts := headOf(raw).TS
		if json.Unmarshal(raw, &m) != nil || !c.new(ts) {
			continue
		}
		if at, _ := parseTS(ts); at.After(c.known) {
			c.said++
		}
		m["channel"] = json.RawMessage(`"` + c.channel + `"`)
		event, err := json.Marshal(m)
		if err != nil {
			return err
		}
		payload, err := json.Marshal(map[string]any{
			"type": "event_callback", "team_id": c.who.TeamID, "event": json.RawMessage(event), "event_id": "history/" + c.channel + ":" + ts,
			"authorizations": []any{map[string]any{
				"team_id": c.who.TeamID, "enterprise_id": c.who.EnterpriseID, "user_id": c.who.UserID, "is_bot": true,
			}},
		})
		if err != nil {
			return err
		}
		batch.Inputs = append(batch.Inputs, normalize.Input{
			Key: "history/" + c.channel + ":" + ts, Raw: payload, ContentType: "application/json",
			Meta: map[string]string{metaEnvelope: envelopeEvent}, ReceivedAt: c.deps.Clock.Now(),
		})
	}
	if len(batch.Inputs) == 0 {
		return nil
	}
	c.name(ctx, batch.Inputs)
	return c.src.Sink(ctx, batch)
}

// ask calls a method that changes nothing, for an answer that the SDK would
// take apart. Where Slack asks to slow down it waits.
func (s *Slack) ask(ctx context.Context, method string, form url.Values, answer any) error {
	for {
		err := s.askOnce(ctx, method, form, answer)
		e := connectors.Classify(err)
		if err == nil || e.Class != connectors.Throttled {
			return err
		}
		if err := pause(ctx, min(max(e.RetryAfter, time.Second), catchAgain)); err != nil {
			return err
		}
	}
}

func (s *Slack) askOnce(ctx context.Context, method string, form url.Values, answer any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.endpoint()+method, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer "+s.cfg.BotToken.Reveal())
	resp, err := wire{s.http}.Do(r)
	if err != nil {
		return asking(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		e := answered(resp.StatusCode, false)
		if wait, named := kit.RetryAfter(resp.Header, s.deps.Clock.Now()); named {
			e.RetryAfter = wait
		}
		return e
	}
	var whole json.RawMessage
	if err := json.NewDecoder(resp.Body).Decode(&whole); err != nil {
		return asking(err)
	}
	var status slack.SlackResponse
	if err := json.Unmarshal(whole, &status); err != nil {
		return asking(err)
	}
	if !status.Ok {
		return refused(slack.SlackErrorResponse{Err: status.Error, Needed: status.Needed}, false)
	}
	if err := json.Unmarshal(whole, answer); err != nil {
		return asking(err)
	}
	return nil
}
