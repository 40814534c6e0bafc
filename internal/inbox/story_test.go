package inbox_test

import (
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// take puts items onto timelines as a channel would.
func (r *rig) take(items ...normalize.Item) {
	r.t.Helper()
	now := r.at.Now()
	in := timeline.Ingest{Account: "support", Now: now, IdleTimeout: time.Hour}
	for _, item := range items {
		r.sent++
		key := "direct" + normalize.NewID(now).String()
		in.Entries = append(in.Entries, timeline.Entry{Outcome: normalize.Accepted, Item: item, Input: timeline.Raw{
			Key: key, ReceivedAt: now, Size: int64(len(key)), Digest: sha256.Sum256([]byte(key)), Data: []byte(key),
		}})
	}
	results, err := timeline.Commit(r.t.Context(), r.app.Store(), in)
	if err != nil {
		r.t.Fatal(err)
	}
	for i, res := range results {
		if res.Outcome != normalize.Accepted {
			r.t.Fatalf("item %d: %s %s", i, res.Outcome, res.Reason)
		}
	}
}

func TestEverythingThatCanComeIsShown(t *testing.T) {
	r := newRig(t)
	now := time.Now().UTC()
	said := func(id, text string, parts ...normalize.Part) *normalize.Message {
		m := &normalize.Message{
			Direction: normalize.Inbound, Address: normalize.Email("wei@example.test", "Wei"), ExternalID: id, Text: text, FullText: text,
			SentAt: now, ReceivedAt: now, Parts: parts, Thread: normalize.Thread{Key: "one"},
			ReplyWindow: &normalize.ReplyWindow{Until: now.Add(2*time.Hour + 30*time.Minute), Remaining: 3},
		}
		if text != "" && len(parts) == 0 {
			m.Parts = []normalize.Part{{Kind: normalize.PartText, Text: text}}
		}
		return m
	}
	quoted := said("q", "Yes, please.")
	quoted.FullText = "Yes, please.\n\n> Shall we send it?"
	quoted.Parts[0].Text = quoted.FullText
	r.take(
		said("a", "", normalize.Part{Kind: normalize.PartLocation, Location: &normalize.Location{Latitude: 48.2, Longitude: 16.37, Name: "Stephansplatz"}}),
		said("b", "", normalize.Part{Kind: normalize.PartCall, Call: &normalize.Call{State: normalize.CallEnded, Duration: 83}}),
		said("c", "", normalize.Part{Kind: normalize.PartContact, Contact: &normalize.Contact{Name: "Bo", Addresses: []normalize.Address{normalize.Email("bo@example.test", "")}}}),
		said("d", "I write this wrnog"), said("e", "I take this back"), said("f", "nice"), quoted,
	)
	r.take(
		&normalize.Edit{Target: "d", Text: "I write this right", At: now}, &normalize.Delete{Target: "e", At: now},
		&normalize.Reaction{Target: "f", From: normalize.Email("wei@example.test", "Wei"), Emoji: "\U0001F44D", At: now},
	)
	m := r.received(7)
	in := r.login()
	code, page, _ := get(t, in, r.url+"c/"+m.ConversationID.String())
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, page)
	}
	for what, want := range map[string]string{
		"a map": `openstreetmap.org/?mlat=48.200000&amp;mlon=16.370000`, "its name": "Stephansplatz", "a call": "Call · 1:23", "a card": "bo@example.test",
		"an edit": "I write this right", "its mark": "edited", "a deletion": "Message was taken back", "a reaction": "\U0001F44D",
		"what is new": `<p class="text" dir="auto">Yes, please.</p>`, "the fold": "With what was quoted", "the quote": "&gt; Shall we send it?",
		"the window": "answer within 2 h ", "what is left of it": "min · 3 left",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is not shown: %q", what, want)
		}
	}
	if strings.Contains(page, "wrnog") {
		t.Error("what was replaced is shown")
	}
	_, list, _ := get(t, in, r.url+"list?q=WEI")
	if !strings.Contains(list, "3 left") || !strings.Contains(list, "waiting") {
		t.Errorf("the list: %s", list)
	}
	if _, list, _ = get(t, in, r.url+"list?q=nobody"); !strings.Contains(list, "Nothing found.") {
		t.Errorf("a search for nobody: %s", list)
	}
	if _, list, _ = get(t, in, r.url+"list?state=closed"); strings.Contains(list, "Wei") {
		t.Error("an open conversation is among the closed ones")
	}
}
