package inbox_test

import (
	"encoding/base64"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/deskbridge/deskbridge/connectors/simulator/mail"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/identity"
)

// shop is the inbox of a shop that sells kettles, in the middle of a day.
type shop struct {
	*rig
	leak   *normalize.Message // the conversation that the pictures show
	failed *normalize.Message // one with an answer that did not get through
}

const (
	maria = "maria.rossi@mail.test"
	jonas = "jonas.weber@mail.test"
)

// openShop lets two weeks pass and a morning's mails arrive.
func openShop(t *testing.T) *shop {
	t.Helper()
	r := newRigWith(t, setup{days: shopDays, hour: 10*time.Hour + 42*time.Minute, past: func(db *store.DB, begin, now time.Time) {
		tell(t, db, trade(begin, now.Add(-20*time.Hour)))
		if _, err := db.CloseIdle(t.Context(), now, now.Add(-19*time.Hour), 1000); err != nil {
			t.Fatal(err)
		}
		tell(t, db, morning(now))
	}})
	s := &shop{rig: r}
	for _, who := range []string{maria, jonas} {
		r.mail.AddUser(mail.User{Address: who, Password: "pw"})
	}
	s.mail.Break(mail.Fault{Kind: mail.RefuseRecipient, To: jonas, Code: 552, Enhanced: smtp.EnhancedCode{5, 2, 2}, Text: "mailbox full"})
	s.failed = s.post("Jonas Weber", jonas, "Invoice for order 47990", "", "Hello,\n\nour accounting still lacks the invoice for order 47990. Could you send it as a PDF?\n")
	s.answer(s.failed, "Hello Jonas,\n\nhere it is again; the first one went out on Monday.\n\nAnn Fischer", false)
	s.leak = s.post("Maria Rossi", maria, "Kettle 48213 leaks", "kettle.png",
		"Good morning,\n\nthe kettle came yesterday, thank you! Unfortunately it leaks at the spout as soon as I pour, see the picture. Can you send me another one before the weekend?\n")
	s.answer(s.leak, "Third leaking spout of this series. The warehouse looks through the rest; please take one of the new series.", true)
	s.answer(s.leak, "Dear Maria,\n\nI am sorry for that. A new kettle leaves today and will be with you on Friday. Please keep the old one, you need not send it back.\n\nAnn Fischer", false)
	testenv.WaitFor(t, testenv.Patience, "the answer at the customer", func() bool { return len(r.mail.Inbox(maria)) == 1 })
	for what, form := range map[string]url.Values{"tags": {"add": {"blue series"}}, "assignee": {"to": {agent}}} {
		if code, body, _ := post(t, r.login(), s.url+"c/"+s.leak.ConversationID.String()+"/"+what, map[string]string{"X-Inbox": "1"}, form); code != http.StatusNoContent {
			t.Fatalf("%s: %d %s", what, code, body)
		}
	}
	s.post("Maria Rossi", maria, "Re: Kettle 48213 leaks", "", "That was quick, thank you!\n\nDo you also have it in green?\n\n> Dear Maria,\n> I am sorry for that. A new kettle leaves today and will be with you on Friday.\n")
	s.join()
	return s
}

// join makes the Maria who wrote by WhatsApp and by mail one customer.
func (s *shop) join() {
	s.t.Helper()
	found, err := s.app.Store().Customers(s.t.Context(), "+39 347", 0, 2)
	if err != nil || len(found) != 1 {
		s.t.Fatal(found, err)
	}
	if _, err := s.app.Store().Merge(s.t.Context(), identity.Merge{From: found[0].ID, Into: s.leak.Customer.ID, Evidence: "by hand", Author: agent, Reason: "same order number", At: s.at.Now()}); err != nil {
		s.t.Fatal(err)
	}
}

// post lets a mail arrive, with a picture where attached names one.
func (s *shop) post(name, from, subject, attached, body string) *normalize.Message {
	s.t.Helper()
	s.sent++
	var text strings.Builder
	q := quotedprintable.NewWriter(&text)
	_, _ = q.Write([]byte(body))
	_ = q.Close()
	typ, whole := "text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable", text.String()
	if attached != "" {
		file, err := os.ReadFile("testdata/" + attached)
		if err != nil {
			s.t.Fatal(err)
		}
		whole = fmt.Sprintf("--b\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\nContent-Type: %s\r\n\r\n%s\r\n--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>%s</p>\r\n--a--\r\n"+
			"--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=%s\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n--b--\r\n",
			typ, whole, strings.ReplaceAll(body, "\n", "<br>\r\n"), attached, base64.StdEncoding.EncodeToString(file))
		typ = "multipart/mixed; boundary=b"
	}
	raw := fmt.Sprintf("Return-Path: <%[2]s>\r\nFrom: %[1]s <%[2]s>\r\nTo: %[3]s\r\nMessage-ID: <s%[4]d@mail.test>\r\nSubject: %[5]s\r\nDate: %[6]s\r\nMIME-Version: 1.0\r\n",
		name, from, support, s.sent, mime.QEncoding.Encode("utf-8", subject), s.at.Now().Format(time.RFC1123Z))
	if strings.HasPrefix(subject, "Re:") {
		raw += "In-Reply-To: <s" + fmt.Sprint(s.sent-1) + "@mail.test>\r\n"
	}
	if err := s.mail.Deliver(support, []byte(raw+"Content-Type: "+typ+"\r\n\r\n"+whole)); err != nil {
		s.t.Fatal(err)
	}
	var m *normalize.Message
	testenv.WaitFor(s.t, testenv.Patience, "the mail "+subject, func() bool {
		var err error
		m, err = s.app.Store().ByExternalID(s.t.Context(), "support", fmt.Sprintf("s%d@mail.test", s.sent))
		return err == nil
	})
	return m
}

// answer has Ann write.
func (s *shop) answer(m *normalize.Message, words string, note bool) {
	s.t.Helper()
	form := url.Values{"text": {words}, "key": {words[:20]}}
	if note {
		form.Set("note", "1")
	}
	code, body, _ := post(s.t, s.login(), s.url+"c/"+m.ConversationID.String()+"/answer", map[string]string{"X-Inbox": "1"}, form)
	if code != http.StatusNoContent {
		s.t.Fatalf("%d %s", code, body)
	}
}

// morning is what came by other channels until now.
func morning(now time.Time) []line {
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	person := func(kind, value, name string) normalize.Address {
		return normalize.Address{Kind: kind, Value: value, Name: name}
	}
	window := func(open time.Duration, left int) func(m *normalize.Message) {
		return func(m *normalize.Message) {
			m.ReplyWindow = &normalize.ReplyWindow{Until: m.SentAt.Add(open), Remaining: left}
		}
	}
	m := person(normalize.KindPhone, "+39 347 555 0142", "Maria Rossi")
	zhang, chen := person("wechat", "oZw1", "张伟"), person("wechat", "oZw2", "陈静")
	tom, aisha := person(normalize.KindPhone, "+44 7700 900118", "Tom Becker"), person("telegram", "aisha", "Aisha Khan")
	sofia := person(normalize.KindPhone, "+46 70 174 06 12", "Sofia Lindqvist")
	return []line{
		{channel: "whatsapp", who: m, at: ago(18 * time.Hour), words: "Hi! I ordered the blue kettle, order 48213. Has it left yet?", change: window(24*time.Hour, -1)},
		{channel: "whatsapp", who: m, at: ago(17*time.Hour + 50*time.Minute), words: "Hello Maria, it left this afternoon and should be with you tomorrow.", answer: true},
		{channel: "whatsapp", who: m, at: ago(17*time.Hour + 40*time.Minute), words: "Perfect, thank you!", change: window(24*time.Hour, -1)},
		{channel: "wechat", who: chen, at: ago(3 * time.Hour), words: "发票抬头可以改成公司名称吗？", change: window(48*time.Hour, 5)},
		{channel: "wechat", who: chen, at: ago(170 * time.Minute), words: "可以的，请把公司名称和税号发给我们。", answer: true},
		{channel: "sms", who: tom, at: ago(140 * time.Minute), words: "Is the shop open on Saturday?"},
		{channel: "sms", who: tom, at: ago(132 * time.Minute), words: "Yes, from 9 to 4. See you then!", answer: true},
		{channel: "telegram", who: aisha, at: ago(48 * time.Minute), words: "Can I still change the delivery address of order 48307?"},
		{channel: "whatsapp", who: sofia, at: ago(31 * time.Minute), words: "The discount code KETTLE10 does not work for me", change: window(24*time.Hour, -1)},
		{channel: "wechat", who: zhang, at: ago(12 * time.Minute), words: "你好，请问电热水壶的保修期是多久？", change: window(48*time.Hour, 4)},
	}
}
