package email

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

func TestHeadersAsProgramsWriteThem(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	gb := []byte(encoded(t, simplifiedchinese.GB18030, "中文订单"))
	jis := []byte(encoded(t, japanese.ISO2022JP, "ご注文の件"))
	for _, tc := range []struct{ name, in, want string }{
		{"a character over two words", "=?gb2312?B?" + b64(gb[:3]) + "?= =?GB2312?B?" + b64(gb[3:]) + "?=", "中文订单"},
		{"half a character lost between words", "=?utf-8?B?" + b64([]byte("中\xe6\x96")) + "?= =?utf-8?B?" + b64([]byte("订单")) + "?=", "中\uFFFD订单"},
		{"B and Q mixed", "=?utf-8?B?" + b64([]byte("中\xe6")) + "?= =?utf-8?Q?=96=87?=", "中文"},
		{"ISO-2022-JP", "=?ISO-2022-JP?B?" + b64(jis) + "?=", "ご注文の件"},
		{"ISO-2022-JP, raw", string(jis), "ご注文の件"},
		{"blanks within", "=?utf-8?Q?two words?=", "two words"},
		{"a language", "=?utf-8*en?Q?x?=", "x"},
		{"inside quotes", `"=?utf-8?B?` + b64([]byte("王")) + `?="`, `"王"`},
		{"base64 without padding", "=?utf-8?B?5Lit5paH5Q?=", "中文\uFFFD"},
		{"base64 padded twice", "=?utf-8?B?5Lit5paHQQ==5Lit?=", "中文A中"},
		{"cut off", "Re: =?utf-8?B?5Lit5paH", "Re: 中文"},
		{"no gap to the text", "Re:=?utf-8?Q?=E4=B8=AD?=!", "Re:中!"},
		{"neither words", "=?x?= a =?? b =?utf-8?z?q?= c", "=?x?= a =?? b =?utf-8?z?q?= c"},
		{"unclosed, then one", "=?utf-8?q?a =?utf-8?q?b?=", "=?utf-8?q?a b"},
		{"unknown charset", "=?x-bad?B?" + b64([]byte("中文")) + "?=", "中文"},
		{"says iso-8859-1, is UTF-8", "=?iso-8859-1?B?" + b64([]byte("Grüße")) + "?=", "Grüße"},
	} {
		if got := decodeHeader(tc.in); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	a := parseAddresses("=?utf-8?Q?Doe,_John_<x>?= <john@customers.test>, =?utf-8?Q?A:B?= <b@customers.test>")
	if want := "[Doe, John <x> john@customers.test A:B b@customers.test]"; len(a) != 2 || fmt.Sprint([]string{a[0].Name, a[0].Value, a[1].Name, a[1].Value}) != want {
		t.Errorf("%+v, want %s", a, want)
	}
}

func TestFileNamesAsProgramsWriteThem(t *testing.T) {
	gb, big5, sjis := encoded(t, simplifiedchinese.GB18030, "发票.pdf"), encoded(t, traditionalchinese.Big5, "成功.pdf"), encoded(t, japanese.ShiftJIS, "表示.pdf")
	percent := func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
		return b.String()
	}
	for _, tc := range []struct{ name, charset, disposition, want string }{
		{"RFC 2231 in GB18030", "", "filename*=gb18030''" + percent(gb), "发票.pdf"},
		{"out of order and split", "", "filename*1*=" + percent(gb)[9:] + "; filename*0*=gb2312''" + percent(gb)[:9], "发票.pdf"},
		{"both forms", "", "filename=\"x.pdf\"; filename*=utf-8''%E4%B8%AD.pdf", "中.pdf"},
		{"quoted RFC 2231", "", "filename*=\"UTF-8''%E4%B8%AD.pdf\"", "中.pdf"},
		{"RFC 2047 where it may not be", "", `filename="=?gb2312?B?` + base64.StdEncoding.EncodeToString([]byte(gb)) + `?="`, "发票.pdf"},
		{"RFC 2047 without quotes", "", `filename==?utf-8?Q?=E4=B8=AD?= =?utf-8?Q?.pdf?=`, "中.pdf"},
		{"raw GBK", "", `filename="` + gb + `"`, "发票.pdf"},
		{"raw Big5 with a backslash in it", "big5", `filename="` + big5 + `"`, "成功.pdf"},
		{"raw Shift_JIS with a backslash in it", "shift_jis", `filename="` + sjis + `"`, "表示.pdf"},
		{"raw UTF-8", "", `filename="中文.pdf"`, "中文.pdf"},
		{"quotes within", "", `filename="a "b" c.pdf"`, `a "b" c.pdf`},
		{"escaped quotes within", "", `filename="a \"b\" c\x.pdf"; size=3`, "x.pdf"},
		{"an escaped quote and no end", "", `filename="a \"b.pdf`, `a "b.pdf`},
		{"no quotes", "", `filename=my report.pdf`, "my report.pdf"},
		{"no semicolons", "", `filename="a.pdf" size=3`, "a.pdf"},
		{"a path", "", `filename="C:\\Users\\x\\a.pdf"`, "a.pdf"},
	} {
		m := decodeMessage(t, offline(t), eml("From: "+anna, "Content-Type: multipart/mixed; boundary=b", "",
			"--b", "Content-Type: text/plain; charset="+tc.charset, "", "hi",
			"--b", "Content-Type: application/pdf", "Content-Disposition: attachment; "+tc.disposition, "", "%PDF", "--b--"))
		if last := m.Parts[len(m.Parts)-1]; last.Media == nil || last.Media.Name != tc.want {
			t.Errorf("%s: %+v, want %q", tc.name, last.Media, tc.want)
		}
	}
}

// TestHeadersCostTheirLength: marks that close late, or never, are not looked
// for again and again.
func TestHeadersCostTheirLength(t *testing.T) {
	for _, s := range []string{"=?u?q?a", "=?", "=?u?q?", "=?u?q?a ?=", `a="b" c`, `"`, `\"`, "\x1b$B", "+AAA", "中=?"} {
		start := time.Now()
		long := strings.Repeat(s, 200<<10/len(s))
		decodeHeader(long)
		decodeHeader(long + "?=")
		parseParams("a/b; " + long)
		parseParams(`a/b; c="` + long)
		parseAddresses(long)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%q many times: %v", s, took)
		}
	}
}
