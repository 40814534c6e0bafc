package text

import (
	"strings"
	"unicode"
)

const (
	// maxLanguage is how much of a text Language looks at, in bytes.
	maxLanguage = 8 << 10
	// enoughLetters of one script tell a language that has it for itself.
	enoughLetters = 2
	// enoughWords is how many different common words of a language a text must
	// hold.
	enoughWords = 2
)

// Language guesses in which language a text is, and returns its ISO 639-1
// code, or "" where it cannot tell. It goes by the script, and among languages
// that share one by their most common words and their own letters, so that it
// needs a sentence: it says nothing of "ok", a name or a number, tells no
// dialects apart (Traditional and Simplified Chinese are both zh), and takes a
// language that languageWords does not list for none, or for one that is close
// to it. In a mixed text the language of more words wins.
func Language(s string) string {
	if len(s) > maxLanguage {
		s = strings.ToValidUTF8(s[:maxLanguage], "")
	}
	s = strings.ToLower(s)
	var count struct{ latin, han, kana, hangul, cyrillic, arabic int }
	others := map[string]int{}
	for _, r := range s {
		switch {
		case r < unicode.MaxASCII:
			if 'a' <= r && r <= 'z' {
				count.latin++
			}
		case !unicode.IsLetter(r):
		case unicode.Is(unicode.Latin, r):
			count.latin++
		case unicode.Is(unicode.Han, r):
			count.han++
		case unicode.In(r, unicode.Hiragana, unicode.Katakana):
			count.kana++
		case unicode.Is(unicode.Hangul, r):
			count.hangul++
		case unicode.Is(unicode.Cyrillic, r):
			count.cyrillic++
		case unicode.Is(unicode.Arabic, r):
			count.arabic++
		default:
			for lang, script := range ownScripts {
				if unicode.Is(script, r) {
					others[lang]++
				}
			}
		}
	}
	// A character of Chinese says as much as several letters.
	const weight = 3
	best, most := "", enoughLetters-1
	consider := func(n int, lang string) {
		if n > most {
			best, most = lang, n
		}
	}
	han := "zh"
	if count.kana*10 > count.han { // a Japanese text is never without kana for long
		han = "ja"
	}
	consider(weight*(count.han+count.kana)-1, han)
	consider(weight*count.hangul-1, "ko")
	for _, lang := range []string{"el", "he", "hi", "hy", "ka", "th"} {
		consider(others[lang], lang)
	}
	consider(count.latin, "latin")
	consider(count.cyrillic, "cyrillic")
	consider(count.arabic, "arabic")
	switch best {
	case "latin", "cyrillic":
		return byWords(s, best)
	case "arabic":
		switch {
		case strings.ContainsAny(s, "ٹڈڑےں"):
			return "ur"
		case strings.ContainsAny(s, "پچژگکی"):
			return "fa"
		}
		return "ar"
	}
	return best
}

// ownScripts are of languages that share theirs with none that is likely here.
var ownScripts = map[string]*unicode.RangeTable{
	"el": unicode.Greek, "he": unicode.Hebrew, "hi": unicode.Devanagari, "hy": unicode.Armenian, "ka": unicode.Georgian, "th": unicode.Thai,
}

// byWords counts the common words of each language of a script, and the
// letters that it alone has.
func byWords(s, script string) string {
	hits, kinds := map[string]int{}, map[string]map[string]bool{}
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' }) {
		w = strings.Trim(w, "'")
		for _, lang := range speakers[script][w] {
			hits[lang]++
			if kinds[lang] == nil {
				kinds[lang] = map[string]bool{}
			}
			kinds[lang][w] = true
		}
	}
	for lang, letters := range ownLetters[script] {
		n := 0
		for _, r := range letters {
			n += strings.Count(s, string(r))
		}
		if n > 0 && (len(kinds[lang]) > 0 || script == "cyrillic") {
			hits[lang] += n
			if kinds[lang] == nil {
				kinds[lang] = map[string]bool{}
			}
			kinds[lang][letters] = true
		}
	}
	best, most, second := "", 0, 0
	for lang, n := range hits {
		switch {
		case n > most || n == most && lang < best:
			best, most, second = lang, n, most
		case n > second:
			second = n
		}
	}
	if len(kinds[best]) < enoughWords || most == second {
		return ""
	}
	return best
}

// ownLetters tell languages apart that share many words.
var ownLetters = map[string]map[string]string{
	"latin": {
		"cs": "řěů", "da": "æø", "de": "ßäöü", "es": "ñ¿¡", "fr": "çœèêà", "hu": "őű", "it": "èìòù", "nb": "æøå", "pl": "łżśćąę", "pt": "ãõç",
		"ro": "țșă", "sv": "åäö", "tr": "ğşı", "vi": "đơưạảấầẩẫậắằẳẵặẹẻẽếềểễệọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ",
	},
	"cyrillic": {"be": "ў", "bg": "", "ru": "ыэё", "sr": "ђћџљњ", "uk": "іїєґ"},
}

// languageWords are common words of letters and orders.
var languageWords = map[string]map[string]string{
	"latin": {
		"cs": "a se na je že jsem jsme prosím dobrý den děkuji jak ale není mám kdy pro můj jsou které ještě nebo objednávka",
		"da": "og jeg er det ikke en et at har til på med hvad kan venlig hilsen tak min hvor vil mig fra hej ikke også",
		"de": "und ich ist nicht das die der ein eine mit für auf wir sie habe bitte danke hallo guten tag mein meine wie wann wird es zu von den dem nicht noch kann",
		"en": "the and i is are was not to of in it my you your for with have has please thank thanks hello this that when what how can we do on would still from",
		"es": "el la los las que y no en de un una es por para con mi su está hola gracias buenos días quiero tengo cuándo cómo pedido pero muy me todavía",
		"fi": "ja on ei en että se minä olen kiitos hei mutta kun miten onko minun tilaus voi ovat myös vielä hyvää päivää",
		"fr": "le la les et je ne pas est un une des du que pour avec mon ma vous bonjour merci votre nous suis quand comment dans sur mais ai commande",
		"hu": "és a az nem hogy van egy kérem köszönöm üdvözlettel mikor rendelés jó napot még már lehet én meg csak",
		"id": "dan yang saya tidak ini itu di untuk dengan apakah bisa terima kasih tolong pesanan sudah belum ada kapan anda",
		"it": "il la che e non di un una è per con mio mia sono ho buongiorno grazie quando come ordine ma della del ancora vorrei gli questo",
		"nb": "og jeg er det ikke en et å har til på med hva kan vennlig hilsen takk min hvor vil meg fra hei også deres noe",
		"nl": "de het een en ik is niet van dat op met voor mijn u wij hallo bedankt wanneer kan heb bestelling maar nog graag zijn er geen",
		"pl": "i w nie na się jest że do to dzień dobry proszę dziękuję jak kiedy mam moje zamówienie ale czy dla jeszcze mój od",
		"pt": "o a os as que e não em de um uma é para com meu minha está olá obrigado obrigada quando como pedido mas você por ainda bom dia",
		"ro": "și nu este un o că la pe de cu pentru bună ziua mulțumesc comanda mea când cum am sunt vă rog dar încă",
		"sv": "och jag är det inte en ett att har till på med vad kan vänlig hälsning tack min när vill mig från hej också ni",
		"tr": "ve bir bu ne için ile değil var yok merhaba teşekkürler lütfen sipariş siparişim zaman nasıl ben çok ama hala mi mı iyi günler",
		"vi": "và là của tôi không có một cho với xin chào cảm ơn khi nào đơn hàng được này bạn chưa",
	},
	"cyrillic": {
		"be": "і не на што я гэта з калі добры дзень дзякуй мой",
		"bg": "и не на да се е за от с моля благодаря здравейте кога поръчка моята как но още има съм",
		"ru": "и не на я что это в с мой заказ пожалуйста спасибо здравствуйте когда как но у меня для есть мне добрый день ещё где",
		"sr": "и не је да на се у за моја поруџбина хвала молим када како али сам још добар дан",
		"uk": "і не на я що це в з мій замовлення будь ласка дякую добрий день коли як але у мене для є мені ще",
	},
}

// speakers are the languages that have a word, by script and word.
var speakers = func() map[string]map[string][]string {
	all := map[string]map[string][]string{}
	for script, languages := range languageWords {
		all[script] = map[string][]string{}
		for lang, words := range languages {
			seen := map[string]bool{}
			for w := range strings.FieldsSeq(words) {
				if !seen[w] {
					seen[w] = true
					all[script][w] = append(all[script][w], lang)
				}
			}
		}
	}
	return all
}()
