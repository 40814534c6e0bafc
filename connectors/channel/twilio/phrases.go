package twilio

import (
	"maps"
	"slices"
	"strings"
)

// phrase is what callers hear where nothing else is configured.
type phrase struct{ greeting, leave, nobody, thanks string }

// phrases by language, without the region.
var phrases = map[string]phrase{
	"en": {"Thank you for calling.", "Nobody can take your call now. Please leave a message after the tone.", "Nobody can take your call now. Goodbye.", "Thank you. We will get back to you. Goodbye."},
	"zh": {"感谢您的来电。", "现在无法接听您的电话，请在提示音后留言。", "现在无法接听您的电话，再见。", "谢谢您的留言，我们会尽快与您联系。再见。"},
	"de": {"Vielen Dank für Ihren Anruf.", "Zurzeit kann niemand Ihren Anruf annehmen. Bitte sprechen Sie nach dem Signalton.", "Zurzeit kann niemand Ihren Anruf annehmen. Auf Wiederhören.", "Vielen Dank, wir melden uns bei Ihnen. Auf Wiederhören."},
	"fr": {"Merci de votre appel.", "Personne ne peut prendre votre appel pour le moment. Veuillez laisser un message après le bip.", "Personne ne peut prendre votre appel pour le moment. Au revoir.", "Merci, nous vous recontacterons. Au revoir."},
	"es": {"Gracias por su llamada.", "Ahora nadie puede atenderle. Deje su mensaje después de la señal.", "Ahora nadie puede atenderle. Adiós.", "Gracias, nos pondremos en contacto con usted. Adiós."},
	"it": {"Grazie per la chiamata.", "Ora nessuno può rispondere. Lasci un messaggio dopo il segnale.", "Ora nessuno può rispondere. Arrivederci.", "Grazie, la richiameremo. Arrivederci."},
	"pt": {"Obrigado pela sua chamada.", "Agora ninguém pode atender. Deixe a sua mensagem após o sinal.", "Agora ninguém pode atender. Adeus.", "Obrigado, entraremos em contacto consigo. Adeus."},
	"nl": {"Bedankt voor uw telefoontje.", "Op dit moment kan niemand opnemen. Spreek na de toon een bericht in.", "Op dit moment kan niemand opnemen. Tot ziens.", "Bedankt, wij nemen contact met u op. Tot ziens."},
	"pl": {"Dziękujemy za telefon.", "W tej chwili nikt nie może odebrać. Prosimy zostawić wiadomość po sygnale.", "W tej chwili nikt nie może odebrać. Do widzenia.", "Dziękujemy, skontaktujemy się. Do widzenia."},
	"ja": {"お電話ありがとうございます。", "ただいま電話に出ることができません。発信音の後にメッセージをお残しください。", "ただいま電話に出ることができません。失礼いたします。", "ありがとうございます。後ほどご連絡いたします。失礼いたします。"},
	"ko": {"전화해 주셔서 감사합니다.", "지금은 전화를 받을 수 없습니다. 삐 소리 후 메시지를 남겨 주세요.", "지금은 전화를 받을 수 없습니다. 안녕히 계세요.", "감사합니다. 곧 연락드리겠습니다. 안녕히 계세요."},
}

// byPrefix is the language that most people speak who have a number of that
// country code, as Twilio names it for <Say>. The longest prefix counts.
var byPrefix = map[string]string{
	"+1": "en-US", "+44": "en-GB", "+61": "en-AU", "+64": "en-AU", "+353": "en-GB",
	"+86": "zh-CN", "+852": "zh-HK", "+853": "zh-HK", "+886": "zh-TW",
	"+49": "de-DE", "+43": "de-DE", "+423": "de-DE", "+33": "fr-FR", "+377": "fr-FR",
	"+34": "es-ES", "+52": "es-MX", "+54": "es-MX", "+56": "es-MX", "+57": "es-MX", "+51": "es-MX", "+58": "es-MX", "+593": "es-MX",
	"+39": "it-IT", "+351": "pt-PT", "+55": "pt-BR", "+31": "nl-NL", "+48": "pl-PL", "+81": "ja-JP", "+82": "ko-KR",
}

// languageOf is the language in which a caller is spoken to: the one of the
// number, if there is a greeting in it, else the configured one.
func (v *Voice) languageOf(number string) string {
	_, number = split(number)
	for n := min(4, len(number)); n > 1; n-- {
		lang, ok := byPrefix[number[:n]]
		if !ok {
			continue
		}
		if v.greets(lang) {
			return lang
		}
		break
	}
	return v.Language
}

// greets reports whether there is a greeting in a language.
func (v *Voice) greets(lang string) bool {
	if pick(v.Greetings, lang, "") != "" {
		return true
	}
	_, builtIn := phrases[base(lang)]
	return v.Greeting == "" && builtIn || base(lang) == base(v.Language)
}

func (v *Voice) greeting(lang string) string {
	if g := pick(v.Greetings, lang, ""); g != "" {
		return g
	}
	if v.Greeting != "" && base(lang) == base(v.Language) {
		return v.Greeting
	}
	return phraseFor(lang).greeting
}

// pick returns the words in a language, region and all if there are any, else
// in the same language of another region, else other.
func pick(words map[string]string, lang, other string) string {
	for _, tag := range slices.Sorted(maps.Keys(words)) {
		if strings.EqualFold(tag, lang) {
			return words[tag]
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(words)) {
		if base(tag) == base(lang) {
			return words[tag]
		}
	}
	return other
}

func base(lang string) string {
	b, _, _ := strings.Cut(strings.ToLower(lang), "-")
	return b
}

// phraseFor returns the built-in words; English ones where there are none.
func phraseFor(lang string) phrase {
	if p, ok := phrases[base(lang)]; ok {
		return p
	}
	return phrases["en"]
}
