package text

import (
	"strings"
	"testing"
	"time"
)

func TestLanguage(t *testing.T) {
	for s, want := range map[string]string{
		"Hello, when will my order arrive?":                    "en",
		"Guten Tag, meine Bestellung ist noch nicht da.":       "de",
		"Bonjour, je n'ai pas reçu ma commande.":               "fr",
		"Hola, ¿cuándo llega mi pedido?":                       "es",
		"Olá, quando chega o meu pedido?":                      "pt",
		"Buongiorno, quando arriva il mio ordine?":             "it",
		"Hallo, wanneer komt mijn bestelling?":                 "nl",
		"Dzień dobry, kiedy dotrze moje zamówienie?":           "pl",
		"Hej, när kommer min beställning?":                     "sv",
		"Hei, jeg har ikke fått noe svar på bestillingen min.": "nb",
		"Hej, jeg har ikke fået svar. Venlig hilsen, tak.":     "da",
		"Hei, milloin tilaus saapuu? Se ei ole vielä tullut.":  "fi",
		"Dobrý den, kdy dorazí moje objednávka? Děkuji.":       "cs",
		"Jó napot, mikor érkezik meg a rendelés?":              "hu",
		"Bună ziua, când ajunge comanda mea?":                  "ro",
		"Merhaba, siparişim ne zaman gelir?":                   "tr",
		"Xin chào, khi nào đơn hàng của tôi đến?":              "vi",
		"Halo, kapan pesanan saya tiba? Terima kasih.":         "id",
		"Здравствуйте, когда придёт мой заказ?":                "ru",
		"Добрий день, коли прийде моє замовлення?":             "uk",
		"Здравейте, кога ще пристигне моята поръчка?":          "bg",
		"你好，我的订单什么时候到？":                                        "zh",
		"我要退款 (order 4711)":                                    "zh",
		"注文はいつ届きますか。":                                          "ja",
		"주문은 언제 도착하나요?":                                        "ko",
		"متى يصل طلبي؟ شكرا لكم":                               "ar",
		"سفارش من کی می\u200cرسد؟":                             "fa",
		"Πότε θα φτάσει η παραγγελία μου;":                     "el",
		"מתי ההזמנה שלי תגיע?":                                 "he",
		"मेरा ऑर्डर कब आएगा?":                                  "hi",
		"สินค้าจะมาถึงเมื่อไหร่":                               "th",
		"ok":                   "",
		"Li Na":                "",
		"4711":                 "",
		"":                     "",
		"👍👍":                   "",
		"https://example.com/": "",
		"Lorem ipsum dolor sit amet consectetur adipiscing": "",
	} {
		if have := Language(s); have != want {
			t.Errorf("%q: %q, want %q", s, have, want)
		}
	}
}

func TestLanguageOfLongTextsEndsSoon(t *testing.T) {
	begun := time.Now()
	for _, s := range []string{"the and ", "ñ", "我", "a'", "\xff"} {
		Language(strings.Repeat(s, 1<<20))
	}
	if d := time.Since(begun); d > 10*time.Second {
		t.Errorf("%v", d)
	}
}
