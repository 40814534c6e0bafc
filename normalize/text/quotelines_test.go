package text

import (
	"html"
	"os"
	"strings"
	"testing"
)

// answers are what a customer writes in each of the languages of the tables.
var answers = map[string]string{
	"en": "Blue, please. When will it come?", "zh": "要蓝色的。什么时候到？", "zh-tw": "要藍色的。什麼時候到？", "ja": "青でお願いします。いつ届きますか。",
	"de": "Blau bitte. Wann kommt es?", "fr": "Bleu, s'il vous plaît. C'est pour quand ?", "es": "Azul, por favor. ¿Cuándo llega?",
	"pt": "Azul, por favor. Quando chega?", "ru": "Синий, пожалуйста. Когда придёт?", "ko": "파란색으로 부탁드립니다. 언제 도착하나요?", "ar": "الأزرق من فضلك. متى يصل؟",
}

// greetingsOf are how the customer begins.
var greetingsOf = map[string]string{
	"en": "Hi Ann,", "zh": "您好！", "zh-tw": "王小姐，您好：", "ja": "山田様", "de": "Sehr geehrte Frau Smith,", "fr": "Bonjour Madame,",
	"es": "Buenos días:", "pt": "Prezada Ann,", "ru": "Здравствуйте!", "ko": "김영희님 안녕하세요", "ar": "السلام عليكم،",
}

// table reads the rows of a file in testdata/lines.
func table(t *testing.T, file string) [][]string {
	t.Helper()
	b, err := os.ReadFile("testdata/lines/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(line, "\n"), " | ")
		if len(cells) < 3 || answers[cells[0]] == "" {
			t.Fatalf("%s: %q", file, line)
		}
		rows = append(rows, cells)
	}
	return rows
}

// wantVisible fails where what is left of a mail is not what was written in it.
func wantVisible(t *testing.T, row []string, form, body, want string) {
	t.Helper()
	if got := NewlyWritten(Clean(body)); got != want {
		t.Errorf("%s, %s, %s:\n%s\n--- not\n%s", row[0], row[1], form, got, want)
	}
}

// wrapped breaks a line between words as programs do at width bytes or more.
func wrapped(line string, width int) string {
	var b strings.Builder
	n := 0
	for i, word := range strings.Split(line, " ") {
		switch {
		case i == 0:
		case n+len(word) >= width:
			b.WriteByte('\n')
			n = 0
		default:
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += len(word)
	}
	return b.String()
}

// TestAttributions, as programs write them in ten languages: over a quote with
// ">" and without, broken at two widths, and below the sender's own words of
// one line or more.
func TestAttributions(t *testing.T) {
	for _, row := range table(t, "attributions.txt") {
		say, line := answers[row[0]], row[2]
		quote := "> " + say + "\n>\n> Ann"
		wantVisible(t, row, "quoted", say+"\n\n"+line+"\n\n"+quote, say)
		wantVisible(t, row, "quoted at once", say+"\n\nBob\n\n"+line+"\n"+quote, say+"\n\nBob")
		if strings.HasPrefix(line, ">") {
			continue
		}
		wantVisible(t, row, "broken", say+"\n\n"+wrapped(line, 60)+"\n\n"+quote, say)
		wantVisible(t, row, "below", line+"\n"+quote+"\n\n"+say, say)
		hello := greetingsOf[row[0]]
		wantVisible(t, row, "below a greeting", hello+"\n\n"+line+"\n"+quote+"\n\n"+say, hello+"\n\n"+say)
		between := say + "\n\n" + line + "\n" + quote + "\n\n" + say
		wantVisible(t, row, "between words", between, between)
		wantVisible(t, row, "below a signature of the program", say+"\n\nSent from my iPhone\n\n"+line+"\n\n"+quote, say)
		if strings.Contains(line, "@") && len(row) == 3 {
			wantVisible(t, row, "not quoted", say+"\n\n"+line+"\n\n"+say+"\nAnn", say)
			wantVisible(t, row, "broken and not quoted", say+"\n\n"+wrapped(line, 60)+"\n\n"+say+"\nAnn", say)
		}
	}
}

// TestOwnWordsStay: what a customer writes of dates, times and addresses is no
// quote, though words follow.
func TestOwnWordsStay(t *testing.T) {
	for _, row := range table(t, "own.txt") {
		say, hello := answers[row[0]], greetingsOf[row[0]]
		for _, body := range []string{
			hello + "\n\n" + row[2] + "\n\n" + say + "\n\nBob",
			say + "\n\n" + row[2] + "\n" + say,
			say + " " + row[2] + "\n\n" + say,
		} {
			wantVisible(t, row, "own words", body, body)
		}
	}
}

// TestProgramSignatures, as programs write them in ten languages: alone, with
// what stands around it and over a quote.
func TestProgramSignatures(t *testing.T) {
	for _, row := range table(t, "signatures.txt") {
		say, line := answers[row[0]], row[2]
		wantVisible(t, row, "at the end", say+"\n\n"+line, say)
		if len(row) == 3 {
			wantVisible(t, row, "right below", say+"\nBob\n"+line, say+"\nBob")
		} else {
			wantVisible(t, row, "right below", say+"\nBob\n"+line, say+"\nBob\n"+line)
		}
		wantVisible(t, row, "over a quote", say+"\n\n"+line+"\n\nOn 15 Jan 2024, at 14:30, Ann <ann@shop.test> wrote:\n\n> "+say, say)
		wantVisible(t, row, "over a header", say+"\n\n"+line+"\n________________________________\nFrom: Ann <ann@shop.test>\nSent: Monday\nTo: Bob\nSubject: x\n\n"+say, say)
	}
}

// TestCopiedHeaders, as programs write them in ten languages.
func TestCopiedHeaders(t *testing.T) {
	for _, row := range table(t, "headers.txt") {
		say := answers[row[0]]
		for form, line := range map[string]string{"": "%", "bold": "*%*", "lines of a rule": "%"} {
			labels := make([]string, 4)
			for i := range labels {
				labels[i] = strings.ReplaceAll(line, "%", row[2+i])
			}
			rule := ""
			if form != "" {
				rule = "________________________________\n"
			}
			header := labels[0] + " Ann Smith <ann@shop.test>\n" + labels[1] + " 15.01.2024 14:30\n" + labels[2] + " Bob <bob@mail.test>\n" + labels[3] + " Re: x\n"
			wantVisible(t, row, form, say+"\n\n"+rule+header+"\n"+say+"\nAnn", say)
			wantVisible(t, row, form+" names alone", say+"\n\n"+rule+strings.NewReplacer(" <ann@shop.test>", "", " <bob@mail.test>", "").Replace(header)+"\n"+say, say)
			wantVisible(t, row, form+" quoted", say+"\n\n> "+strings.ReplaceAll(strings.TrimSpace(header), "\n", "\n> "), say)
		}
	}
}

// TestLinesOverHeaders, as programs write them in ten languages, over a header
// in the same language.
func TestLinesOverHeaders(t *testing.T) {
	labels := map[string][]string{}
	for _, row := range table(t, "headers.txt") {
		labels[row[0]] = row[2:]
	}
	for _, row := range table(t, "rules.txt") {
		say, line, l := answers[row[0]], row[2], labels[row[0]]
		header := "\n" + l[0] + " Ann <ann@shop.test>\n" + l[1] + " 15/01/2024 14:30\n" + l[2] + " Bob\n" + l[3] + " x\n\n"
		wantVisible(t, row, "over a header", say+"\n\n"+line+header+say, say)
		wantVisible(t, row, "over a header and a blank line", say+"\n\n"+line+"\n"+header+say, say)
		if len(row) == 3 {
			wantVisible(t, row, "over words", say+"\n\n"+line+"\n"+say, say)
			wantVisible(t, row, "right below", say+"\n"+line+"\n"+say, say)
		}
	}
}

// TestQuotesInMarkup: the same lines as programs lay them out in HTML, also
// where a list or a gateway took the names of the elements away.
func TestQuotesInMarkup(t *testing.T) {
	for _, row := range table(t, "attributions.txt") {
		say, line := answers[row[0]], html.EscapeString(row[2])
		if strings.HasPrefix(row[2], ">") || len(row) > 3 {
			continue
		}
		old := "<div>" + say + "</div><div>Ann</div>"
		for form, quote := range map[string]string{
			"Gmail":       `<br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">` + line + `<br></div><blockquote class="gmail_quote" style="margin:0 0 0 .8ex">` + old + `</blockquote></div>`,
			"Apple Mail":  `<br id="lineBreakAtBeginningOfMessage"><div><br><blockquote type="cite"><div>` + line + `</div><br class="Apple-interchange-newline">` + old + `</blockquote></div>`,
			"Thunderbird": `<div class="moz-cite-prefix">` + line + `<br></div><blockquote type="cite" cite="mid:1@shop.test">` + old + `</blockquote>`,
			"no names":    `<br><div>` + line + `<br></div><blockquote>` + old + `</blockquote>`,
			"a Yahoo box": `<div id="yahoo_quoted_1" class="yahoo_quoted"><div>` + line + `</div><div>` + old + `</div></div>`,
		} {
			rich := `<html><head><style>p{margin:0}</style></head><body><div dir="auto">` + say + `</div>` + quote + `</body></html>`
			if got := NewlyWrittenHTML(rich); got != say {
				t.Errorf("%s, %s, %s:\n%s\n--- not\n%s", row[0], row[1], form, got, say)
			}
		}
	}
	for _, row := range table(t, "headers.txt") {
		say, header := answers[row[0]], ""
		for i, what := range []string{"Ann Smith &lt;ann@shop.test&gt;", "15.01.2024 14:30", "Bob &lt;bob@mail.test&gt;", "Re: x"} {
			header += "<b>" + row[2+i] + "</b> " + what + "<br>"
		}
		for form, quote := range map[string]string{
			"Outlook for Windows": `<p class="MsoNormal">&nbsp;</p><div><div style="border:none;border-top:solid #E1E1E1 1.0pt"><p class="MsoNormal">` + header + `</p></div></div><p class="MsoNormal">` + say + `</p>`,
			"Outlook on the web":  `<div id="appendonsend"></div><hr style="width:98%"><div id="divRplyFwdMsg" dir="ltr"><font face="Calibri">` + header + `</font><div>&nbsp;</div></div><div>` + say + `</div>`,
			"no names":            `<hr><div>` + header + `</div><div>` + say + `</div>`,
		} {
			if got := NewlyWrittenHTML(`<div class="WordSection1"><p class="MsoNormal">` + say + `</p></div>` + quote); got != say {
				t.Errorf("%s, %s, %s:\n%s\n--- not\n%s", row[0], row[1], form, got, say)
			}
		}
	}
}
