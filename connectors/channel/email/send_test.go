package email

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/simulator/mail"
	"github.com/deskbridge/deskbridge/normalize"
)

const berta = "berta@customers.test"

func TestAnswerReachesTheCustomersThread(t *testing.T) {
	e, s := onSimulator(t)
	s.AddUser(mail.User{Address: berta, Password: secret})
	question := decodeMessage(t, e, eml("From: Anna <"+anna+">", "To: "+desk+", help@example.test", "Cc: Berta <"+berta+">",
		"Subject: =?gbk?B?1cW088jL?=", "Message-ID: <q1@customers.test>", "References: <a@x> <b@x>", "", "Hi"))
	o := outbound(t, e, question, textPart("你好，您的订单已发出。"))
	begun := 0
	o.Begin = func(context.Context) error {
		begun++
		if len(s.Inbox(anna)) > 0 {
			t.Error("the mail was there before Begin")
		}
		return nil
	}
	sent, err := e.Send(t.Context(), o)
	if err != nil || begun != 1 {
		t.Fatalf("send: %v, begun %d times", err, begun)
	}
	if sent.ExternalID != o.Message.ExternalID || len(sent.Recipients) != 2 || sent.Recipients[0].Err != nil {
		t.Errorf("sent: %+v", sent)
	}
	for _, who := range []string{anna, berta} {
		got := s.Inbox(who)
		if len(got) != 1 {
			t.Fatalf("%s has %d mails", who, len(got))
		}
		m := decodeMessage(t, offline(t), got[0].Raw)
		want := normalize.Thread{ReplyTo: "q1@customers.test", References: []string{"a@x", "b@x", "q1@customers.test"}}
		if m.ExternalID != sent.ExternalID || m.Subject != "Re: 张大人" || m.FullText != "你好，您的订单已发出。" ||
			m.Thread.ReplyTo != want.ReplyTo || fmt.Sprint(m.Thread.References) != fmt.Sprint(want.References) {
			t.Errorf("%s reads %+v", who, m)
		}
		if m.Automated {
			t.Error("an agent's answer says that a machine wrote it")
		}
	}
	if len(s.Inbox(desk)) != 0 {
		t.Error("the answer went to ourselves too")
	}
}

func TestEachRecipientHasAFate(t *testing.T) {
	e, s := onSimulator(t)
	question := decodeMessage(t, e, eml("From: "+anna, "To: "+desk, "Cc: gone@customers.test, busy@customers.test", "Message-ID: <q@x>", "", "Hi"))
	s.AddUser(mail.User{Address: "busy@customers.test", Password: secret})
	s.Break(mail.Fault{Kind: mail.RefuseRecipient, To: "busy@customers.test", Code: 451, Enhanced: smtp.EnhancedCode{4, 7, 1}})
	s.Break(mail.Fault{Kind: mail.RefuseRecipient, To: "gone@customers.test", Code: 550, Enhanced: smtp.EnhancedCode{5, 1, 1}})
	o := outbound(t, e, question, textPart("Answer"))
	sent, err := e.Send(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range sent.Recipients {
		fate := "accepted"
		if r.Err != nil {
			fate = r.Err.Class.String() + " " + r.Err.Code
		}
		got = append(got, r.Address.Value+" "+fate)
	}
	want := []string{anna + " accepted", "gone@customers.test unreachable 550 5.1.1", "busy@customers.test transient 451 4.7.1"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	// The second attempt is for those only whose fate is open.
	s.Heal()
	o.Attempt, o.Recipients = 2, []normalize.Address{{Kind: normalize.KindEmail, Value: "busy@customers.test"}}
	if _, err := e.Send(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if len(s.Inbox(anna)) != 1 || len(s.Inbox("busy@customers.test")) != 1 {
		t.Errorf("%d and %d copies", len(s.Inbox(anna)), len(s.Inbox("busy@customers.test")))
	}
	if a, b := s.Inbox(anna)[0].MessageID(), s.Inbox("busy@customers.test")[0].MessageID(); a != b {
		t.Errorf("two Message-IDs for one message: %s, %s", a, b)
	}
}

func TestSendFailures(t *testing.T) {
	refuse := func(code int, enhanced smtp.EnhancedCode, text string) mail.Fault {
		return mail.Fault{Kind: mail.RefuseRecipient, Code: code, Enhanced: enhanced, Text: text}
	}
	for _, tc := range []struct {
		name   string
		config func(*Config)
		fault  mail.Fault
		want   connectors.Class
		begun  bool
		copies int
	}{
		{name: "greylisted", fault: refuse(451, smtp.EnhancedCode{4, 7, 1}, "later"), want: connectors.Transient},
		{name: "too many recipients", fault: refuse(452, smtp.EnhancedCode{4, 5, 3}, "too many recipients"), want: connectors.Throttled},
		{name: "slow down", fault: refuse(421, smtp.EnhancedCode{4, 7, 0}, "rate"), want: connectors.Throttled},
		{name: "no such user", fault: refuse(550, smtp.EnhancedCode{5, 1, 1}, "unknown"), want: connectors.Unreachable},
		{name: "policy", fault: refuse(554, smtp.EnhancedCode{5, 7, 1}, "spam"), want: connectors.Rejected},
		{name: "basic authentication is over", fault: refuse(550, smtp.EnhancedCode{5, 7, 30}, "no"), want: connectors.AccountDown},
		{name: "wrong password", config: func(c *Config) { c.SMTP.Password = "wrong" }, want: connectors.AccountDown},
		{name: "login refused", fault: mail.Fault{Kind: mail.RefuseLogin, Proto: mail.SMTP}, want: connectors.AccountDown},
		{name: "no server", config: func(c *Config) { c.SMTP.Port = 1 }, want: connectors.Transient},
		{name: "silent", fault: mail.Fault{Kind: mail.Hang, Proto: mail.SMTP}, want: connectors.Transient},
		{name: "cut in the greeting", fault: mail.Fault{Kind: mail.Cut, Proto: mail.SMTP, Bytes: 5}, want: connectors.Transient},
		{name: "refused after the dot", fault: mail.Fault{Kind: mail.RefuseMessage, Code: 554, Enhanced: smtp.EnhancedCode{5, 6, 0}}, want: connectors.Rejected, begun: true},
		{name: "put off after the dot", fault: mail.Fault{Kind: mail.RefuseMessage, Code: 451, Enhanced: smtp.EnhancedCode{4, 3, 0}}, want: connectors.Transient, begun: true},
		{name: "cut after the dot", fault: mail.Fault{Kind: mail.CutAfterDot}, want: connectors.Ambiguous, begun: true, copies: 1},
		{name: "cut after the dot, and lost", fault: mail.Fault{Kind: mail.CutAfterDot, Lose: true}, want: connectors.Ambiguous, begun: true},
		{name: "silent after the dot", fault: mail.Fault{Kind: mail.HangAfterDot}, want: connectors.Ambiguous, begun: true, copies: 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, s := onSimulator(t, func(c *Config) {
				if tc.config != nil {
					tc.config(c)
				}
			})
			e.timeouts = timeouts{dial: time.Second, command: time.Second, stall: time.Second, accept: time.Second}
			if tc.fault.Kind != "" {
				s.Break(tc.fault)
			}
			o := outbound(t, e, nil, textPart("Hello"))
			begun := false
			o.Begin = func(context.Context) error { begun = true; return nil }
			sent, err := e.Send(t.Context(), o)
			var ce *connectors.Error
			if !errors.As(err, &ce) || ce.Class != tc.want {
				t.Fatalf("%v, want class %v", err, tc.want)
			}
			if begun != tc.begun {
				t.Errorf("begun: %v, want %v", begun, tc.begun)
			}
			if ce.Class == connectors.Throttled && ce.RetryAfter == 0 {
				t.Error("no pause named")
			}
			for _, r := range sent.Recipients {
				if r.Err == nil {
					t.Errorf("%s counts as accepted", r.Address.Value)
				}
			}
			if strings.Contains(err.Error(), secret) {
				t.Error("the error tells the password")
			}
			eventually(t, "the mail has its fate", func() bool { return len(s.Inbox(anna)) == tc.copies })
		})
	}
}

func TestNothingIsSentWhenBeginFails(t *testing.T) {
	e, s := onSimulator(t)
	o := outbound(t, e, nil, textPart("Hello"))
	lost := errors.New("claim lost")
	o.Begin = func(context.Context) error { return lost }
	_, err := e.Send(t.Context(), o)
	if !errors.Is(err, lost) {
		t.Errorf("the error of Begin is lost: %v", err)
	}
	o.Begin = func(context.Context) error { return nil }
	if _, err := e.Send(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Inbox(anna)); n != 1 {
		t.Errorf("%d mails arrived, one was sent", n)
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	e, s := onSimulator(t)
	s.Break(mail.Fault{Kind: mail.Hang, Proto: mail.SMTP})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := e.Send(ctx, outbound(t, e, nil, textPart("Hello"))); err == nil {
		t.Error("sent to a silent server")
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
}

func TestFinishFilesOneCopy(t *testing.T) {
	for _, mailbox := range []string{"Sent", "Answers"} { // the second is not there yet
		t.Run(mailbox, func(t *testing.T) {
			e, s := onSimulator(t, func(c *Config) { c.SMTP.SaveTo = mailbox })
			o := outbound(t, e, nil, textPart("Hello"), attachment("图片.png", "image/png", strings.Repeat("x", 100_000)))
			if _, found, err := e.Resolve(t.Context(), o); found || err != nil {
				t.Fatalf("found before it was sent: %v %v", found, err)
			}
			if _, err := e.Send(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := e.Finish(t.Context(), o); err != nil {
					t.Fatal(err)
				}
			}
			copies := s.Mailbox(desk, mailbox)
			if len(copies) != 1 {
				t.Fatalf("%d copies", len(copies))
			}
			if got := s.Inbox(anna)[0]; !strings.HasSuffix(string(got.Raw), string(copies[0].Raw)) {
				t.Error("the copy is not what was sent")
			}
			sent, found, err := e.Resolve(t.Context(), o)
			if !found || err != nil || sent.ExternalID != o.Message.ExternalID {
				t.Errorf("resolve: %+v %v %v", sent, found, err)
			}
		})
	}
}

func TestProbe(t *testing.T) {
	e, _ := onSimulator(t)
	own, err := e.Probe(t.Context())
	if err != nil || own.Value != desk {
		t.Fatalf("%v %v", own, err)
	}
	bad, _ := onSimulator(t, func(c *Config) { c.SMTP.Password = "wrong" })
	if _, err := bad.Probe(t.Context()); connectors.Classify(err).Class != connectors.AccountDown || !strings.HasPrefix(err.Error(), "smtp: ") {
		t.Errorf("%v", err)
	}
}

func attachment(name, contentType, content string) normalize.Part {
	return normalize.Part{Kind: kindOf(contentType), Media: &normalize.Media{
		Name: name, ContentType: contentType, Size: int64(len(content)), Data: []byte(content),
	}}
}
