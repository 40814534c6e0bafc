package email

import (
	"bufio"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
)

// scripted is an IMAP server of three mails that misbehaves in ways that no
// library offers: poison answers the fetch of a body of mail 2.
type scripted struct {
	poison func(tag string) string // "" closes the connection
	gone   bool                    // mail 2 is no more in a search for it alone
}

var fetchUIDs = regexp.MustCompile(`UID FETCH ([0-9:,]+) `)

func scriptedIMAP(t *testing.T, s *scripted) *Email {
	t.Helper()
	noLeaks(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.serve(c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	e := open(t, plainConfig(t, ln.Addr().String(), "127.0.0.1:1"))
	e.timeouts = timeouts{dial: 2 * time.Second, command: 2 * time.Second, stall: 500 * time.Millisecond, accept: time.Second}
	return e
}

func (s *scripted) serve(c net.Conn) {
	fmt.Fprint(c, "* OK [CAPABILITY IMAP4rev1 IDLE] ready\r\n")
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		tag, command, _ := strings.Cut(strings.TrimSpace(line), " ")
		var answer string
		switch {
		case strings.HasPrefix(command, "EXAMINE"):
			answer = "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 4] x\r\n"
		case command == "UID SEARCH UID 2" && s.gone:
			answer = "* SEARCH\r\n"
		case command == "UID SEARCH UID 2":
			answer = "* SEARCH 2\r\n"
		case strings.HasPrefix(command, "UID SEARCH"):
			answer = "* SEARCH 1 2 3\r\n"
		case strings.Contains(command, "RFC822.SIZE"):
			for i := range 3 {
				answer += fmt.Sprintf("* %d FETCH (UID %d RFC822.SIZE 100 INTERNALDATE \"21-Nov-2026 08:00:00 +0000\")\r\n", i+1, i+1)
			}
		case strings.Contains(command, "BODY.PEEK"):
			for _, uid := range expand(fetchUIDs.FindStringSubmatch(line)[1]) {
				if uid == 2 {
					poison := s.poison(tag)
					fmt.Fprint(c, answer+poison)
					if poison == "" {
						return
					}
					if strings.HasPrefix(poison, tag) {
						answer, tag = "", ""
						break
					}
					answer = ""
					continue
				}
				raw := letter(anna, fmt.Sprint(uid, "@x"), fmt.Sprint("Mail ", uid))
				answer += fmt.Sprintf("* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n", uid, uid, len(raw), raw)
			}
		case command == "IDLE":
			fmt.Fprint(c, "+ idling\r\n")
			if _, err := r.ReadString('\n'); err != nil {
				return
			}
		}
		if tag != "" {
			answer += tag + " OK done\r\n"
		}
		fmt.Fprint(c, answer)
	}
}

// expand spells out "1:3" and "1,3".
func expand(set string) []int {
	var uids []int
	for r := range strings.SplitSeq(set, ",") {
		var from, to int
		if n, _ := fmt.Sscanf(r, "%d:%d", &from, &to); n == 1 {
			to = from
		}
		for i := from; i <= to; i++ {
			uids = append(uids, i)
		}
	}
	return uids
}

func TestOneMailCannotStopTheMailbox(t *testing.T) {
	for _, tc := range []struct {
		name    string
		server  scripted
		refused []string // reasons of the inputs, in order
	}{
		{
			name: "refused", server: scripted{poison: func(tag string) string { return tag + " NO cannot read this mail\r\n" }},
			refused: []string{"", refusedNotServed, ""},
		},
		{
			name: "left out", server: scripted{poison: func(string) string { return "* OK nothing\r\n" }},
			refused: []string{"", refusedNotServed, ""},
		},
		{
			name: "breaks the connection", server: scripted{poison: func(string) string { return "" }},
			refused: []string{"", refusedNotServed, ""},
		},
		{
			name: "breaks the protocol", server: scripted{poison: func(string) string { return "* XPOISON 1\r\n" }},
			refused: []string{"", refusedNotServed, ""},
		},
		{
			name: "hangs", server: scripted{poison: func(string) string { return "* 2 FETCH (UID 2 BODY[] {100}\r\nhalf a mail" }},
			refused: []string{"", refusedNotServed, ""},
		},
		{
			name: "expunged meanwhile", server: scripted{gone: true, poison: func(string) string { return "* OK nothing\r\n" }},
			refused: []string{"", ""},
		},
		{name: "smaller than it is", server: scripted{poison: func(string) string {
			raw := string(letter(anna, "2@x", "Mail 2")) + strings.Repeat("x", 3<<20)
			return fmt.Sprintf("* 2 FETCH (UID 2 BODY[] {%d}\r\n%s)\r\n", len(raw), raw)
		}}, refused: []string{"", refusedTooLarge, ""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := scriptedIMAP(t, &tc.server)
			b := &inbox{}
			restarts := 0
			for b.count() == 0 {
				if restarts++; restarts > 10 {
					t.Fatal("the mailbox stands still")
				}
				if err := streamUntilErrorOr(t, e, b, 1); connectors.Classify(err).Class != connectors.Transient && b.count() == 0 {
					t.Fatalf("%v", err)
				}
			}
			inputs := b.all()
			if len(inputs) != len(tc.refused) {
				t.Fatalf("%d inputs", len(inputs))
			}
			for i, in := range inputs {
				if in.Refused != tc.refused[i] {
					t.Errorf("%s refused %q, want %q", in.Key, in.Refused, tc.refused[i])
				}
			}
			if read, _, _ := strings.Cut(b.cursors["imap/INBOX"], " "); read != "7:3" {
				t.Errorf("cursors %v", b.cursors)
			}
		})
	}
}
