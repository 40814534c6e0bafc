package email

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

func FuzzToUTF8(f *testing.F) {
	for _, l := range []string{"", "gb2312", "utf-7", "iso-2022-kr", "utf-16", "big5", "windows-1251"} {
		f.Add([]byte("\xd6\xd0\xce\xc4 +Jjo- \x1b$B\xff\xfe"), l, "big5")
	}
	f.Fuzz(func(t *testing.T, b []byte, label, hint string) {
		if s := toUTF8Hinted(b, label, hint); !utf8.ValidString(s) || len(s) > 8*len(b)+8 {
			t.Fatalf("%q as %q gives %q", b, label, s)
		}
	})
}

func FuzzWinmail(f *testing.F) {
	f.Add(winmail())
	f.Fuzz(func(t *testing.T, b []byte) {
		found, _ := readTNEF(b)
		size := 0
		for _, file := range found.files {
			size += len(file.data)
		}
		if size > len(b) {
			t.Fatalf("%d bytes out of %d", size, len(b))
		}
	})
}

func FuzzUU(f *testing.F) {
	f.Add([]byte("see\nbegin 644 cat.txt\n#0V%T\n`\nend\nbye\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		words, files := splitUU(b)
		size := len(words)
		for _, file := range files {
			size += len(file.data)
		}
		if size > len(b) || len(files) == 0 && !bytes.Equal(words, b) {
			t.Fatalf("%q gives %q and %d files", b, words, len(files))
		}
	})
}

func FuzzBase64(f *testing.F) {
	f.Add([]byte("SGVsbG8gdGhlcmU=\n\n____\nfooter\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		data, rest := decodeBase64(b)
		if len(data) > len(b) || !bytes.HasSuffix(b, rest) {
			t.Fatalf("%q gives %q and %q", b, data, rest)
		}
	})
}

func FuzzInvitation(f *testing.F) {
	f.Add("BEGIN:VCALENDAR\nMETHOD:REPLY\nBEGIN:VEVENT\nDTSTART;TZID=\"a:b\":20261122T100000Z\nATTENDEE;PARTSTAT=ACCEPTED:mailto:x@y\nEND:VEVENT")
	f.Fuzz(func(t *testing.T, s string) {
		if got := invitation(toUTF8([]byte(s), "")); !utf8.ValidString(got) || len(got) > 3*len(s)+200 {
			t.Fatalf("%q gives %q", s, got)
		}
	})
}
