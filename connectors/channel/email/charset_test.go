package email

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

func encoded(t testing.TB, e encoding.Encoding, s string) string {
	t.Helper()
	b, err := e.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBytesWinOverLabels: what customers see is what was written, whatever the
// mail claims about its bytes.
func TestBytesWinOverLabels(t *testing.T) {
	const (
		zh     = "您好,我的订单还没有收到,请尽快处理,谢谢!"
		tw     = "您好,我的訂單還沒有收到,請盡快處理,謝謝!"
		ja     = "お世話になっております。注文した商品がまだ届きません。"
		ko     = "안녕하세요. 주문한 상품이 아직 도착하지 않았습니다."
		ru     = "Здравствуйте, мой заказ ещё не пришёл."
		de     = "Grüße aus München, die Bestellung fehlt – schöne Straße"
		fr     = "Bonjour, ma commande n'est pas arrivée à l'été, ça va être réglé ?"
		gr     = "Καλημέρα σας, η παραγγελία μου δεν έχει φτάσει"
		arabic = "مرحبا، لم تصل طلبيتي بعد، شكرا لكم على المساعدة"
	)
	gb, big5 := simplifiedchinese.GB18030, traditionalchinese.Big5
	for _, tc := range []struct {
		name, label string
		enc         encoding.Encoding
		text        string
	}{
		{"GBK as gb2312", "gb2312", gb, "朱镕基 " + zh},
		{"GB18030 as gb2312", "GB2312", gb, "㐀𠀀 " + zh},
		{"GBK as cp936", "cp936", gb, zh},
		{"GBK as utf-8", "utf-8", gb, zh},
		{"GBK as us-ascii", "us-ascii", gb, zh},
		{"GBK as iso-8859-1", "iso-8859-1", gb, zh},
		{"GBK as windows-1252", "windows-1252", gb, zh},
		{"GBK as big5", "big5", gb, zh},
		{"GBK unlabelled", "", gb, zh},
		{"GBK, two characters", "", gb, "你好"},
		{"GBK, four characters", "", gb, "订单问题"},
		{"GBK among ASCII", "", gb, "Order 4711 订单 not here"},
		{"UTF-8 as gb2312", "gb2312", nil, zh},
		{"UTF-8 as iso-8859-1", "iso-8859-1", nil, de},
		{"UTF-8 as iso-8859-15", "iso-8859-15", nil, de},
		{"UTF-8 as koi8-r", "koi8-r", nil, ru},
		{"UTF-8 as iso-2022-jp", "shift_jis", nil, ja},
		{"Big5", "big5", big5, tw},
		{"Big5 unlabelled", "", big5, tw},
		{"Big5-HKSCS", "Big5-HKSCS", big5, tw},
		{"Big5 as gb2312", "gb2312", big5, tw},
		{"ISO-2022-JP without label", "", japanese.ISO2022JP, ja},
		{"ISO-2022-JP as us-ascii", "us-ascii", japanese.ISO2022JP, ja},
		{"ISO-2022-JP as utf-8", "utf-8", japanese.ISO2022JP, ja},
		{"half-width kana", "iso-2022-jp", japanese.ISO2022JP, "ﾃｽﾄです"},
		{"half-width kana without label", "", japanese.ISO2022JP, "ﾃｽﾄです"},
		{"Shift_JIS as cp932", "cp932", japanese.ShiftJIS, ja + "①㈱髙"},
		{"Shift_JIS as windows-31j", "Windows-31J", japanese.ShiftJIS, ja},
		{"Shift_JIS unlabelled", "", japanese.ShiftJIS, ja},
		{"Shift_JIS as utf-8", "utf-8", japanese.ShiftJIS, ja},
		{"EUC-JP", "x-euc-jp", japanese.EUCJP, ja},
		{"EUC-JP unlabelled", "", japanese.EUCJP, ja},
		{"EUC-KR as ks_c_5601-1987", "ks_c_5601-1987", korean.EUCKR, ko},
		{"CP949 as cp949", "cp949", korean.EUCKR, ko + "똠방각하"},
		{"EUC-KR unlabelled", "", korean.EUCKR, ko},
		{"windows-1251", "cp1251", charmap.Windows1251, ru},
		{"windows-1251 unlabelled", "", charmap.Windows1251, ru},
		{"KOI8-R unlabelled", "", charmap.KOI8R, ru},
		{"KOI8-R as windows-1251", "windows-1251", charmap.KOI8R, ru},
		{"windows-1252 as iso-8859-1", "iso-8859-1", charmap.Windows1252, de},
		{"windows-1252 unlabelled", "", charmap.Windows1252, de},
		{"windows-1252 as utf-8", "utf-8", charmap.Windows1252, fr},
		{"windows-1252 as us-ascii", "us-ascii", charmap.Windows1252, "Müller"},
		{"windows-1250", "windows-1250", charmap.Windows1250, "Příliš žluťoučký kůň"},
		{"windows-1253 unlabelled", "", charmap.Windows1253, gr},
		{"windows-1256 unlabelled", "", charmap.Windows1256, arabic},
		{"windows-1254", "iso-8859-9", charmap.Windows1254, "Şikâyetim var, ığdır"},
		{"UTF-16 with mark", "utf-16", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), zh},
		{"UTF-16LE", "utf-16le", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), zh},
		{"UTF-16 unlabelled", "", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), fr},
		{"UTF-16BE unlabelled", "", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), fr},
		{"UTF-8 called utf-16", "utf-16", nil, de},
		{"HZ", "hz-gb-2312", simplifiedchinese.HZGB2312, zh},
		{"UTF-8 with mark", "gb2312", unicode.UTF8BOM, zh},
	} {
		raw := tc.text
		if tc.enc != nil {
			raw = encoded(t, tc.enc, tc.text)
		}
		if got := toUTF8([]byte(raw), tc.label); got != tc.text {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.text)
		}
	}
	for _, tc := range []struct{ label, raw, want string }{
		{"utf-7", "Hi Mom +Jjo--!", "Hi Mom ☺-!"},
		{"UNICODE-1-1-UTF-7", "1 +- 1 = 2; +ZeVnLIqe-", "1 + 1 = 2; 日本語"},
		{"iso-2022-kr", "\x1b$)C\n\x0e>H3g\x0f ok", "\n안녕 ok"},
		{"utf-8", strings.Repeat("中文", 5) + "\xe4\xb8", strings.Repeat("中文", 5) + "\uFFFD"}, // cut in half, not GBK
	} {
		if got := toUTF8([]byte(tc.raw), tc.label); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.label, got, tc.want)
		}
	}
}
