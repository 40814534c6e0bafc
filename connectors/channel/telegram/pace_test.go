package telegram

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Messages to one chat keep Telegram's pace, so that it never has to ask the
// whole bot to slow down; other chats do not wait.
func TestEachChatHasItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pacer
		took := func(chat int64, messages int) time.Duration {
			begun := time.Now()
			for range messages {
				if err := p.wait(t.Context(), chat); err != nil {
					t.Fatal(err)
				}
			}
			return time.Since(begun)
		}
		if d := took(1, chatBurst); d != 0 {
			t.Errorf("a short burst took %v", d)
		}
		if d := took(1, 10); d != 10*time.Second {
			t.Errorf("ten more took %v", d)
		}
		if d := took(2, 1); d != 0 {
			t.Errorf("another chat waited for %v", d)
		}
		if d := took(-1, 20); d < 59*time.Second || d > time.Minute {
			t.Errorf("20 messages to a group took %v, want a minute", d)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.wait(ctx, -1); err == nil {
			t.Error("it waits on though its context has ended")
		}
		for chat := range int64(3 * pacedChats) {
			took(chat+10, 1)
			time.Sleep(chatGap)
		}
		if n := len(p.chats); n > pacedChats+1 {
			t.Errorf("%d chats are kept in mind", n)
		}
	})
}
