package email

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

func composed(t testing.TB, e *Email, o *channel.Outbound) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := e.compose(t.Context(), &b, o); err != nil {
		t.Fatal(err)
	}
	if n, err := e.composedSize(t.Context(), o); err != nil || n != int64(b.Len()) {
		t.Fatalf("size %d %v, written %d", n, err, b.Len())
	}
	return b.Bytes()
}

func richAnswer(t testing.TB, e *Email) *channel.Outbound {
	image := attachment("logo.png", "image/png", "\x89PNG")
	image.Media.ContentID = "logo@desk"
	words := normalize.Part{
		Kind: normalize.PartText,
		Text: "您好\n.\nFrom here on: = signs and a very long line " + strings.Repeat("word ", 60),
		HTML: `<p>您好 <img src="cid:logo@desk"></p>`,
	}
	o := outbound(t, e, nil, words, image,
		attachment("二〇二六年第四季度的报价单以及售后服务条款和条件.pdf", "application/pdf", strings.Repeat("pdf", 1000)),
		attachment(`quo"te.txt`, "text/plain", "text"))
	o.Message.Subject = "关于您的订单：" + strings.Repeat("长", 60)
	o.Message.Thread.References = []string{"a@x", "b@x"}
	return o
}

func TestComposedMailIsReadByOthers(t *testing.T) {
	e := offline(t)
	o := richAnswer(t, e)
	raw := composed(t, e, o)
	for line := range bytes.Lines(raw) {
		if len(line) > 100 || !bytes.HasSuffix(line, []byte("\r\n")) {
			t.Errorf("a line of %d bytes: %q", len(line), line)
		}
		if strings.IndexFunc(string(line), func(r rune) bool { return r >= 0x80 }) >= 0 {
			t.Errorf("8-bit: %q", line)
		}
	}
	// By the standard library.
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); s != o.Message.Subject {
		t.Errorf("subject %q %v", s, err)
	}
	if list, err := m.Header.AddressList("From"); err != nil || list[0].Name != "Desk Support" || list[0].Address != desk {
		t.Errorf("from %v %v", list, err)
	}
	if date, err := m.Header.Date(); err != nil || !date.Equal(now) {
		t.Errorf("date %v %v", date, err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	r := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := r.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, p.FileName())
	}
	if len(names) != 3 || names[1] != o.Parts[2].Media.Name {
		t.Errorf("files %q", names)
	}
	// And by ourselves, as a customer's Deskbridge would.
	back := decodeMessage(t, e, raw)
	if back.FullText != strings.TrimRight(o.Parts[0].Text, " ") || !strings.Contains(back.HTML, "cid:logo@desk") {
		t.Errorf("read back %q, %q", back.FullText, back.HTML)
	}
	for i, p := range back.Parts[1:] {
		want := o.Parts[i+1].Media
		if p.Media.Name != want.Name || !bytes.Equal(p.Media.Data, want.Data) || p.Media.ContentID != want.ContentID {
			t.Errorf("part %d came back as %+v", i, p.Media)
		}
	}
}

func TestEveryAttemptComposesTheSameBytes(t *testing.T) {
	e := offline(t)
	o := richAnswer(t, e)
	first := composed(t, e, o)
	o.Attempt, o.Recipients = 7, o.Recipients[:1]
	if !bytes.Equal(first, composed(t, e, o)) {
		t.Error("the second attempt is another mail")
	}
}

func TestHeadersCannotBeInjected(t *testing.T) {
	e := offline(t)
	evil := "x\r\nBcc: victim@x.test\r\n\r\nbody"
	image := attachment(evil, "image/png\r\nX-Evil: 1", "x")
	image.Media.ContentID = "id>\r\nX-Evil: 1"
	o := outbound(t, e, nil, normalize.Part{Kind: normalize.PartText, Text: "hi", HTML: "<b>hi</b>"}, image)
	o.Message.Subject = evil
	o.Message.Thread.To = []normalize.Address{{Kind: normalize.KindEmail, Value: anna, Name: evil}}
	o.Message.Thread.ReplyTo, o.Message.Thread.References = evil, []string{evil}
	raw := composed(t, e, o)
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.Get("Bcc") != "" || bytes.Contains(raw, []byte("\nX-Evil")) || bytes.Contains(raw, []byte("\nBcc")) {
		t.Errorf("injected:\n%s", raw)
	}
}

func TestUnsendablePartsAreRefusedBeforehand(t *testing.T) {
	e := offline(t)
	o := outbound(t, e, nil, normalize.Part{Kind: normalize.PartLocation, Location: &normalize.Location{}})
	if _, err := e.Send(t.Context(), o); connectors.Classify(err).Class != connectors.Unsupported {
		t.Errorf("%v", err)
	}
	short := outbound(t, e, nil, attachment("a.bin", "application/zip", "abc"))
	short.Parts[0].Media.Size = 4
	if _, err := e.Send(t.Context(), short); connectors.Classify(err).Class != connectors.Transient {
		t.Errorf("half a file: %v", err)
	}
}

func TestPrepare(t *testing.T) {
	e := offline(t)
	long := make([]string, 200)
	for i := range long {
		long[i] = strings.Repeat("x", 30) + string(rune('a'+i%26)) + "@customers.test"
	}
	question := &normalize.Message{
		ExternalID: "last@customers.test", Subject: "回复：订单", Address: normalize.Email(anna, ""),
		Thread: normalize.Thread{
			References: append([]string{"first@customers.test"}, long...),
			To:         []normalize.Address{normalize.Email("private@customers.test", "")},
			Cc:         []normalize.Address{normalize.Email(berta, ""), normalize.Email(desk, "")},
		},
	}
	m := &normalize.Message{Address: question.Address}
	if err := e.Prepare(m, question); err != nil {
		t.Fatal(err)
	}
	refs := m.Thread.References
	if length := len(strings.Join(refs, "> <")); length > 2000 || refs[0] != "first@customers.test" || refs[len(refs)-1] != "last@customers.test" {
		t.Errorf("references of %d characters: %v", length, refs)
	}
	if m.Subject != "回复：订单" || m.Thread.ReplyTo != "last@customers.test" {
		t.Errorf("%q to %q", m.Subject, m.Thread.ReplyTo)
	}
	if len(m.Thread.To) != 1 || m.Thread.To[0].Value != "private@customers.test" || len(m.Thread.Cc) != 1 || m.Thread.Cc[0].Value != berta {
		t.Errorf("to %v, cc %v", m.Thread.To, m.Thread.Cc)
	}
	if _, o := e.mint.judge(m.ExternalID); o != ours {
		t.Errorf("%q is not recognised as ours", m.ExternalID)
	}
	made := &normalize.Message{Address: question.Address}
	if err := e.Prepare(made, &normalize.Message{ExternalID: "sha256-00@deskbridge.invalid", Address: question.Address}); err != nil {
		t.Fatal(err)
	}
	if made.Thread.ReplyTo != "" || len(made.Thread.References) != 0 || made.Thread.To[0].Value != anna {
		t.Errorf("an id that we made up is told to others: %+v", made.Thread)
	}
	if err := e.Prepare(&normalize.Message{Address: normalize.Address{Value: "not an address"}}, nil); connectors.Classify(err).Class != connectors.Rejected {
		t.Errorf("%v", err)
	}
}
