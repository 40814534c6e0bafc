package email

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/deskbridge/deskbridge/normalize"
)

func fileNames(m *normalize.Message) string {
	var names []string
	for _, p := range m.Parts {
		if p.Media != nil {
			names = append(names, p.Media.Name)
		}
	}
	return strings.Join(names, ",")
}

// TestOddBodies: what an agent sees of mail that keeps to no standard.
func TestOddBodies(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString([]byte("Hello, where is my order 4711?"))
	part := []string{"--real", "Content-Type: text/plain", "", "words", "--real", "Content-Type: application/pdf; name=a.pdf", "", "%PDF", "--real--"}
	in := func(head string, body ...string) []string { return append([]string{head, ""}, body...) }
	for _, tc := range []struct {
		name        string
		lines       []string
		text, files string
	}{
		{"multipart without boundary", in("Content-Type: multipart/mixed", part...), "words", "a.pdf"},
		{"multipart with a wrong boundary", in("Content-Type: multipart/mixed; boundary=other", part...), "words", "a.pdf"},
		{"multipart without parts", in("Content-Type: multipart/mixed; boundary=x", "just words"), "just words", ""},
		{"parts below the end", in("Content-Type: multipart/mixed; boundary=real", append(part[:4:4], append([]string{"--real--", "epilogue"}, part[4:]...)...)...), "words", "a.pdf"},
		{"multipart in base64", []string{"Content-Type: multipart/mixed; boundary=real", "Content-Transfer-Encoding: base64", "", base64.StdEncoding.EncodeToString([]byte(strings.Join(part, "\r\n")))}, "words", "a.pdf"},
		{"no semicolon", in("Content-Type: multipart/mixed boundary=\"real\"", part...), "words", "a.pdf"},
		{"unknown transfer encoding", in("Content-Transfer-Encoding: x-strange", "words"), "words", ""},
		{"a transfer encoding misspelt", in("Content-Transfer-Encoding: \"Quoted_Printable\"; x", "w=6Frds"), "words", ""},
		{"text after base64", in("Content-Transfer-Encoding: base64", b64, "", "____", "To unsubscribe, write to list@example.test"), "Hello, where is my order 4711?\n____\nTo unsubscribe, write to list@example.test", ""},
		{"base64 without padding", in("Content-Transfer-Encoding: base64", "SGVsbG8sIHdvcmxk"[:15]), "Hello, worl", ""},
		{"base64 in two padded pieces", in("Content-Transfer-Encoding: base64", "SGVsbG8gdGhlcmU=", base64.StdEncoding.EncodeToString([]byte(", dear people"))), "Hello there, dear people", ""},
		{"only called base64", in("Content-Transfer-Encoding: base64", "Hello, this is plain text."), "Hello, this is plain text.", ""},
		{"damaged quoted-printable", in("Content-Transfer-Encoding: quoted-printable", "a=3", "b=ZZ =3D c= ", "d="), "a=3\nb=ZZ = cd", ""},
		{"uuencoded", in("Content-Type: text/plain", "see", "begin 644 cat.txt", "#0V%T", "`", "end", "bye"), "see\nbye", "cat.txt"},
		{"begin is a word", in("Content-Type: text/plain", "begin 644 things", "and go on"), "begin 644 things\nand go on", ""},
		{"yEnc is left alone", in("Content-Type: text/plain", "=ybegin line=128 size=3 name=x.bin", "abc", "=yend size=3"), "=ybegin line=128 size=3 name=x.bin\nabc\n=yend size=3", ""},
		{"charset in the document", in("Content-Type: text/html; charset=us-ascii", "<meta charset=big5><p>\xb1z\xa6n\xa1A\xa7\xda\xaa\xba\xadq\xb3\xe6</p>"), "您好，我的訂單", ""},
		{"type without subtype", in("Content-Type: text; charset=utf-8", "words"), "words", ""},
		{"S/MIME", in("Content-Type: application/pkcs7-mime; smime-type=enveloped-data", "MIIB"), "", "smime.p7m"},
		{"PGP/MIME", in("Content-Type: multipart/encrypted; boundary=b", "--b", "Content-Type: application/pgp-encrypted", "", "Version: 1", "--b", "Content-Type: application/octet-stream; name=encrypted.asc", "", "-----BEGIN PGP MESSAGE-----", "--b--"), "", "version.asc,encrypted.asc"},
		{"signed", in("Content-Type: multipart/signed; boundary=b", "--b", "", "words", "--b", "Content-Type: application/pkcs7-signature", "", "MIIB", "--b--"), "words", "smime.p7s"},
		{"forwarded", in("Content-Type: multipart/mixed; boundary=b", "--b", "", "see below", "--b", "Content-Type: message/rfc822", "", "Subject: =?utf-8?Q?=E4=B8=AD?=", "", "secret words", "--b--"), "see below", "中.eml"},
		{"digest", in("Content-Type: multipart/digest; boundary=b", "--b", "", "Subject: one", "", "1", "--b", "", "Subject: two", "", "2", "--b--"), "", "one.eml,two.eml"},
		{"AppleDouble", in("Content-Type: multipart/appledouble; boundary=b", "--b", "Content-Type: application/applefile; name=\"%a.jpg\"", "", "fork", "--b", "Content-Type: image/jpeg; name=a.jpg", "", "JFIF", "--b--"), "", "%a.jpg,a.jpg"},
		{"the best of nested forms", in("Content-Type: multipart/alternative; boundary=b", "--b", "", "plain", "--b", "Content-Type: multipart/related; boundary=c", "", "--c", "Content-Type: text/html", "", "<b>rich</b>", "--c", "Content-Type: image/png", "Content-ID: <i>", "", "PNG", "--c--", "--b--"), "plain", "image.png"},
		{
			"an invitation and nothing else", in("Content-Type: text/calendar; method=REQUEST; charset=utf-8", "BEGIN:VCALENDAR", "METHOD:REQUEST", "BEGIN:VEVENT", "DTSTART;TZID=Europe/Berlin:20261122T100000", "DTEND;TZID=Europe/Berlin:20261122T110000", "SUMMARY:Talk\\, short", "LOCATION:Room", " 7", "ORGANIZER;CN=\"Anna: K\":mailto:anna@customers.test", "END:VEVENT", "END:VCALENDAR"),
			"Invitation: Talk, short\nWhen: 2026-11-22 10:00 Europe/Berlin to 11:00 Europe/Berlin\nWhere: Room7\nOrganizer: Anna: K <anna@customers.test>", "invite.ics",
		},
	} {
		m := decodeMessage(t, offline(t), eml(append([]string{"From: " + anna, "Subject: x"}, tc.lines...)...))
		if got := m.FullText; got != tc.text || fileNames(m) != tc.files {
			t.Errorf("%s: %q with %q, want %q with %q", tc.name, got, fileNames(m), tc.text, tc.files)
		}
	}
}

func TestImageNamedByLocation(t *testing.T) {
	m := decodeMessage(t, offline(t), eml("From: "+anna, "Content-Type: multipart/related; boundary=b", "",
		"--b", "Content-Type: text/html", "", `<p>see <img src="pics/a.png"></p>`,
		"--b", "Content-Type: image/png", "Content-Location: pics/a.png", "", "PNG", "--b--"))
	if id := m.Parts[1].Media.ContentID; id == "" || !strings.Contains(m.HTML, "cid:"+id) {
		t.Errorf("the image %q is not in %s", id, m.HTML)
	}
}

// attribute writes one of a TNEF stream.
func attribute(level byte, id uint16, v []byte) []byte {
	b := append([]byte{level}, byte(id), byte(id>>8), 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(v)))
	return append(append(b, v...), 0, 0)
}

func unicodeProperty(tag uint16, s string) []byte {
	b := binary.LittleEndian.AppendUint16(nil, mapiUnicode)
	b = binary.LittleEndian.AppendUint16(b, tag)
	b = binary.LittleEndian.AppendUint32(b, 1)
	units := append(utf16.Encode([]rune(s)), 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*len(units)))
	for _, u := range units {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return append(b, make([]byte, (4-2*len(units)%4)%4)...)
}

func winmail() []byte {
	props := slices.Concat([]byte{3, 0, 0, 0}, []byte{0x03, 0, 0x05, 0x37, 1, 0, 0, 0},
		unicodeProperty(mapiLongFilename, "发票 2026.pdf"), unicodeProperty(mapiMIMEType, "application/pdf"))
	return slices.Concat([]byte{0x78, 0x9f, 0x3e, 0x22, 1, 0},
		attribute(1, tnefCodepage, []byte{0xa8, 3, 0, 0, 0, 0, 0, 0}), attribute(1, tnefMessageBody, []byte("\xd6\xd0\xce\xc4\x00")),
		attribute(2, tnefAttachRender, make([]byte, 14)), attribute(2, tnefAttachTitle, []byte("FAPIAO~1.PDF\x00")),
		attribute(2, tnefAttachData, []byte("%PDF")), attribute(2, tnefAttachProps, props))
}

func TestWinmailIsOpened(t *testing.T) {
	mail := func(data []byte) *normalize.Message {
		return decodeMessage(t, offline(t), eml("From: "+anna, "Content-Type: application/ms-tnef; name=winmail.dat",
			"Content-Transfer-Encoding: base64", "", base64.StdEncoding.EncodeToString(data)))
	}
	m := mail(winmail())
	if m.FullText != "中文" || fileNames(m) != "发票 2026.pdf" || m.Parts[1].Media.ContentType != "application/pdf" {
		t.Errorf("%q with %q", m.FullText, fileNames(m))
	}
	if m := mail(winmail()[:100]); fileNames(m) != "winmail.dat" {
		t.Errorf("cut off: %q", fileNames(m))
	}
}
