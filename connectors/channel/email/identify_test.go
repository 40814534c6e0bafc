package email

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/deskbridge/deskbridge/connectors"
)

// unsafeLogin plays imap.163.com: it opens no mailbox for a program that has
// not said its name. It returns its address and the commands it got so far.
func unsafeLogin(t *testing.T) (addr string, commands func() []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var got []string
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer conn.Close()
				named := false
				fmt.Fprint(conn, "* OK [CAPABILITY IMAP4rev1 ID] Coremail System IMap Server Ready\r\n")
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					tag, rest, _ := strings.Cut(lines.Text(), " ")
					verb, _, _ := strings.Cut(rest, " ")
					mu.Lock()
					got = append(got, verb)
					mu.Unlock()
					switch {
					case verb == "ID":
						named = strings.Contains(rest, `"name"`)
						fmt.Fprintf(conn, "* ID (\"name\" \"Coremail Imap\")\r\n%s OK ID completed\r\n", tag)
					case verb == "EXAMINE" && !named:
						fmt.Fprintf(conn, "%s NO EXAMINE Unsafe Login. Please contact kefu@188.com for help\r\n", tag)
					case verb == "EXAMINE":
						fmt.Fprintf(conn, "* 0 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 1] ok\r\n%s OK [READ-ONLY] EXAMINE completed\r\n", tag)
					default:
						fmt.Fprintf(conn, "%s OK done\r\n", tag)
					}
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); served.Wait() })
	return l.Addr().String(), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), got...)
	}
}

func TestNetEaseIsToldWhoWeAre(t *testing.T) {
	for provider, wants := range map[string]bool{"163": true, "126": true, "yeah": true, "qq": false, "": false} {
		t.Run("provider "+provider, func(t *testing.T) {
			noLeaks(t)
			addr, commands := unsafeLogin(t)
			c := plainConfig(t, addr, "127.0.0.1:1")
			c.Provider = provider
			b := &inbox{}
			if !wants {
				err := streamUntilError(t, open(t, c), b)
				if !strings.Contains(err.Error(), "Unsafe Login") || strings.Contains(strings.Join(commands(), " "), "ID") {
					t.Errorf("%v after %v", err, commands())
				}
				return
			}
			stop := stream(t, open(t, c), b)
			eventually(t, "the mailbox is read", func() bool { return b.rounds() > 0 })
			if err := stop(); connectors.Classify(err).Class == connectors.AccountDown {
				t.Error(err)
			}
		})
	}
}
