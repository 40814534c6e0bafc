package e2e

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/vendors"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

const (
	stormMessages = 2000 // each way
	// stormCustomers are those of each channel: so many that none gets more
	// answers than one message allows on the channel that allows least.
	stormCustomers = 100
	stormKills     = 3
)

// storm is customers writing on all channels at once, while vendors fail in
// turn and the daemon is killed. Message i is on line i modulo their number;
// it and its answer have a mark that nothing else has, and one in eight of each
// is a picture that holds it.
type storm struct {
	*rig
	town     *vendors.Town
	answered atomic.Int64
	doubts   atomic.Int64      // answers whose fate the daemon was not told
	over     chan struct{}     // closed when all has been written and answered
	words    map[string]string // of pictures that were looked at, by message or link
}

func (s *storm) line(i int) *vendors.Line { return s.town.Lines[i%len(s.town.Lines)] }

func (s *storm) customer(i int) int { return i / len(s.town.Lines) % stormCustomers }

// pictured tells that message i is a picture, and so is its answer.
func (s *storm) pictured(i int) bool { return i/len(s.town.Lines)%8 == 3 }

var marked = regexp.MustCompile(`^(question|answer) mark (\d+) end$`)

// mark returns which message a text is, and fails the test for one that nobody
// wrote.
func (s *storm) mark(text string) (answer bool, i int) {
	m := marked.FindStringSubmatch(text)
	if m == nil {
		s.t.Errorf("nobody wrote %q", text)
		return false, 0
	}
	i, err := strconv.Atoi(m[2])
	if err != nil || i >= stormMessages {
		s.t.Errorf("nobody wrote %q", text)
		return false, 0
	}
	return m[1] == "answer", i
}

// write lets all customers write, several of each channel at once.
func (s *storm) write() {
	const writers = 4
	lines := len(s.town.Lines)
	var wg sync.WaitGroup
	for w := range writers * lines {
		wg.Go(func() {
			for i := w; i < stormMessages; i += writers * lines {
				words := fmt.Sprintf("question mark %d end", i)
				say := func() error { return s.line(i).Write(s.t.Context(), s.customer(i), words) }
				if s.pictured(i) {
					say = func() error { return s.line(i).Show(s.t.Context(), s.customer(i), picture(words)) }
				}
				if err := say(); err != nil {
					s.t.Errorf("the daemon has not taken message %d on %s: %v", i, s.line(i).Name, err)
				}
			}
		})
	}
	wg.Wait()
}

// answerAll has agents answer each message that the helpdesk gets.
func (s *storm) answerAll() {
	const agents = 8
	todo := make(chan event)
	var wg sync.WaitGroup
	for range agents {
		wg.Go(func() {
			for e := range todo {
				s.answer(e)
			}
		})
	}
	known := map[string]bool{}
	for next, end := 0, time.Now().Add(2*testenv.Patience); len(known) < stormMessages && time.Now().Before(end); {
		got := s.desk.received("message.received")
		for _, e := range got[next:] {
			switch {
			case known[e.Data.ID]:
			case e.Data.Text == "":
				wg.Go(func() { s.answer(e) }) // the picture has to be fetched first
			default:
				todo <- e
			}
			known[e.Data.ID] = true
		}
		next = len(got)
		time.Sleep(20 * time.Millisecond)
	}
	close(todo)
	wg.Wait()
	if len(known) < stormMessages {
		s.t.Errorf("the helpdesk has %d of %d messages", len(known), stormMessages)
	}
}

// answer repeats its request until it is taken, as agents' programs do.
func (s *storm) answer(e event) {
	_, i := s.mark(s.mustSay(e.Data))
	body := map[string]any{}
	for words := fmt.Sprintf("answer mark %d end", i); len(body) == 0 && s.t.Context().Err() == nil; {
		if !s.pictured(i) {
			body["text"] = words
		} else if file, err := s.upload(picture(words)); err == nil {
			body["attachments"] = []string{file}
		} else {
			time.Sleep(50 * time.Millisecond)
		}
	}
	for {
		status, err := s.call("POST", "/v1/conversations/"+e.Data.ConversationID+"/messages", body, nil, "Idempotency-Key", fmt.Sprintf("storm-%06d", i))
		switch {
		case err == nil:
			s.answered.Add(1)
			return
		case status >= 400 && status < 500 || s.t.Context().Err() != nil:
			s.t.Errorf("answer %d on %s was refused: %v", i, s.line(i).Name, err)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// trouble makes all troubles of a line, one after the other, until the storm
// is over.
func (s *storm) trouble(l *vendors.Line) {
	all := []vendors.Trouble{vendors.Lose, vendors.Repeat, vendors.Throttle, vendors.Deaf, vendors.Fail, vendors.Shuffle}
	for i := 0; ; i++ {
		select {
		case <-s.over:
			return
		case <-time.After(500 * time.Millisecond):
		}
		kind := all[i%len(all)]
		strike := l.Troubles[kind]
		if strike == nil {
			continue
		}
		if kind == vendors.Lose || kind == vendors.Fail {
			s.doubts.Add(1)
		}
		strike()
	}
}

// kills kills the daemon while agents are answering, and starts it again.
func (s *storm) kills() {
	for k := range stormKills {
		testenv.WaitFor(s.t, 2*testenv.Patience, "the time of the next kill", func() bool {
			return s.answered.Load() > int64(stormMessages*(2*k+1)/(2*stormKills+2))
		})
		s.kill()
		s.startOnly()
	}
}

// TestNothingIsLostOrDoubledInAStorm: 2,000 messages in and 2,000 answers out
// over all channels at once, words and pictures, through all that vendors do
// wrong and three power cuts. What the vendors recorded and the timelines agree message by message.
func TestNothingIsLostOrDoubledInAStorm(t *testing.T) {
	engines(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		// Slack and Telegram are asked on one store, and call on the other.
		r, town := newTown(t, storeURL, vendors.Options{Calls: strings.HasSuffix(t.Name(), "postgres")})
		r.start()
		s := &storm{rig: r, town: town, over: make(chan struct{}), words: map[string]string{}}
		begun := time.Now()
		var wg, weather sync.WaitGroup
		for _, l := range town.Lines {
			weather.Go(func() { s.trouble(l) })
		}
		wg.Go(s.write)
		wg.Go(s.answerAll)
		s.kills()
		wg.Wait()
		close(s.over)
		weather.Wait()
		for _, l := range town.Lines {
			l.Calm()
		}
		t.Logf("written and answered after %v", time.Since(begun).Round(time.Second))
		for end := time.Now().Add(testenv.Patience); !s.settled() && time.Now().Before(end); {
			time.Sleep(2 * time.Second) // it reads all timelines
		}
		t.Logf("settled after %v", time.Since(begun).Round(time.Second))
		s.compare()
		r.stop()
	})
}
