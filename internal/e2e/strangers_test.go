package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/deskbridge/deskbridge/connectors/simulator/vendors"
)

// strangerCall is a call that must not be taken.
type strangerCall struct {
	what    string
	account string // as the metric names it; "" for none
	path    string // below /webhooks/, with the query
	header  http.Header
	body    func() io.Reader
	want    []int
}

// do makes the call.
func (r *rig) do(c strangerCall) {
	req, err := http.NewRequest(http.MethodPost, "http://"+r.listen+"/webhooks/"+c.path, c.body())
	if err != nil {
		r.t.Errorf("%s: %v", c.what, err)
		return
	}
	if c.header != nil {
		req.Header = c.header.Clone()
	}
	status, err := ask(req)
	if err != nil {
		r.t.Errorf("%s to %s: %v", c.what, c.path, err)
	} else if !slices.Contains(c.want, status) {
		r.t.Errorf("%s to %s: answered %d, want %v", c.what, c.path, status, c.want)
	}
}

// ask makes a request and returns the status of the answer, also where the
// server hangs up before all was written and a busy machine is late to read:
// http.Client tells only of what could not be written then.
func ask(req *http.Request) (status int, err error) {
	conn, err := net.Dial("tcp", req.URL.Host)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	req.Close = true
	go func() { _ = req.Write(conn) }()
	res, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return 0, err
	}
	_ = res.Body.Close()
	return res.StatusCode, nil
}

// refused returns how many calls of each account were counted as refused.
func (r *rig) refused() map[string]int {
	r.t.Helper()
	res, err := http.Get("http://" + r.admin + "/metrics")
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	counts := map[string]int{}
	for line := range strings.Lines(string(b)) {
		var account, result string
		var n float64
		rest, ok := strings.CutPrefix(line, "deskbridge_webhooks_total{account=")
		if !ok {
			continue
		}
		rest = strings.NewReplacer(",result=", " ", "}", "").Replace(rest)
		if _, err := fmt.Sscanf(rest, "%q %q %g", &account, &result, &n); err != nil {
			r.t.Fatalf("%s: %v", line, err)
		}
		if result != "accepted" {
			counts[account] += int(n)
		}
	}
	return counts
}

// TestStrangersAreRefused: whatever reaches a webhook and is not from its
// vendor, or is not what that documents, is refused and counted. Nothing of it
// is stored, memory is bounded, and customers get through as before.
func TestStrangersAreRefused(t *testing.T) {
	engines(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r, town := newTown(t, storeURL, vendors.Options{Calls: true})
		r.usePlain()
		r.start()
		// Telegram is told where to call, and calls with what it has kept.
		if err := town.Line("telegram").Write(t.Context(), 0, "first"); err != nil {
			t.Fatal(err)
		}
		r.await("message.received", 1)
		for _, typ := range vendors.Callers() {
			if callers[town.Line(typ).Name] == "" {
				t.Errorf("no stranger calls %s: add it to callers, and what is forged to forgedCalls", typ)
			}
		}
		before := r.ledgerSize()

		want := map[string]int{}
		calls := slices.Concat(forgedCalls(), hostileBodies(), strayCalls(t, r.listen), signedCalls(t, r.listen), largeCalls())
		var wg sync.WaitGroup
		slots := make(chan struct{}, 16)
		for _, c := range calls {
			want[c.account]++
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				r.do(c)
			})
		}
		wg.Wait()
		got := r.refused()
		for account, n := range want {
			if got[account] != n {
				t.Errorf("%q: %d calls are counted as refused, want %d", account, got[account], n)
			}
		}
		if after := r.ledgerSize(); after != before {
			t.Errorf("%d inputs of strangers were stored", after-before)
		}
		if rss := r.peakMemory(); rss > 300<<20 {
			t.Errorf("the daemon took %d MiB", rss>>20)
		}

		n := len(r.desk.received("message.received"))
		for _, l := range town.Lines {
			if err := l.Write(t.Context(), 1, "from a customer"); err != nil {
				t.Errorf("%s: %v", l.Name, err)
			}
		}
		r.await("message.received", n+len(town.Lines))
		r.stop()
	})
}

// ledgerSize returns how many inputs are in the ledger.
func (r *rig) ledgerSize() int {
	r.t.Helper()
	var list struct{ Items []any }
	r.json(&list, "ledger", "list", "--limit", "500", "--json")
	return len(list.Items)
}
