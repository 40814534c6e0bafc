package wecomkf

import (
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/wecom"
	"github.com/deskbridge/deskbridge/normalize"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

func TestACustomerWhoComesInIsGreetedOnce(t *testing.T) {
	for name, menu := range map[string][]string{"text": nil, "menu": {"Where is my order?", "Something else"}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, wecom.Options{}, func(c *Config) { c.Welcome, c.WelcomeMenu = "Hello!", menu })
			r.stream()
			r.vendor.Enter(kf1, someone)
			r.eventually("the greeting is recorded", func() bool { return len(r.texts()) == 1 })
			r.vendor.Relist(kf1) // the same event again
			r.vendor.Enter(kf1, someone)
			r.eventually("all was read", func() bool { return len(r.messages()) == 4 })
			sent := r.vendor.Record()
			if len(sent) != 1 || sent[0].Text != "Hello!" || !sent[0].OnEvent {
				t.Fatalf("WeCom was given %+v, want one greeting", sent)
			}
			if n := r.vendor.Requests("/cgi-bin/kf/send_msg_on_event"); n != 1 {
				t.Errorf("%d requests, want exactly one", n)
			}
			for _, m := range r.messages() {
				if m.Text == "" {
					continue
				}
				if m.Direction != normalize.Outbound || !m.Automated || m.ExternalID != sent[0].MsgID || m.Thread.ID != kf1 || !m.Address.Is(r.customer(someone)) {
					t.Errorf("recorded as %+v", m)
				}
				if menu != nil && m.Text != "Hello!\n- Where is my order?\n- Something else" {
					t.Errorf("recorded as %q", m.Text)
				}
			}
		})
	}
}

func TestNobodyIsGreetedTooLateOrTwice(t *testing.T) {
	r := newRig(t, wecom.Options{}, func(c *Config) { c.Welcome = "Hello!" })
	r.vendor.Enter(kf1, someone)
	r.clock.step(31 * time.Second)
	r.stream()
	r.eventually("the event was read", func() bool { return len(r.messages()) == 1 })
	if n := r.vendor.Requests("/cgi-bin/kf/send_msg_on_event"); n != 0 {
		t.Errorf("%d requests with a code that had run out", n)
	}

	// WeCom took it and its answer was lost: it is not repeated.
	r.vendor.Faults.Add(fault.Fault{Path: "send_msg_on_event", Kind: fault.Lose})
	r.vendor.Enter(kf1, "another")
	r.eventually("it was tried", func() bool { return contains(r.log.String(), "not greeted") })
	r.vendor.Write(kf1, someone, wecom.Text("hello"))
	r.eventually("it goes on", func() bool { return len(r.texts()) == 1 })
	if n := len(r.vendor.Record()); n != 1 {
		t.Errorf("WeCom has %d greetings, want the one whose answer was lost", n)
	}
	if contains(r.log.String(), "welcome-code") || contains(r.log.String(), "access-token") {
		t.Error("the log holds a code or a token")
	}
}
