package route

import (
	"errors"
	"strings"
	"testing"
	"time"
)

var letter = Facts{
	Channel: Channel{"support", "email"}, Address: Address{"email", "ann@shop.example"},
	Subject: "Refund", Text: "Hello, 我要退款 please", Language: "en", Tags: []string{"late payer", "vip"},
}

func TestRules(t *testing.T) {
	for rule, want := range map[string]bool{
		`channel.type == "email"`:                                         true,
		`channel.name in ["sales", "orders"]`:                             false,
		`address.value endsWith "@shop.example"`:                          true,
		`lower(subject) contains "refund" and not (text contains "spam")`: true,
		`any(["invoice", "退款"], text contains #)`:                         true,
		`none(["invoice", "bill"], {subject contains #})`:                 true,
		`text matches "(?i)^HELLO\\b"`:                                    true,
		`language == "en" and "vip" in tags`:                              true,
		`language in ["zh", "ja"] or "new" in tags`:                       false,
		`any(tags, # startsWith "late") and len(tags) == 2`:               true,
		`subject != "" && len(subject) > 3`:                               true,
		`channel.type == "email" ? subject == "x" : true`:                 false,
		"otherwise": false,
	} {
		r, err := Compile(rule)
		if err != nil {
			t.Errorf("%s: %v", rule, err)
			continue
		}
		if got, err := r.Match(letter); err != nil || got != want {
			t.Errorf("%s: %t, %v", rule, got, err)
		}
	}
}

func TestMistakesAreNamedWithTheirPlace(t *testing.T) {
	for _, c := range []struct {
		rule         string
		line, column int
		says         string
	}{
		{`chanel.name == "x"`, 1, 1, `there is no "chanel"`},
		{"subject == \"x\" or\n  channel.nam == \"y\"", 2, 11, `there is no "nam" here`},
		{`"vip" in tag`, 1, 10, `there is no "tag"`},
		{`tags == "vip"`, 1, 6, "== cannot stand between a list and a text"},
		{`text == 5`, 1, 6, "== cannot stand between a text and a number"},
		{`subject`, 1, 1, "must come to yes or no, and this is a text"},
		{`channel == "x"`, 1, 9, "the channel as a whole"},
		{`text contains "x`, 1, 17, "quotation mark"},
		{`text contains`, 1, 13, "missing at the end"},
		{`text == "a" )`, 1, 13, `")" is not expected`},
		{`text matches "("`, 1, 6, "pattern cannot be read"},
		{`text matches subject`, 1, 6, "must stand in quotes"},
		{`text matches "((a{100}){10}){10}"`, 1, 6, "pattern"},
		{`text + text == "x"`, 1, 6, `"+" is not for rules`},
		{`all(1..1000000, true)`, 1, 6, `".." is not for rules`},
		{`any(["a"], any(["b"], text contains #))`, 1, 12, "within each other"},
		{`repeat(text, 9) == ""`, 1, 1, "repeat"},
		{`text == "a" or otherwise`, 1, 16, "stands alone"},
		{strings.Repeat("true or ", 400) + "true", 1, 2006, "too long"},
		{strings.Repeat(" ", 5000), 1, 1, "4096 bytes"},
		{"", 1, 1, "missing at the end"},
	} {
		_, err := Compile(c.rule)
		e, ok := errors.AsType[*Error](err)
		if !ok {
			t.Errorf("%.40s: %v", c.rule, err)
			continue
		}
		if e.Line != c.line || e.Column != c.column || !strings.Contains(e.Msg, c.says) {
			t.Errorf("%.40s: %d:%d %s", c.rule, e.Line, e.Column, e.Msg)
		}
	}
}

func TestARuleThatFailsAtRunTime(t *testing.T) {
	r, err := Compile(`["a"][len(text)] == "a"`)
	if err != nil {
		t.Fatal(err)
	}
	if yes, err := r.Match(letter); err == nil || yes || strings.Contains(err.Error(), "\n") {
		t.Errorf("%t, %v", yes, err)
	}
}

func TestRulesEndSoon(t *testing.T) {
	f := letter
	f.Text = strings.Repeat("a", 10<<20) + "!"
	start := time.Now()
	for _, rule := range []string{`text matches "(a+)+$"`, `text matches "(a?){300}$"`, `any(["a", "b"], text endsWith #)`, `lower(text) contains "b"`} {
		r, err := Compile(rule)
		if err != nil {
			t.Fatal(rule, err)
		}
		if _, err := r.Match(f); err != nil {
			t.Errorf("%s: %v", rule, err)
		}
	}
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("%v", d)
	}
}

func FuzzRule(f *testing.F) {
	f.Add(`any(["a"], text contains #) and channel.type matches "^e"`)
	f.Add("otherwise")
	f.Fuzz(func(_ *testing.T, source string) {
		if r, err := Compile(source); err == nil {
			_, _ = r.Match(letter)
		}
	})
}
