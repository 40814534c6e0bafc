package main

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// messageSize is the length of the texts in bytes: the "message of 1 KB" of
// the goals.
const messageSize = 1024

// vocabulary is roughly in the order of how often its words are used in
// letters to a support desk; writer draws from it accordingly.
var vocabulary = strings.Fields(`
the to i and a of you is for it my in that on have not with this was your me be are but as we please can at
so if from order or an will has do been had just what there when they would am which one no how all still
could out up about get by received after did any know only time now back because since were more our
again than other then them before also like some need us day days thank thanks hello regards dear account
email number delivery help sent send today yesterday week weeks month payment invoice refund parcel address
phone card customer service address shipping tracking item items price paid pay bank money problem issue error
message password login website page app device update version works working broken missing wrong right new old
first second last next same another each every both few many much very too really already never always often
sometimes maybe perhaps however although unfortunately luckily actually finally usually probably certainly
tell told said say says called call calling asked ask asking answer answered reply waiting wait waited tried
try trying used use using bought buy ordered ordering return returned returning replace replaced replacement
cancel cancelled cancellation change changed confirm confirmed confirmation check checked contact contacted
deliver delivered arrive arrived arriving expect expected open opened opening close closed find found look
looking show shows shown screen picture attached file document contract subscription renewal monthly yearly
discount voucher code coupon offer shop store warehouse courier driver neighbour door house street city country
morning afternoon evening night monday tuesday wednesday thursday friday saturday sunday january february march
april june july august september october november december birthday present gift family mother father
daughter son wife husband friend colleague manager company office team department person people someone nobody
anyone everything something nothing anything kitchen table chair lamp shelf drawer cable charger battery
keyboard printer router camera headphones speaker shoes jacket shirt trousers size colour black white blue green
red grey large small medium long short heavy light damaged scratched cracked torn leaking noisy loose bent dirty
box package packaging label manual instructions screws parts piece pieces set warranty guarantee repair repaired
technician appointment visit installation settings button menu link browser cookie notification reminder
unsubscribe newsletter language german english french translation polite friendly patient angry disappointed
satisfied happy surprised confused sorry grateful urgent important immediately soon later quickly slowly
possible impossible necessary available unavailable correct incorrect complete incomplete different similar
clear unclear difficult easy simple complicated reason explanation solution suggestion question questions
request complaint feedback review opinion experience quality quantity amount total balance statement receipt
transfer credit debit charge charged twice fee fees tax customs import insurance claim evidence photograph
reference ticket case support agent chat conversation history record details information data privacy
consent deletion export policy terms conditions deadline legal consumer protection authority lawyer court
train flight hotel booking reservation room breakfast passenger luggage delay delayed compensation rescheduled
garden bicycle tyre wheel helmet engine vehicle licence mileage fuel garage mechanic inspection winter summer
medicine pharmacy prescription doctor nurse hospital allergy dosage tablets appointment laboratory result results
school teacher course lesson exam certificate enrolment semester library textbook homework
mortgage tenant landlord deposit lease rent heating electricity meter reading broadband outage signal coverage roaming
whether while until unless despite instead therefore besides regarding concerning meanwhile otherwise moreover
`)

// names are the customers' own.
var names = strings.Fields(`Anna Bernd Carla David Elif Farid Greta Hiro Ines Jonas Karim Lena Mateo Nadia Oskar Paula Quentin
Rosa Stefan Tomoko Ulrike Viktor Wanda Ximena Yusuf Zofia Müller Schmidt García Rossi Novák Yılmaz Tanaka Kowalska
Nguyen Silva Dubois Jansen Petrov Andersen O'Brien Haddad Okafor Lindqvist Fischer Moreau Costa Weber Horvat Popescu`)

// writer makes texts. Two with the same seed make the same ones.
type writer struct {
	rng    *rand.Rand
	weight []float64 // cumulative, of the words
}

func newWriter(seed uint64) *writer {
	w := &writer{rng: rand.New(rand.NewPCG(seed, 1)), weight: make([]float64, len(vocabulary))}
	sum := 0.0
	for i := range vocabulary {
		sum += 1 / (float64(i) + 2.7) // Zipf's law, as Mandelbrot mended it
		w.weight[i] = sum
	}
	return w
}

// text returns size bytes of sentences and paragraphs. Deflate takes no more
// off it than off a letter in English: see TestTextsPackLikeLetters.
func (w *writer) text(size int) string {
	var b strings.Builder
	for b.Len() < size {
		w.sentence(&b)
		if w.rng.IntN(5) == 0 {
			b.WriteString("\n\n")
		} else {
			b.WriteByte(' ')
		}
	}
	return strings.ToValidUTF8(b.String()[:size], "") // the cut may go through a letter
}

func (w *writer) sentence(b *strings.Builder) {
	n := 5 + w.rng.IntN(14)
	for i := range n {
		word := w.word()
		if i == 0 {
			r, size := utf8.DecodeRuneInString(word)
			word = string(unicode.ToUpper(r)) + word[size:]
		}
		b.WriteString(word)
		switch {
		case i == n-1:
			b.WriteByte(".!?."[w.rng.IntN(4)])
		case w.rng.IntN(12) == 0:
			b.WriteString(", ")
		default:
			b.WriteByte(' ')
		}
	}
}

func (w *writer) word() string {
	switch w.rng.IntN(60) {
	case 0:
		return strconv.Itoa(w.rng.IntN(1000))
	case 1:
		return fmt.Sprintf("DE-%06d", w.rng.IntN(1_000_000))
	case 2:
		return names[w.rng.IntN(len(names))]
	}
	x := w.rng.Float64() * w.weight[len(w.weight)-1]
	return vocabulary[sort.SearchFloat64s(w.weight, x)]
}

// name returns what the customer of a number calls themself.
func name(customer int) string {
	return names[customer%len(names)] + " " + names[(customer/len(names)+27)%len(names)]
}
