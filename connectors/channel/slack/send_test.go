package slack_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/channel/slack"
	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/slack"
	"github.com/deskbridge/deskbridge/normalize"
)

// aThread that Marie began in the shared channel.
func (r *rig) aThread(t *testing.T) (normalize.Thread, string) {
	t.Helper()
	ts := r.slack.Say(simulator.Post{Channel: shared, User: marie.ID, Text: "Hello"})
	return normalize.Thread{ID: shared + ":" + ts, Key: shared + ":" + ts}, ts
}

func TestAnswersGoIntoTheThread(t *testing.T) {
	r := open(t, simulator.Options{}, nil)
	th, ts := r.aThread(t)
	part := normalize.Part{Kind: normalize.PartText, Text: "See the shop for <all>", HTML: `<b>See</b> <a href="https://shop.example/">the shop</a> for &lt;all&gt;`}
	sent, err := r.Send(t.Context(), answer("key-1", th, part, nil))
	if err != nil {
		t.Fatal(err)
	}
	got := r.slack.Record()
	if len(got) != 1 || got[0].Thread != ts || got[0].Channel != shared || got[0].Key != "key-1" || sent.ExternalID != shared+":"+got[0].TS {
		t.Fatalf("%+v, id %s", got, sent.ExternalID)
	}
	if want := "*See* <https://shop.example/|the shop> for &lt;all&gt;"; got[0].Text != want {
		t.Errorf("text %q, want %q", got[0].Text, want)
	}
}

func TestAnAgentWritesFirst(t *testing.T) {
	r := open(t, simulator.Options{}, nil)
	a, err := r.Address(" T07ACME:U07MARIE ")
	if err != nil || a.Kind != slack.KindSlack {
		t.Fatal(a, err)
	}
	if _, err := r.Address("marie@acme.example"); err == nil {
		t.Error("a mail address was taken")
	}
	o := answer("key-1", normalize.Thread{}, say("Your order is ready"), nil)
	if err := r.Prepare(o.Message, nil); err != nil || o.Message.Thread.Key != "im" {
		t.Fatalf("%+v, %v", o.Message.Thread, err)
	}
	sent, err := r.Send(t.Context(), o)
	if err != nil || !strings.HasPrefix(sent.ExternalID, simulator.Direct(marie.ID)+":") {
		t.Fatalf("%+v, %v", sent, err)
	}
	// Her answer continues the conversation.
	r.stream(t)
	r.slack.Say(simulator.Post{User: marie.ID, Text: "Thanks"})
	r.settled(t)
	if m := r.src.messages[0]; m.Thread.Key != "im" || m.Address.Value != a.Value {
		t.Errorf("%+v", m)
	}
	r.slack.AddUser(simulator.User{ID: marie.ID, Team: marie.Team, Closed: true})
	_, err = r.Send(t.Context(), answer("key-2", normalize.Thread{Key: "im"}, say("Still there?"), nil))
	if e := connectors.Classify(err); e.Class != connectors.Unreachable || e.Code != "user_disabled" {
		t.Errorf("%v", err)
	}
}

func TestAFileIsUploadedAndShown(t *testing.T) {
	r := open(t, simulator.Options{}, nil)
	th, ts := r.aThread(t)
	content := []byte("%PDF-1.4\n%%EOF\n")
	part := normalize.Part{
		Kind: normalize.PartFile, Text: "the label",
		Media: &normalize.Media{Name: "../label.pdf", ContentType: "application/pdf", Size: int64(len(content))},
	}
	sent, err := r.Send(t.Context(), answer("key-1", th, part, content))
	if err != nil {
		t.Fatal(err)
	}
	got := r.slack.Record()
	if len(got) != 1 || got[0].Thread != ts || got[0].Text != "the label" || len(got[0].Files) != 1 || sent.ExternalID != shared+":"+got[0].TS {
		t.Fatalf("%+v, id %s", got, sent.ExternalID)
	}
	if f := got[0].Files[0]; f.Name != "label.pdf" || f.Title != "label.pdf" || string(f.Content) != string(content) {
		t.Errorf("%+v", f)
	}
	if err := r.Recall(t.Context(), nil, sent.ExternalID); err != nil {
		t.Error(err)
	}
	if !r.slack.Record()[0].Deleted {
		t.Error("it was not taken back")
	}
	if err := r.Recall(t.Context(), nil, sent.ExternalID); err != nil {
		t.Errorf("taken back twice: %v", err)
	}
}

// What may have been sent is found again by our mark.
func TestAnUncertainSendIsResolved(t *testing.T) {
	file := normalize.Part{Kind: normalize.PartImage, Media: &normalize.Media{Name: "a.png", Size: 4}}
	for name, c := range map[string]struct {
		part   normalize.Part
		path   string
		kind   fault.Kind
		direct bool
		found  bool
	}{
		"text taken, answer lost":           {say("one"), "chat.postMessage", fault.Lose, false, true},
		"direct message taken, answer lost": {say("one"), "chat.postMessage", fault.Lose, true, true},
		"text not taken":                    {say("one"), "chat.postMessage", fault.Cut, false, false},
		"text taken, answer never":          {say("one"), "chat.postMessage", fault.Hang, false, true},
		"file shown, answer lost":           {file, "files.completeUploadExternal", fault.Lose, false, true},
		"file not shown":                    {file, "files.completeUploadExternal", fault.Cut, false, false},
		"slow answer":                       {say("one"), "chat.postMessage", fault.SlowBody, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t, simulator.Options{}, nil)
			th, _ := r.aThread(t)
			if c.direct {
				th = normalize.Thread{Key: "im"}
			}
			r.slack.Faults.Add(fault.Fault{Kind: c.kind, Path: c.path, Delay: time.Minute})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if c.kind == fault.Hang || c.kind == fault.SlowBody { // until Slack has it
				go func() {
					if r.slack.WaitFor(ctx, func() bool { return len(r.slack.Record()) == 1 }) == nil {
						cancel()
					}
				}()
			}
			o := answer("key-1", th, c.part, []byte("\x89PNG"))
			o.Begun = time.Now()
			_, err := r.Send(ctx, o)
			if e := connectors.Classify(err); err == nil || e.Class != connectors.Ambiguous {
				t.Fatalf("%v", err)
			}
			if time.Since(o.Begun) > 10*time.Second {
				t.Error("it went on after its context had ended")
			}
			sent, found, err := r.Resolve(t.Context(), o)
			if err != nil || found != c.found {
				t.Fatalf("found %v, %v", found, err)
			}
			record := r.slack.Record()
			if (len(record) == 1) != c.found {
				t.Fatalf("Slack has %+v", record)
			}
			if found && sent.ExternalID != record[0].Channel+":"+record[0].TS {
				t.Errorf("found %s, it is %+v", sent.ExternalID, record[0])
			}
			other := answer("key-2", th, c.part, nil)
			if _, found, _ := r.Resolve(t.Context(), other); found {
				t.Error("another one's message was found")
			}
		})
	}
}

// Faults before the request that counts leave nothing in doubt.
func TestWhatFailsBeforeIsTriedAgain(t *testing.T) {
	file := normalize.Part{Kind: normalize.PartImage, Media: &normalize.Media{Name: "a.png", Size: 4}}
	for name, f := range map[string]fault.Fault{
		"no place to upload to": {Kind: fault.Refuse, Path: "files.getUploadURLExternal", Status: 500},
		"the upload is cut":     {Kind: fault.Cut, Path: "/upload/"},
		"the upload is refused": {Kind: fault.Refuse, Path: "/upload/", Status: 502},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t, simulator.Options{}, nil)
			th, _ := r.aThread(t)
			r.slack.Faults.Add(f)
			o := answer("key-1", th, file, []byte("\x89PNG"))
			if _, err := r.Send(t.Context(), o); connectors.Classify(err).Class != connectors.Transient {
				t.Fatalf("%v", err)
			}
			if _, err := r.Send(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if n := len(r.slack.Record()); n != 1 {
				t.Errorf("%d messages", n)
			}
		})
	}
}

func TestOneMessageASecondIntoAChannel(t *testing.T) {
	r := open(t, simulator.Options{PerChannel: time.Second}, nil)
	th, _ := r.aThread(t)
	began := time.Now()
	for i := range 3 {
		if _, err := r.Send(t.Context(), answer(string(rune('a'+i)), th, say("x"), nil)); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < 1900*time.Millisecond {
		t.Errorf("three messages within %v", took)
	}
	// Another channel does not wait: not each time.
	best := time.Hour
	for i := range 5 {
		if _, err := r.Send(t.Context(), answer(string(rune('f'+i)), th, say("x"), nil)); err != nil {
			t.Fatal(err)
		}
		began = time.Now()
		if _, err := r.Send(t.Context(), answer(string(rune('p'+i)), normalize.Thread{Key: "im"}, say("x"), nil)); err != nil {
			t.Fatal(err)
		}
		if best = min(best, time.Since(began)); best < 900*time.Millisecond {
			break
		}
	}
	if best >= 900*time.Millisecond {
		t.Errorf("another channel waits for %v", best)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Send(ctx, answer("e", th, say("x"), nil)); connectors.Classify(err).Class != connectors.Transient {
		t.Errorf("cancelled while waiting: %v", err)
	}
}

func TestFilesOfCustomersAreFetchedFromSlackAlone(t *testing.T) {
	r := open(t, quick, nil)
	r.stream(t)
	r.slack.Say(simulator.Post{Channel: shared, User: marie.ID, Text: "here", Files: []simulator.File{
		{Name: "a.png", ContentType: "image/png", Content: []byte("\x89PNG1")},
		{Name: "b.pdf", ContentType: "application/pdf", Content: []byte("%PDF-2"), Ask: true},
	}})
	r.settled(t)
	parts := r.src.messages[0].Parts
	if len(parts) != 3 {
		t.Fatalf("%+v", parts)
	}
	for i, want := range []channel.Fetched{{ContentType: "image/png"}, {Name: "b.pdf", ContentType: "application/pdf"}} {
		f, err := r.Fetch(t.Context(), parts[i+1].Media.Ref)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(f.Body)
		f.Body.Close()
		if err != nil || len(b) != int(f.Size) || f.ContentType != want.ContentType || f.Name != want.Name {
			t.Errorf("%q, %+v, %v", b, f, err)
		}
	}
	for _, ref := range []string{
		"https://evil.example/files-pri/x", "http://files.slack.com/x", "https://slack.com.evil.example/x", "https://user@files.slack.com/x",
		"https://127.0.0.1/x", "file:///etc/passwd", "%%", "",
	} {
		if _, err := r.Fetch(t.Context(), ref); connectors.Classify(err).Class != connectors.Rejected {
			t.Errorf("%s: %v", ref, err)
		}
	}
	for _, c := range []struct {
		fault fault.Fault
		want  connectors.Class
	}{
		{fault.Fault{Kind: fault.Refuse, Status: 404}, connectors.Rejected},
		{fault.Fault{Kind: fault.Refuse, Status: 403}, connectors.Rejected},
		{fault.Fault{Kind: fault.Refuse, Status: 500}, connectors.Transient},
		{fault.Fault{Kind: fault.Refuse, Status: 429, RetryAfter: 3 * time.Second}, connectors.Throttled},
		{fault.Fault{Kind: fault.Cut, Times: 5}, connectors.Transient},
	} {
		c.fault.Path = "/files-pri/"
		r.slack.Faults.Clear()
		r.slack.Faults.Add(c.fault)
		if _, err := r.Fetch(t.Context(), parts[1].Media.Ref); connectors.Classify(err).Class != c.want {
			t.Errorf("%s %d: %v", c.fault.Kind, c.fault.Status, err)
		}
	}
	r.slack.Faults.Clear()
	// Without the right to it one is led to the page for signing in.
	r.slack.Revoke()
	if _, err := r.Fetch(t.Context(), parts[1].Media.Ref); connectors.Classify(err).Class != connectors.Rejected {
		t.Errorf("%v", err)
	}
}

func TestProfiles(t *testing.T) {
	jonas := normalize.Address{Kind: slack.KindSlack, Value: "T0DESK:U02JONAS"}
	for _, trusted := range []bool{false, true} {
		r := open(t, simulator.Options{}, func(c *slack.Config) { c.TrustedWorkspace = trusted })
		p, err := r.Profile(t.Context(), normalize.Address{Kind: slack.KindSlack, Value: "T07ACME:U07MARIE"})
		if err != nil || p.Name != "Marie Curie" || len(p.Evidence) != 1 || p.Evidence[0].Verified || p.Evidence[0].Address.Value != "marie@acme.example" {
			t.Errorf("trusted %v: %+v, %v", trusted, p, err)
		}
		p, err = r.Profile(t.Context(), jonas)
		if err != nil || len(p.Evidence) != 1 || p.Evidence[0].Verified != trusted {
			t.Errorf("trusted %v: %+v, %v", trusted, p, err)
		}
		if _, err = r.Profile(t.Context(), normalize.Address{Kind: slack.KindSlack, Value: "T1:U1"}); connectors.Classify(err).Class != connectors.Unreachable {
			t.Errorf("%v", err)
		}
	}
}

func TestProbe(t *testing.T) {
	r := open(t, simulator.Options{}, nil)
	us, err := r.Probe(t.Context())
	if err != nil || us.Value != "T0DESK:U0DESKBOT" {
		t.Errorf("%v, %v", us, err)
	}
	r.slack.AddChannel(simulator.Channel{ID: shared, Without: true})
	if _, err = r.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "/invite") {
		t.Errorf("%v", err)
	}
	wrong := open(t, simulator.Options{}, func(c *slack.Config) { c.BotToken = "xoxb-wrong" })
	if _, err = wrong.Probe(t.Context()); connectors.Classify(err).Class != connectors.AccountDown || strings.Contains(err.Error(), "xoxb-wrong") {
		t.Errorf("%v", err)
	}
}

func TestSettings(t *testing.T) {
	kind, _ := channel.Kinds.Get(slack.Type)
	for want, change := range map[string]func(*slack.Config){
		"":               func(*slack.Config) {},
		"app_token":      func(c *slack.Config) { c.AppToken = "" },
		"signing_secret": func(c *slack.Config) { c.Mode = "events" },
		"listen_to":      func(c *slack.Config) { c.ListenTo = []string{"#general"} },
		"staff":          func(c *slack.Config) { c.Staff = []string{"jonas"} },
		"guests":         func(c *slack.Config) { c.Staff, c.Guests = []string{"U1"}, []string{"U1"} },
		"api_url":        func(c *slack.Config) { c.APIURL = "slack.com" },
	} {
		c, ok := kind.Config().(*slack.Config)
		if !ok {
			t.Fatal("the configuration is of another type")
		}
		c.AppToken, c.ListenTo = "xapp-1", []string{shared}
		change(c)
		errs := c.Validate()
		if want == "" {
			if len(errs) > 0 {
				t.Error(errs)
			}
			continue
		}
		var key *configs.KeyError
		if len(errs) != 1 || !errors.As(errs[0], &key) || key.Key != want {
			t.Errorf("%s: %v", want, errs)
		}
	}
}
