package email

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf16"
)

// labels maps what mail calls a charset to what it means by that: the superset
// that programs really use, under the name by which it is decoded.
var labels = map[string]string{
	"utf8": "utf-8", "unicode-1-1-utf-8": "utf-8", "utf-8-mac": "utf-8", "utf8mb4": "utf-8", "cp65001": "utf-8", "unicode": "utf-16",
	// Written without looking: the bytes decide.
	"us-ascii": "", "ascii": "", "ansi_x3.4-1968": "", "unknown-8bit": "", "x-unknown": "", "unknown": "", "8bit": "", "7bit": "",
	"default": "", "default_charset": "", "none": "", "utf": "", "binary": "", "_charset": "",

	"gb2312": "gb18030", "gbk": "gb18030", "cp936": "gb18030", "x-gbk": "gb18030", "gb_2312-80": "gb18030", "ms936": "gb18030",
	"windows-936": "gb18030", "euc-cn": "gb18030", "x-euc-cn": "gb18030", "gb2312-80": "gb18030", "gb-2312": "gb18030",
	"chinesegb": "gb18030", "gb": "gb18030", "hz": "hz-gb-2312", "gb_18030": "gb18030", "gb18030-2000": "gb18030", "gb18030-2005": "gb18030",
	"zh_cn.gbk": "gb18030", "csgb2312": "gb18030", "iso-ir-58": "gb18030", "chinese": "gb18030", "x-mac-chinesesimp": "gb18030",

	"big5-hkscs": "big5", "big5hkscs": "big5", "cp950": "big5", "ms950": "big5", "windows-950": "big5", "x-x-big5": "big5", "big-5": "big5",
	"cn-big5": "big5", "csbig5": "big5", "big5-eten": "big5", "x-big5": "big5", "x-mac-chinesetrad": "big5",

	"shift-jis": "shift_jis", "sjis": "shift_jis", "x-sjis": "shift_jis", "cp932": "shift_jis", "ms932": "shift_jis", "windows-31j": "shift_jis",
	"windows-932": "shift_jis", "ms_kanji": "shift_jis", "csshiftjis": "shift_jis", "cswindows31j": "shift_jis", "x-ms-cp932": "shift_jis", "shift_jisx0213": "shift_jis",
	"eucjp": "euc-jp", "x-euc-jp": "euc-jp", "x-euc": "euc-jp", "ujis": "euc-jp", "eucjp-ms": "euc-jp", "cp51932": "euc-jp", "eucjp-win": "euc-jp",
	"iso-2022-jp-1": "iso-2022-jp", "iso-2022-jp-2": "iso-2022-jp", "iso-2022-jp-3": "iso-2022-jp", "iso-2022-jp-2004": "iso-2022-jp",
	"iso-2022-jp-ms": "iso-2022-jp", "cp50220": "iso-2022-jp", "cp50221": "iso-2022-jp", "csiso2022jp": "iso-2022-jp", "iso2022jp": "iso-2022-jp", "jis": "iso-2022-jp",

	"euckr": "euc-kr", "cp949": "euc-kr", "ms949": "euc-kr", "windows-949": "euc-kr", "uhc": "euc-kr", "ks_c_5601-1987": "euc-kr", "ks_c_5601": "euc-kr",
	"ks_c_5601-1989": "euc-kr", "ksc5601": "euc-kr", "ksc_5601": "euc-kr", "ks_c-5601-1987": "euc-kr", "ksc5601-1987": "euc-kr", "x-windows-949": "euc-kr",
	"korean": "euc-kr", "johab": "", "csiso2022kr": "iso-2022-kr", "5601": "euc-kr",

	// Latin-1 means Windows's superset of it, as browsers have it.
	"iso-8859-1": "windows-1252", "iso8859-1": "windows-1252", "latin1": "windows-1252", "latin-1": "windows-1252", "l1": "windows-1252",
	"iso_8859-1": "windows-1252", "8859-1": "windows-1252", "cp1252": "windows-1252", "ansi": "windows-1252", "x-ansi": "windows-1252", "iso88591": "windows-1252",
	"iso-8859-9": "windows-1254", "iso-8859-11": "windows-874", "tis-620": "windows-874", "cp874": "windows-874",
	"koi8-ru": "koi8-u", "koi8": "koi8-r", "koi8r": "koi8-r", "x-koi8-r": "koi8-r", "ibm866": "ibm866", "cp866": "ibm866", "cp-866": "ibm866",
	"unicode-1-1-utf-7": "utf-7", "utf7": "utf-7", "x-utf-7": "utf-7", "x-unicode-2-0-utf-7": "utf-7", "utf16": "utf-16", "ucs-2": "utf-16",
}

// canonical returns the name under which a label is decoded, "" where it says
// nothing.
func canonical(label string) string {
	label = strings.ToLower(strings.Trim(label, " \t\r\n\"'<>;,"))
	label, _ = cutAny(label, " ;,\"") // charset="x"; something
	for _, prefix := range []string{"cp-", "cp_", "cp", "win-", "win", "windows_", "x-cp", "x-windows-", "microsoft-cp"} {
		if number, ok := strings.CutPrefix(label, prefix); ok && len(number) == 4 && strings.HasPrefix(number, "125") {
			return "windows-" + number
		}
	}
	if c, ok := labels[label]; ok {
		return c
	}
	if number, ok := strings.CutPrefix(strings.ReplaceAll(label, "_", "-"), "iso8859-"); ok {
		label = "iso-8859-" + number
	}
	return label
}

// sevenBit lists the charsets that hide in ASCII, so that being ASCII does not
// make a text plain.
func sevenBit(l string) bool {
	switch l {
	case "iso-2022-jp", "iso-2022-kr", "hz-gb-2312", "utf-7", "utf-16", "utf-16le", "utf-16be":
		return true
	}
	return false
}

func doubleByte(l string) bool {
	switch l {
	case "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr":
		return true
	}
	return false
}

// shiftedToEUC turns ISO-2022-KR (RFC 1557) into EUC-KR: between SO and SI the
// bytes are Korean.
func shiftedToEUC(b []byte) []byte {
	b = bytes.ReplaceAll(b, []byte("\x1b$)C"), nil)
	out := make([]byte, 0, len(b))
	korean := false
	for _, c := range b {
		switch {
		case c == 0x0e || c == 0x0f:
			korean = c == 0x0e
		case c == '\n':
			korean = false
			out = append(out, c)
		case korean && c > ' ' && c < 0x7f:
			out = append(out, c|0x80)
		default:
			out = append(out, c)
		}
	}
	return out
}

// decodeUTF7 decodes RFC 2152. What is no valid shift stays as it is.
func decodeUTF7(b []byte) string {
	var out strings.Builder
	for len(b) > 0 {
		i := bytes.IndexByte(b, '+')
		if i < 0 {
			i = len(b)
		}
		out.Write(b[:i])
		if b = b[i:]; len(b) == 0 {
			break
		}
		n := 1
		for n < len(b) && isBase64(b[n]) {
			n++
		}
		raw := make([]byte, base64.RawStdEncoding.DecodedLen(n-1))
		size, err := base64.RawStdEncoding.Decode(raw, b[1:n])
		switch {
		case n == 1 && len(b) > 1 && b[1] == '-':
			out.WriteByte('+')
		case n == 1 || err != nil && size < 2:
			out.Write(b[:n])
		default:
			units := make([]uint16, 0, size/2)
			for k := 0; k+1 < size; k += 2 {
				units = append(units, uint16(raw[k])<<8|uint16(raw[k+1]))
			}
			out.WriteString(string(utf16.Decode(units)))
		}
		b = b[n:]
		if len(b) > 0 && b[0] == '-' {
			b = b[1:]
		}
	}
	return strings.ToValidUTF8(out.String(), "\uFFFD")
}

func isBase64(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/'
}
