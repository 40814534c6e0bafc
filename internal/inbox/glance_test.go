package inbox_test

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
)

// Nobody waits who blocked or opened a chat since they were answered, and who
// was not answered waits all the same.
func TestEventsAreNothingToAnswer(t *testing.T) {
	r := newRig(t)
	now := time.Now().UTC()
	says := func(who, text string) *normalize.Message {
		return &normalize.Message{
			Direction: normalize.Inbound, Address: normalize.Email(who+"@example.test", who), ExternalID: who + text, Text: text, FullText: text,
			SentAt: now, ReceivedAt: now, Thread: normalize.Thread{Key: who}, Parts: []normalize.Part{{Kind: normalize.PartText, Text: text}},
		}
	}
	answer := func(who, text string) *normalize.Message {
		m := says(who, text)
		m.Direction = normalize.Outbound
		return m
	}
	blocks := func(who string) *normalize.Message {
		m := says(who, "has blocked the bot")
		m.Parts[0].Kind, m.Parts[0].Event, m.Thread.Quiet = normalize.PartEvent, "blocked", true
		return m
	}
	r.take(says("Wei", "Hi"), answer("Wei", "Hello"), blocks("Wei"))
	r.take(says("Bea", "Hello?"), blocks("Bea"))
	in := r.login()
	for who, want := range map[string]bool{"Wei": false, "Bea": true} {
		_, list, _ := get(t, in, r.url+"list?q="+who)
		if strings.Contains(list, "waiting") != want || !strings.Contains(list, "has blocked the bot") {
			t.Errorf("%s waits is not %t: %s", who, want, list)
		}
	}
}

// A picture that comes late does not push the end out of sight.
func TestTheEndStaysInSight(t *testing.T) {
	r, b := newRig(t), testenv.StartBrowser(t)
	r.write("Broken kettle", "text/plain", strings.Repeat("It leaks.\r\n", 60))
	m := r.received(1)
	var tall bytes.Buffer
	if err := png.Encode(&tall, image.NewGray(image.Rect(0, 0, 20, 300))); err != nil {
		t.Fatal(err)
	}
	enter(b, r)
	b.Open(r.url + "c/" + m.ConversationID.String())
	b.Wait("the script", `document.querySelector("time").title`)
	in := r.login()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"file?name=x.png", &tall)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "image/png")
	_, body, _ := do(t, in, req)
	_, id, _ := strings.Cut(body, `"id":"`)
	id, _, _ = strings.Cut(id, `"`)
	form := url.Values{"text": {"So it should look."}, "key": {"k"}, "file": {id}}
	if code, body, _ := post(t, in, r.url+"c/"+m.ConversationID.String()+"/answer", map[string]string{"X-Inbox": "1"}, form); code != http.StatusNoContent {
		t.Fatalf("%d %s", code, body)
	}
	b.Wait("the picture, with the end in sight", `(() => { const s = document.getElementById("scroll"), i = s.querySelector(".message.out img");
		return i?.complete && i.naturalHeight === 300 && s.scrollHeight - s.scrollTop - s.clientHeight < 5; })()`)
}
