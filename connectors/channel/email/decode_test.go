package email

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/connectortest"
	"github.com/deskbridge/deskbridge/normalize"
)

// golden is what a fixture is expected to become: the message as the API shows
// it, and what the API does not show.
type golden struct {
	Error       string             `json:"error,omitempty"`
	Message     *normalize.Message `json:"message,omitempty"`
	Fingerprint string             `json:"fingerprint,omitempty"`
	Separate    bool               `json:"separate,omitempty"`
	Contents    []string           `json:"contents,omitempty"` // SHA-256 of each medium
}

// TestFixtures decodes testdata/*.eml. Run with -update after a change, and
// read what changed.
func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	e := offline(t)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var g golden
			item, err := e.Decode(normalize.Input{Raw: raw, ReceivedAt: now})
			if err != nil {
				g.Error = err.Error()
			}
			if m, ok := item.(*normalize.Message); ok {
				g.Message, g.Fingerprint, g.Separate = m, m.Fingerprint, m.Thread.Separate
				for _, p := range m.Parts {
					if p.Media != nil {
						sum := sha256.Sum256(p.Media.Data)
						g.Contents = append(g.Contents, hex.EncodeToString(sum[:]))
					}
				}
			} else if item != nil {
				t.Fatalf("decoded to %T", item)
			}
			got := marshal(t, g)
			want := strings.TrimSuffix(file, ".eml") + ".json"
			if connectortest.Updating() {
				if err := os.WriteFile(want, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			expected, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, expected) {
				t.Errorf("decoded to\n%s\nwant\n%s", got, expected)
			}
		})
	}
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHostileMailIsRefusedByName(t *testing.T) {
	head := "From: a@b.test\r\nTo: " + desk + "\r\n"
	nest := func(depth int) string {
		var b strings.Builder
		b.WriteString(head)
		for i := range depth {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
		}
		return b.String() + "\r\ndeep down\r\n"
	}
	for _, tc := range []struct{ name, raw, want string }{
		{"10,000 headers", head + strings.Repeat("X-A: b\r\n", 10_000) + "\r\nhi", "too_many_headers"},
		{"a header of 1 MB", head + "X-A: " + strings.Repeat("x", 1<<20) + "\r\n\r\nhi", "header_too_large"},
		{"10,000 headers in a part", head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + strings.Repeat("X-A: b\r\n", 10_000) + "\r\nhi", "too_many_headers"},
		{"51 levels", nest(51), "too_deep"},
		{"2,000 parts", head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nhi\r\n", 2000), "too_many_parts"},
		{"an attachment over the limit", head + "Content-Type: application/zip\r\n\r\n" + strings.Repeat("x", 1<<20+1), "attachment_too_large"},
		{"nobody wrote it", "Subject: hi\r\n\r\nhi", "no_sender"},
		{"empty", "", "no_sender"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			item, err := offline(t).Decode(normalize.Input{Raw: []byte(tc.raw)})
			if item != nil || err == nil || !strings.HasPrefix(err.Error(), tc.want+": ") {
				t.Errorf("%v, %v; want %s", item, err, tc.want)
			}
		})
	}
	if m := decodeMessage(t, offline(t), []byte(nest(50))); m.Text != "deep down" {
		t.Errorf("50 levels give %q", m.Text)
	}
}

// TestCraftedMailCostsLittle: each of these takes a naive parser minutes. The
// limit is far above what they take here, even on a busy machine.
func TestCraftedMailCostsLittle(t *testing.T) {
	head := "From: a@b.test\r\n"
	nest := func(kind, inner, body string) string {
		var b strings.Builder
		b.WriteString(head)
		for i := range maxNesting {
			fmt.Fprintf(&b, "Content-Type: multipart/%s; boundary=b%d\r\n\r\n--b%d\r\n", kind, i, i)
		}
		return b.String() + "Content-Type: " + inner + "\r\n\r\n" + body
	}
	for name, raw := range map[string]string{
		"a large part, deep down":             nest("mixed", "application/zip", strings.Repeat("--b49x\r\n", 100_000)),
		"dashes without a line end":           nest("mixed", "application/zip", strings.Repeat("--b49", 150_000)),
		"HTML within alternatives":            nest("alternative", "text/html", strings.Repeat("<p>x", 60_000)),
		"a field of 80,000 lines":             head + "X: " + strings.Repeat("\r\n ", 80_000) + "\r\n\r\nhi",
		"a subject of 17,000 words":           head + "Subject: " + strings.Repeat("=?gbk?B?1tDO?= ", 17_000) + "\r\n\r\nhi",
		"60,000 recipients":                   head + "To: " + strings.Repeat("a@b,", 60_000) + "\r\n\r\nhi",
		"25,000 parameters":                   head + "Content-Type: text/plain; " + strings.Repeat("a*1*=%41; ", 25_000) + "\r\n\r\nhi",
		"a report of 100,000 recipients":      head + "Content-Type: message/delivery-status\r\n\r\n" + strings.Repeat("Action: failed\r\n\r\n", 100_000),
		"HTML that only opens":                head + "Content-Type: text/html\r\n\r\n" + strings.Repeat("<div>", 200_000),
		"tokens that are not ours, by the MB": head + "X-Failed-Recipients: a@b.test\r\n\r\n" + strings.Repeat("db.aaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaa@example.test ", 50_000),
	} {
		e, done := offline(t), make(chan struct{})
		go func() {
			defer close(done)
			_, _ = e.Decode(normalize.Input{Raw: []byte(raw)})
		}()
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: not decoded within 30s", name)
		}
	}
}

func TestForgedTokenLeadsNowhere(t *testing.T) {
	e := offline(t)
	genuine := e.mint.id()
	forged := "db.aaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbb@example.test"
	elsewhere := "db.aaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbb@other.test"
	m := decodeMessage(t, e, eml("From: "+anna, "To: "+desk, "Message-ID: <x@customers.test>",
		"In-Reply-To: <"+forged+">", "References: <first@customers.test> <"+forged+"> <"+elsewhere+"> <"+strings.ToUpper(genuine)+">", "", "hi"))
	if want := []string{"first@customers.test", elsewhere, genuine}; fmt.Sprint(m.Thread.References) != fmt.Sprint(want) {
		t.Errorf("references %v, want %v", m.Thread.References, want)
	}
	if m.Thread.ReplyTo != genuine {
		t.Errorf("reply to %q", m.Thread.ReplyTo)
	}
	other := plainConfig(t, "127.0.0.1:1", "127.0.0.1:1")
	d := deps()
	d.Key = []byte("another installation's key......")
	stranger, err := New(other, d)
	if err != nil {
		t.Fatal(err)
	}
	if _, o := stranger.mint.judge(genuine); o == ours {
		t.Error("the token of one installation is good in another")
	}
}

func TestOurOwnMailComesBack(t *testing.T) {
	e := offline(t)
	o := outbound(t, e, nil, textPart("Hello"))
	var b bytes.Buffer
	if err := e.compose(t.Context(), &b, o); err != nil {
		t.Fatal(err)
	}
	m := decodeMessage(t, e, b.Bytes())
	if m.Direction != normalize.Outbound || m.ExternalID != o.Message.ExternalID || m.Address.Value != anna {
		t.Errorf("an echo became %s %s %s", m.Direction, m.ExternalID, m.Address)
	}
	m = decodeMessage(t, e, letter("Help <HELP@example.test>", "note@example.test", "Note to self"))
	if m.Direction != normalize.Inbound || !m.Automated {
		t.Errorf("a note to self is %s, automated %v", m.Direction, m.Automated)
	}
}

func TestAutomatedMail(t *testing.T) {
	for line, want := range map[string]bool{
		"X-Nothing: here":                            false,
		"Auto-Submitted: no":                         false,
		"Auto-Submitted: Auto-Generated; x=y":        true,
		"Precedence: bulk":                           true,
		"Precedence: normal":                         false,
		"Return-Path: <>":                            true,
		"Return-Path: <anna@customers.test>":         false,
		"X-Auto-Response-Suppress: DR, OOF, NRN":     true,
		"X-Auto-Response-Suppress: None":             false,
		"List-Id: News <news.customers.test>":        true,
		"List-Unsubscribe: <mailto:x@y.test>":        true,
		"List-Post: <mailto:list@customers.test>":    true,
		"X-Autoreply: yes":                           true,
		"X-Autoreply: no":                            false,
		"X-POST-MessageClass: 9; Autoresponder":      true,
		"Preference: auto_reply":                     true,
		"Content-Type: multipart/report; boundary=b": true,
	} {
		m := decodeMessage(t, offline(t), eml("From: "+anna, "Message-ID: <1@x>", line, "", "hi"))
		if m.Automated != want {
			t.Errorf("%s: automated %v", line, m.Automated)
		}
	}
	for subject, answers := range map[string]bool{
		"Automatic reply: order": true, "Out of Office: order": true, "自动回复:订单": true, "自動返信: 注文": true, "不在通知 注文": true,
		"Automatische Antwort: Auftrag": true, "Abwesenheitsnotiz: Auftrag": true, "Réponse automatique : commande": true, "Respuesta automática: pedido": true,
		"Resposta automática: pedido": true, "Автоматический ответ: заказ": true, "자동 회신: 주문": true, "رد تلقائي: طلب": true,
		"Re: Automatic reply: order": false, "Order": false, "Re: Abwesenheit im Mai": false,
	} {
		for _, evidence := range []bool{true, false} {
			lines := []string{"From: " + anna, "Message-ID: <1@x>", "Subject: " + subject}
			if evidence {
				lines = append(lines, "In-Reply-To: <2@x>")
			}
			if m := decodeMessage(t, offline(t), eml(append(lines, "", "hi")...)); m.Automated != (answers && evidence) {
				t.Errorf("%s, an answer %v: automated %v", subject, evidence, m.Automated)
			}
		}
	}
	if m := decodeMessage(t, offline(t), letter("MAILER-DAEMON@mx.test", "1@x", "Undeliverable")); !m.Automated {
		t.Error("a mailer daemon counts as a person")
	}
}

func TestReusedMessageIDsAreToldApart(t *testing.T) {
	e := offline(t)
	a := decodeMessage(t, e, eml("From: "+anna, "Date: Sat, 21 Nov 2026 08:00:00 +0000", "Message-ID: <same@x>", "", "one"))
	b := decodeMessage(t, e, eml("From: "+anna, "Date: Sat, 21 Nov 2026 08:00:01 +0000", "Message-ID: <same@x>", "", "two"))
	if a.ExternalID != b.ExternalID || a.Fingerprint == b.Fingerprint {
		t.Errorf("%s %s, %s %s", a.ExternalID, a.Fingerprint, b.ExternalID, b.Fingerprint)
	}
}
