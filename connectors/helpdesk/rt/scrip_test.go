package rt_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk/rt"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

// codeAfter returns the indented lines that follow a paragraph of the page.
func codeAfter(t *testing.T, page, words string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, "\n"+words)
	_, rest, paragraph := strings.Cut(rest, "\n\n    ")
	code, _, end := strings.Cut("    "+rest, "\n\n")
	if !found || !paragraph || !end {
		t.Fatalf("docs/rt.md has no code after %q", words)
	}
	return code
}

// TestTheScripOfThePage: the real RT runs the scrip of docs/rt.md, and its calls
// are taken.
func TestTheScripOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/rt.md")
	if err != nil {
		t.Fatal(err)
	}
	r := testenv.StartRT(t)
	h := connect(t, &rt.Config{URL: r.URL, Token: "1-2-3", WebhookSecret: secret})
	calls := make(chan *connectors.Request, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		calls <- &connectors.Request{Method: q.Method, Header: q.Header, Body: body, ReceivedAt: time.Now()}
	}))
	t.Cleanup(server.Close)
	commit := strings.NewReplacer("https://support.example.com/webhooks/rt", server.URL, "WEBHOOK_SECRET", secret).
		Replace(codeAfter(t, string(page), "Custom action commit code"))
	r.Insert(`@Scrips = ({
		Queue => '` + testenv.RTQueue + `', Description => 'Tell Deskbridge', Stage => 'TransactionBatch', Template => 'Blank',
		ScripCondition => 'User Defined', CustomIsApplicableCode => q{` + codeAfter(t, string(page), "Custom condition") + `},
		ScripAction => 'User Defined', CustomPrepareCode => q{` + codeAfter(t, string(page), "Custom action preparation code") + `},
		CustomCommitCode => q{` + commit + `},
	}); 1;`)

	r.As(testenv.RTUser).Create("By Deskbridge itself", "Hello")
	ticket := r.As("ann").Create("By an agent", "Hello")
	select {
	case call := <-calls:
		tickets, _, err := h.Parse(t.Context(), call)
		if err != nil || !slices.Equal(tickets, []string{ticket}) {
			t.Errorf("the call %s names %v, %v; want %s", call.Body, tickets, err, ticket)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("the scrip does not call")
	}
}
