package email

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// The examples of [MS-OXRTFCP] 4.1 and 4.2.
var packedRTF = map[string]string{
	"2d0000002b0000004c5a4675f1c5c7a703000a00726370673132354232" + "0af32068656c090020627705b06c647d0a800fa0": "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n",
	"1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0":                                            `{\rtf1 WXYZWXYZWXYZWXYZWXYZ}`,
}

func TestRTFIsUnpacked(t *testing.T) {
	for packed, want := range packedRTF {
		b, err := hex.DecodeString(packed)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(unpackRTF(b)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		for n := range b { // cut off anywhere: no crash, and never more
			if got := unpackRTF(b[:n]); !strings.HasPrefix(want, string(got)) {
				t.Errorf("of %d bytes: %q", n, got)
			}
		}
	}
	stored := append(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32([]byte{0, 0, 0, 0, 6, 0, 0, 0}, rtfUncompressed), 0), `{\rtf}more`...)
	if got := string(unpackRTF(stored)); got != `{\rtf}` {
		t.Errorf("stored: %q", got)
	}
	if len(rtfPreset) != 207 {
		t.Errorf("the preset has %d bytes", len(rtfPreset))
	}
}

func TestWordsOfRTF(t *testing.T) {
	for _, tc := range []struct{ name, rtf, plain, html string }{
		{
			"plain text", `{\rtf1\ansi\ansicpg1252\fromtext \deff0{\fonttbl{\f0\fswiss Arial;}}{\colortbl;\red0\green0\blue0;}` + "\r\n" + `\pard Gr\'fc\'dfe\line from\tab here\par second}`,
			"Grüße\nfrom\there\nsecond", "",
		},
		{"a font's own codepage", `{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fnil\fcharset134 SimSun;}{\f1\fcharset204 Arial;}{\f2 Arial;}}\f0\'d6\'d0\'ce\'c4 \f1\'cf\'f0\f2\'e9}`, "中文 Прé", ""},
		{"the codepage of the document, a letter as second byte", `{\rtf1\ansi\ansicpg936{\fonttbl{\f0 Tahoma;}}\f0\'d6\'d0\'81@b}`, "中丂b", ""},
		{"Unicode with what stands for it", `{\rtf1\ansi\uc1 \u20013?\u25991\'3f {\uc2\u8364\'80x}\u-10179?\u-8704?\u9731}`, "中文 €😀☃", ""},
		{"hidden groups", `{\rtf1{\stylesheet{\s0 Normal;}}{\info{\author Eve}}{\*\generator Riched20;}{\field{\*\fldinst HYPERLINK "x"}{\fldrslt link}} \{a\}\\b\~c{\pict\bin5 }}}}}}d}`, "link {a}\\b\u00a0cd", ""},
		{
			"HTML in it", `{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fswiss Arial;}}` +
				`{\*\htmltag19 <html>}{\*\htmltag50 <body>}\htmlrtf \par \htmlrtf0 {\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 Caf\'e9 ` +
				`{\*\htmltag84 &amp;}\htmlrtf &\htmlrtf0  tea\htmlrtf\par}\htmlrtf0 {\*\mhtmltag84 <a href="cid:x">}{\*\htmltag84 <b>}\u20013?{\*\htmltag92 </b>}\~` +
				`{\*\htmltag72 </p>}{\*\htmltag58 </body>}{\*\htmltag27 </html>}}`,
			"", "<html><body><p>Café &amp; tea<b>中</b>&nbsp;</p></body></html>",
		},
		{"no RTF", "hello", "", ""},
		{"cut off", `{\rtf1 hello {\b wor`, "hello wor", ""},
		{"closed too often", `{\rtf1 a}}}}b`, "ab", ""},
	} {
		plain, html := readRTF([]byte(tc.rtf))
		if plain != tc.plain || html != tc.html {
			t.Errorf("%s: %q %q, want %q %q", tc.name, plain, html, tc.plain, tc.html)
		}
	}
}

func TestHostileRTFTakesNoTime(t *testing.T) {
	started := time.Now()
	for _, s := range []string{`{`, `{\b`, `\u-10179\u`, `{\*\htmltag `, `\'`, `{\fonttbl{\f1\fcharset134 `, `\bin99999999 `, `}{`} {
		if plain, html := readRTF([]byte(`{\rtf1\fromhtml1 ` + strings.Repeat(s, 1<<20/len(s)))); !utf8.ValidString(plain) || !utf8.ValidString(html) {
			t.Errorf("%q gives invalid text", s)
		}
	}
	if took := time.Since(started); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestWinmailWithRTFOnly: the words of a mail that has them in no other form.
func TestWinmailWithRTFOnly(t *testing.T) {
	var packed []byte
	for s := range packedRTF {
		if b, err := hex.DecodeString(s); err == nil && len(b) > len(packed) {
			packed = b
		}
	}
	value := binary.LittleEndian.AppendUint32([]byte{0x02, 0x01, 0x09, 0x10, 1, 0, 0, 0}, uint32(len(packed)))
	props := slices.Concat([]byte{1, 0, 0, 0}, value, packed, make([]byte, (4-len(packed)%4)%4))
	data := slices.Concat([]byte{0x78, 0x9f, 0x3e, 0x22, 1, 0}, attribute(1, tnefMessageProps, props))
	m := decodeMessage(t, offline(t), eml("From: "+anna, "Content-Type: application/ms-tnef; name=winmail.dat",
		"Content-Transfer-Encoding: base64", "", base64.StdEncoding.EncodeToString(data)))
	if m.FullText != "hello world" || fileNames(m) != "" {
		t.Errorf("%q with %q", m.FullText, fileNames(m))
	}
}

func FuzzRTF(f *testing.F) {
	for s := range packedRTF {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Add([]byte(`{\rtf1\fromhtml1\ansicpg936{\fonttbl{\f0\fcharset134 a;}}{\*\htmltag84 <b>}\htmlrtf x\htmlrtf0\u-10179?\u-8704?\'d6\'d0\bin3 abc}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if unpacked := unpackRTF(b); len(unpacked) > maxRTF || len(unpacked) > 17*len(b) {
			t.Fatalf("%d bytes out of %d", len(unpacked), len(b))
		}
		for _, in := range [][]byte{b, append([]byte(`{\rtf1`), b...)} {
			if plain, html := readRTF(in); !utf8.ValidString(plain) || !utf8.ValidString(html) || len(plain)+len(html) > 8*len(in)+8 {
				t.Fatalf("%q gives %q %q", in, plain, html)
			}
		}
	})
}
