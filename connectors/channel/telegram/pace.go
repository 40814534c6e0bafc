package telegram

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What Telegram lets a bot say within one chat
// (https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this):
// one message a second, 20 a minute in a group, and short bursts. Its 429 would
// hold up all other chats, too.
const (
	chatGap    = time.Second
	chatBurst  = 5
	groupGap   = 3500 * time.Millisecond
	groupBurst = 3

	pacedChats = 1000
)

// pacer keeps the messages to one chat apart. The zero value is ready.
type pacer struct {
	mu    sync.Mutex
	chats map[int64]*rate.Limiter
}

// wait returns when the next message may go to a chat; groups have negative
// ids.
func (p *pacer) wait(ctx context.Context, chat int64) error { return p.of(chat).Wait(ctx) }

func (p *pacer) of(chat int64) *rate.Limiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.chats[chat]; l != nil {
		return l
	}
	if len(p.chats) >= pacedChats {
		for id, l := range p.chats {
			if l.Tokens() >= float64(l.Burst()) { // it was silent for some time
				delete(p.chats, id)
			}
		}
	}
	if p.chats == nil {
		p.chats = map[int64]*rate.Limiter{}
	}
	l := rate.NewLimiter(rate.Every(chatGap), chatBurst)
	if chat < 0 {
		l = rate.NewLimiter(rate.Every(groupGap), groupBurst)
	}
	p.chats[chat] = l
	return l
}
