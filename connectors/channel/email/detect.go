package email

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// detectSample bounds what is looked at to guess an encoding.
const detectSample = 16 << 10

// candidates are the encodings that go unlabelled, the more frequent first.
var candidates = []string{
	"gb18030", "big5", "shift_jis", "euc-jp", "euc-kr",
	"windows-1251", "koi8-r", "windows-1252", "iso-8859-5", "ibm866",
	"windows-1253", "windows-1255", "windows-1256", "windows-874", "windows-1250",
}

// A decoding is natural from this score up, and below the lower one it is
// hardly what anybody wrote.
const (
	natural   = 0.45
	unnatural = 0.2
)

// detect returns b decoded from the encoding that makes the most natural text
// of it, "" where none does. Statistics over byte pairs need long texts; this
// looks at how common the characters are that come out, which tells the
// encodings apart from a handful of characters on.
func detect(b []byte) string {
	best, label := 0.0, ""
	for _, l := range candidates {
		s, bad := decodeAs(b[:min(len(b), detectSample)], l)
		if bad > 1+len(s)/100 {
			continue
		}
		if n := naturalness(s); n > best {
			best, label = n, l
		}
	}
	if best < natural {
		return ""
	}
	s, _ := decodeAs(b, label)
	return s
}

// contradicted reports whether s, which b was decoded to as its label says, is
// nonsense, while another encoding makes natural text of b.
func contradicted(b []byte, s string) bool {
	if isASCII(b) || naturalness(s) >= unnatural || multibyteRunes(s) < 4 {
		return false
	}
	d := detect(b)
	return d != "" && naturalness(d) >= 0.6
}

// naturalness is how common the characters beyond ASCII are at the beginning
// of s, between -2 and 1.
func naturalness(s string) float64 {
	sum, n := 0.0, 0
	var before rune
	s = strings.ToValidUTF8(s[:min(len(s), detectSample)], "")
	for i, r := range s {
		if r >= utf8.RuneSelf {
			after, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
			sum += commonness(before, r, after)
			n++
		}
		before = r
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

func commonness(before, r, after rune) float64 {
	switch {
	case r == utf8.RuneError || r < 0xa0 || unicode.Is(unicode.Co, r):
		return -2
	case strings.ContainsRune("\u00a0–—‘’“”„…•€«»°§·", r):
		return 0.3
	case r >= 0x3041 && r <= 0x3096 || r >= 0x30a1 && r <= 0x30fc:
		return 0.9
	case unicode.Is(unicode.Han, r):
		return pick(common[r], 1, 0.05)
	case r >= 0x3000 && r <= 0x3020 || r >= 0xff01 && r <= 0xff5e:
		return 0.5
	case r >= 0xff61 && r <= 0xff9f: // half-width kana
		return 0
	case unicode.Is(unicode.Hangul, r):
		return pick(common[r], 1, 0.2)
	case unicode.Is(unicode.Latin, r):
		return latinness(before, r, after)
	case unicode.Is(unicode.Cyrillic, r), unicode.Is(unicode.Greek, r):
		switch {
		case isLetter(before), isLetter(after), unicode.IsUpper(r) && unicode.IsLower(before):
			return -1
		case unicode.IsUpper(r):
			return pick(common[unicode.ToLower(r)], 0.6, 0)
		}
		return pick(common[r], 1, 0.15)
	case unicode.Is(unicode.Hebrew, r), unicode.Is(unicode.Arabic, r), unicode.Is(unicode.Thai, r):
		if isLetter(before) || isLetter(after) {
			return -1
		}
		return pick(common[r], 0.9, 0.1)
	}
	return -0.5
}

// latinness: a letter with a mark stands among plain letters.
func latinness(before, r, after rune) float64 {
	if unicode.IsUpper(r) && isLetter(before) && before >= 'a' {
		return -1
	}
	if !isLetter(before) && !isLetter(after) {
		return -0.3
	}
	return pick(strings.ContainsRune("àâäáãåæçèéêëìíîïñòóôöõøùúûüýßÄÖÜÉÅØœ", r), 0.7, 0.1)
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

func pick(cond bool, yes, no float64) float64 {
	if cond {
		return yes
	}
	return no
}

// common holds the characters that make up most of what people write.
var common = set(
	// Chinese in both scripts, with the words of trade and support.
	"的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运",
	"您请订单谢邮货收款退换快递客户服务格付账密码登录附联系帮助吗呢吧啊嘛检查周六七八九期午晚早店购买卖寄送坏损修理投诉尽速复速签章盖合约价钱元费发票税号址地图片照视频错误失败功测试试验标准版升级更新软硬网络站页链载传李王刘陈杨赵黄吴徐孙朱胡郭林罗梁宋郑谢韩唐冯董程曹袁邓许傅沈曾彭吕北京上海广州深圳杭苏南武汉成都",
	"這個們來為國說時會對過發後裡種經麼學現當沒動還進樣開從實軍無與長機關點業將兩間問並應戰頭體見產話內給門東聲員解論處義幾認條氣題爾別變總電數報結場計資統區隊決馬書則聽卻達強難權設記類據邊張該規萬覺術領確傳師觀讓識帶導爭運請訂單謝郵貨換遞戶務帳碼錄聯檢週購買賣損訴盡復簽蓋約價錢費稅號圖視頻錯誤敗測試標準網絡頁鏈載劉陳楊趙黃吳孫鄭韓馮鄧許",
	"日本語様件名送信返願致申込注文商品発届確認対応会社御連絡先週株式担当者読書払済円広関変気経営業務期待問合案内新規登録客配届済",
	// Korean.
	"이다는에가을의하고은지를사도한로기서어그시리니대나자아있수정해인보일것들부전주상제장구원만안습요라면으과여게동성문스드오마우미소비신연야까음금때더위당내회바생물화중공국선세무모조경용합네녕감품배송불확답받입글메확영김박최질점없않겠었했된될알려좋반왔싶드립월년오늘번호",
	// Cyrillic, Greek, Hebrew, Arabic, Thai.
	"оеаинтсрвлк", "αοιετσνηυρκίάό", "יוהלאמרתבשנעד", "اليمونتربةعدسفهكحأ", "านรอกเงมยลวดทสตะปบคหแจพชขใไโ่้ีัิ็ืุูึ์ำ",
)

func set(lists ...string) map[rune]bool {
	m := map[rune]bool{}
	for _, l := range lists {
		for _, r := range l {
			m[r] = true
		}
	}
	return m
}
