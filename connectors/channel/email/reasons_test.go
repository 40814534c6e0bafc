package email

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/normalize"
)

// TestReasonsAreExplained: whoever finds a reason in the ledger finds it in
// docs/email.md as well, and nothing else is explained there.
func TestReasonsAreExplained(t *testing.T) {
	page, err := os.ReadFile("../../../docs/email.md")
	if err != nil {
		t.Fatal(err)
	}
	explained := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		if cell, ok := strings.CutPrefix(line, "| `"); ok {
			cell, _, _ = strings.Cut(cell, " | ")
			for name := range strings.SplitSeq(cell, "`, `") {
				explained[strings.TrimSuffix(name, "`")] = false
			}
		}
	}
	sources, _ := filepath.Glob("*.go")
	given := regexp.MustCompile(`(?:refuse\(|unknown: |unknown = |refused[A-Z]\w+ += )"([a-z_]+)"`)
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		code, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range given.FindAllSubmatch(code, -1) {
			name := string(m[1])
			if _, ok := explained[name]; !ok {
				t.Errorf("%s gives the reason %s, which docs/email.md does not explain", source, name)
			}
			explained[name] = true
		}
	}
	for name, found := range explained {
		if !found {
			t.Errorf("docs/email.md explains %s, which nothing gives", name)
		}
	}
}

// TestNullReturnPath: mail systems send their notices from nobody (RFC 5321
// section 4.5.5), and so do programs that want no answer. Such mail is never
// answered by itself, and the null path is nobody's address.
func TestNullReturnPath(t *testing.T) {
	e := offline(t)
	id := e.mint.id()
	gone := normalize.Receipt{Recipient: normalize.Email("gone@customers.test", ""), Status: normalize.StatusFailed, Code: "5.1.1", Unreachable: true}
	for _, path := range []string{"<>", " <>", "< >", "<MAILER-DAEMON>", "<MAILER-DAEMON@mx.test>"} {
		for _, from := range []string{"From: <>", "From: Mail Delivery Subsystem <>", "From: MAILER-DAEMON@mx.test", "From: Mail System <postmaster@mx.test>", "X-No-From: at all"} {
			raw := eml("Return-Path:"+path, from, "Subject: Undelivered mail", "Date: Sat, 21 Nov 2026 08:00:00 +0000", "",
				"<gone@customers.test>: 550 5.1.1 no such user", "", "--- Below this line is a copy of the message.", "", "Message-ID: <"+id+">")
			t.Run(path+" "+from, func(t *testing.T) { receiptsOf(t, e, id, raw, gone) })
		}
	}
	absent := decodeMessage(t, e, eml("Return-Path: <>", "From: "+anna, "Subject: Away", "", "I am away until Monday."))
	if !absent.Automated || absent.Address.Value != "anna@customers.test" || absent.Text != "I am away until Monday." {
		t.Errorf("an absence: %+v", absent)
	}
	nobody, err := e.Decode(normalize.Input{Raw: eml("Return-Path: <>", "From: <>", "Subject: Hello", "", "Who am I?"), ReceivedAt: now})
	if err == nil || !strings.HasPrefix(err.Error(), "no_sender: ") || nobody != nil {
		t.Errorf("from nobody: %+v %v", nobody, err)
	}
}
