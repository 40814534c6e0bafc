package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/deskbridge/deskbridge/connectors/simulator/vendors"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

// TestVendorsAreAcknowledgedWhileTheHelpdeskIsDown: who calls is told that the
// message was taken, whatever the helpdesk does; it gets all of them when it is
// back.
func TestVendorsAreAcknowledgedWhileTheHelpdeskIsDown(t *testing.T) {
	const each = 20
	engines(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r, town := newTown(t, storeURL, vendors.Options{Calls: true, Only: vendors.Callers()})
		r.desk.answer(http.StatusBadGateway)
		r.start()
		var wg sync.WaitGroup
		for _, l := range town.Lines {
			wg.Go(func() {
				for i := range each {
					if err := l.Write(t.Context(), i, fmt.Sprintf("%s %d", l.Name, i)); err != nil {
						t.Errorf("%s: %v", l.Name, err)
					}
				}
			})
		}
		wg.Wait()
		testenv.WaitFor(t, testenv.Patience, "all messages on the timelines", func() bool {
			return len(r.eventsOf("message.received")) >= each*len(town.Lines)
		})
		if got := r.refused(); len(got) > 0 {
			t.Errorf("calls were not acknowledged: %v", got)
		}
		if n := len(r.desk.received("message.received")); n > 0 {
			t.Errorf("the helpdesk took %d events while it was down", n)
		}
		r.desk.answer(http.StatusOK)
		got := map[string]int{}
		for _, e := range r.await("message.received", each*len(town.Lines)) {
			got[e.Data.Text]++
		}
		for _, l := range town.Lines {
			for i := range each {
				if n := got[fmt.Sprintf("%s %d", l.Name, i)]; n != 1 {
					t.Errorf("%s %d reached the helpdesk %d times", l.Name, i, n)
				}
			}
		}
		r.stop()
	})
}
