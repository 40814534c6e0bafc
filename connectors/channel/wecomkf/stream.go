package wecomkf

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
	"github.com/deskbridge/deskbridge/normalize"
)

const (
	// lookEvery is how often the store is looked at for calls that another
	// node took.
	lookEvery = 2 * time.Second
	// slowly is the pause between two pages that are pulled without a token.
	slowly = 2 * time.Second
)

// puller reads one customer service account.
type puller struct {
	w    *WecomKf
	src  channel.Source
	kfID string
	// seen is the call that was answered last by a pull that ended well, and
	// pulled is when that was.
	seen   string
	pulled time.Time
	limit  int
	// patience is how long WeCom wants not to be asked without a call.
	patience time.Duration
	// broken tells that WeCom refused the account, of which was told once.
	broken bool
}

// Stream pulls what is new: after each call of WeCom, whichever node took it,
// and every poll_interval besides. One account that WeCom refuses does not
// hold up the others, but the whole then no longer counts as alive.
func (w *WecomKf) Stream(ctx context.Context, src channel.Source) error {
	var pullers []*puller
	for _, id := range w.cfg.OpenKfIDs {
		pullers = append(pullers, &puller{w: w, src: src, kfID: id, limit: w.perPage})
	}
	tick := time.NewTicker(w.look)
	defer tick.Stop()
	for {
		whole, asked := true, false
		for _, p := range pullers {
			did, err := p.turn(ctx)
			if err != nil {
				return err
			}
			asked, whole = asked || did, whole && !p.broken
		}
		if asked && whole {
			src.Alive()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-src.Woken():
		case <-tick.C:
		}
	}
}

// turn pulls if there was a call, or if the last pull was long ago.
func (p *puller) turn(ctx context.Context) (asked bool, err error) {
	called, err := p.src.Cursor(ctx, tokenKey(p.kfID))
	if err != nil {
		return false, connectors.Errorf(connectors.Transient, "store", "the store cannot be read: %w", err)
	}
	if called == p.seen && !p.pulled.IsZero() && time.Since(p.pulled) < max(p.w.cfg.PollInterval, p.patience) {
		return false, nil
	}
	p.pulled, p.patience = time.Now(), 0
	call := parseCallToken(called)
	uncalled := call.good(p.w.deps.Clock.Now()) == ""
	err = p.pull(ctx, call)
	if e := connectors.Classify(err); err != nil {
		switch {
		case e.Class == connectors.Throttled && uncalled:
			// WeCom limits strictly who asks without having been called, and
			// not those accounts for which it has just called.
			p.patience = e.RetryAfter
		case e.Class != connectors.Rejected:
			return true, err
		}
		// It is about this account alone. Each call is tried anew, and
		// otherwise every poll_interval.
		if !p.broken {
			p.w.deps.Log.Warn("WeCom refuses a customer service account; the others go on", "open_kfid", p.kfID, "err", e)
		}
		p.broken = true
		p.seen = called
		return true, nil
	}
	p.broken, p.seen = false, called
	return true, nil
}

// pull takes in page after page until WeCom has no more.
func (p *puller) pull(ctx context.Context, call callToken) error {
	cursor, err := p.src.Cursor(ctx, syncKey(p.kfID))
	if err != nil {
		return connectors.Errorf(connectors.Transient, "store", "the store cannot be read: %w", err)
	}
	token := call.good(p.w.deps.Clock.Now())
	for {
		page, err := p.page(ctx, cursor, token)
		if err != nil {
			switch code := connectors.Classify(err).Code; {
			case code == codeBadToken && token != "":
				// It ran out on the way. The cursor is what counts.
				if token, err = p.fresh(ctx, token); err != nil {
					return err
				}
				continue
			case code == codeBadRequest && cursor != "":
				cursor = ""
				if token, err = p.anew(ctx, token); err != nil {
					return err
				}
				continue
			}
			return err
		}
		page.Next = cmp.Or(page.Next, cursor)
		moved := page.Next != cursor
		if moved || len(page.List) > 0 {
			b := page.batch(p.kfID, p.w.deps.Clock.Now())
			if err := p.src.Sink(ctx, b); err != nil {
				return err
			}
			if err := p.w.greet(ctx, p.src, page.List); err != nil {
				return err
			}
		}
		// A page may be empty and there be more; one that also leads nowhere
		// would lead there for ever.
		if page.More == 0 || !moved {
			return nil
		}
		cursor = page.Next
		if token == "" && !pause(ctx, p.w.slowly) {
			return context.Cause(ctx)
		}
	}
}

// anew forgets how far an account was read, which WeCom does not know, and
// returns the token to go on with. The cursor is all that we did not make up
// ourselves; without one WeCom begins three days ago, and the store knows what
// it has. That is committed first: should WeCom ask for patience now, as it does
// where two requests without a token follow each other, the next pull would
// else fail again as this one did.
func (p *puller) anew(ctx context.Context, token string) (string, error) {
	p.w.deps.Log.Warn("WeCom does not know how far we had read; reading the last three days again", "open_kfid", p.kfID)
	if err := p.src.Sink(ctx, normalize.Batch{Cursors: []normalize.Cursor{{Key: syncKey(p.kfID)}}}); err != nil {
		return "", err
	}
	if token != "" {
		return token, nil
	}
	token, err := p.fresh(ctx, "")
	if err == nil && token == "" && !pause(ctx, p.w.slowly) {
		err = context.Cause(ctx)
	}
	return token, err
}

// fresh returns the token of WeCom's latest call where that is still good and
// another one than the one that was used, or "".
func (p *puller) fresh(ctx context.Context, used string) (string, error) {
	called, err := p.src.Cursor(ctx, tokenKey(p.kfID))
	if err != nil {
		return "", connectors.Errorf(connectors.Transient, "store", "the store cannot be read: %w", err)
	}
	token := parseCallToken(called).good(p.w.deps.Clock.Now())
	if token == used {
		return "", nil
	}
	return token, nil
}

// page asks for one page. What is too large to be read is asked for again in
// smaller pieces, so that a few huge entries cannot hold up all that come after
// them.
func (p *puller) page(ctx context.Context, cursor, token string) (page, error) {
	for {
		got, err := p.w.sync(ctx, p.kfID, cursor, token, p.limit)
		switch {
		case err == nil:
			p.limit = min(2*p.limit, p.w.perPage)
			return got, nil
		case !errors.Is(err, tencent.ErrTooLarge) || p.limit == 1:
			return got, err
		}
		p.limit /= 2
	}
}

// pause returns false if ctx ended before d was over.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
