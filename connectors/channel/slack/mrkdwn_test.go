package slack

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
)

func TestMarkupReads(t *testing.T) {
	for in, want := range map[string][2]string{
		"plain":                           {"plain", ""},
		"a\nb":                            {"a\nb", ""},
		"*a* b":                           {"a b", "<b>a</b> b"},
		"*_a_*":                           {"a", "<b><i>a</i></b>"},
		"*a _b* c_":                       {"a _b c_", "<b>a _b</b> c_"},
		"2*3*4 a_b_c ~ 5":                 {"2*3*4 a_b_c ~ 5", ""},
		"* not bold *":                    {"* not bold *", ""},
		"**":                              {"**", ""},
		"*a":                              {"*a", ""},
		"*a\nb*":                          {"*a\nb*", ""},
		"(*a*), _b_.":                     {"(a), b.", "(<b>a</b>), <i>b</i>."},
		"*张三*，":                           {"张三，", "<b>张三</b>，"},
		"`*a*` `b":                        {"*a* `b", "<code>*a*</code> `b"},
		"``":                              {"``", ""},
		"```\ncode\n```":                  {"code", "<pre>code</pre>"},
		"a ```b``` c":                     {"a \nb\n c", "a <pre>b</pre> c"},
		"```a":                            {"```a", ""},
		"&gt; a\nb":                       {"> a\nb", "<blockquote>a</blockquote>b"},
		"&gt;&gt;&gt; a\nb":               {"> a\n> b", "<blockquote>a<br>b</blockquote>"},
		"&amp;lt; &lt;b&gt;":              {"&lt; <b>", ""},
		"<https://a.example>":             {"https://a.example", `<a href="https://a.example">https://a.example</a>`},
		"<https://a.example|a.example>":   {"https://a.example", `<a href="https://a.example">a.example</a>`},
		"<https://a.example|here>":        {"here (https://a.example)", `<a href="https://a.example">here</a>`},
		"<javascript:x|here>":             {"here (javascript:x)", ""},
		`<https://a.example/"onload=x|a>`: {`a (https://a.example/"onload=x)`, `<a href="https://a.example/&#34;onload=x">a</a>`},
		"<@U1> <@U1|bob> <#C1> <#C1|x>":   {"@U1 @bob #C1 #x", ""},
		"<!here> <!channel> <!everyone>":  {"@here @channel @everyone", ""},
		"<!subteam^S1> <!subteam^S1|@x>":  {"@S1 @x", ""},
		"<!date^1^{date}|today>":          {"today", ""},
		"<unclosed":                       {"<unclosed", ""},
		"<>":                              {"", ""},
		":+1::skin-tone-2: :tada: :own:":  {"👍 🎉 :own:", ""},
		"`:tada:` 10:30:15":               {":tada: 10:30:15", "<code>:tada:</code> 10:30:15"},
		"- a\n• b":                        {"- a\n• b", ""},
	} {
		plain, rich := fromMrkdwn(in)
		if plain != want[0] || rich != want[1] {
			t.Errorf("%q\n got %q, %q\nwant %q, %q", in, plain, rich, want[0], want[1])
		}
	}
}

func TestWhomAnAnswerMentions(t *testing.T) {
	for in, want := range map[string]string{
		"@U07MARIE and (@W01ABCDEFG), please": "<@U07MARIE> and (<@W01ABCDEFG>), please",
		"ask @U07MARIE":                       "ask <@U07MARIE>",
		"<@U07MARIE> @here @channel":          "&lt;@U07MARIE&gt; @here @channel",
		"x@U07MARIE @UNITEDKINGDOM @U1":       "x@U07MARIE @UNITEDKINGDOM @U1",
		"https://x.example/@U07MARIE":         "https://x.example/@U07MARIE",
	} {
		if got := toMrkdwn(&normalize.Part{Kind: normalize.PartText, Text: in}); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	rich := normalize.Part{HTML: `<b>@U07MARIE</b> <a href="https://x.example/@U07MARIE">here</a>`}
	if got, want := toMrkdwn(&rich), "*<@U07MARIE>* <https://x.example/@U07MARIE|here>"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if plain, _ := fromMrkdwn("<@U07MARIE>"); plain != "@U07MARIE" {
		t.Errorf("a customer's mention reads %q: no agent could write the same", plain)
	}
}

// Four times as much hostile markup takes about four times as long, not sixteen.
func TestHostileMarkupTakesNoTime(t *testing.T) {
	took := func(piece string, size int) time.Duration {
		best := time.Hour
		text := strings.Repeat(piece, size/len(piece))
		for range 3 {
			began := time.Now()
			fromMrkdwn(text)
			best = min(best, time.Since(began))
		}
		return best
	}
	for _, piece := range []string{"*a ", "`", "`a", "<", "<a", "```", "&gt;", "*_~", "_*", ":a:", "<@|>", "> *a*\n"} {
		if short, long := took(piece, 50_000), took(piece, 200_000); long > 10*max(short, 20*time.Millisecond) {
			t.Errorf("50,000 bytes of %q took %v, 200,000 took %v", piece, short, long)
		}
	}
}

var allowedTag = regexp.MustCompile(`</?(?:b|i|s|code|pre|blockquote)>|<br>|<a href="(?:https?|mailto|tel):[^"<>]*">|</a>`)

// Whatever is written, the HTML has no tags but ours, and they nest.
func FuzzMarkup(f *testing.F) {
	f.Add("*a _b* `c` <https://x.example|y> &gt; ```d``` <@U1>\n&gt;e")
	f.Fuzz(func(t *testing.T, s string) {
		_, rich := fromMrkdwn(s)
		if rest := allowedTag.ReplaceAllString(rich, ""); strings.ContainsAny(rest, "<>") {
			t.Errorf("%q became %q", s, rich)
		}
		var open []string
		for _, tag := range allowedTag.FindAllString(rich, -1) {
			name := strings.Trim(strings.Fields(tag)[0], "<>")
			switch closing, is := strings.CutPrefix(name, "/"); {
			case name == "br":
			case !is:
				open = append(open, name)
			case len(open) == 0 || open[len(open)-1] != closing:
				t.Fatalf("%q became %q: </%s> closes nothing", s, rich, closing)
			default:
				open = open[:len(open)-1]
			}
		}
		if len(open) > 0 {
			t.Errorf("%q became %q: %v stay open", s, rich, open)
		}
	})
}

func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(`{"envelope_id":"e1","type":"events_api","payload":{"type":"event_callback","event_id":"Ev1","event":{"type":"message"}},"retry_attempt":1}`), false)
	f.Add([]byte(`{"type":"disconnect","reason":"warning"}`), true)
	f.Fuzz(func(t *testing.T, raw []byte, isCut bool) {
		e, in := frame{raw, isCut}.open(time.Now())
		if e.Type != frameHello && e.Type != frameDisconnect && (in.Key == "" || in.Refused == "" && len(in.Raw) == 0) {
			t.Errorf("%q became an input without a name or a body: %+v", raw, in)
		}
	})
}
