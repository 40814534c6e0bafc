package inbox_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

func TestAdministratorsSearchTheLedger(t *testing.T) {
	r, b := newRig(t), testenv.StartBrowser(t)
	r.write("Broken kettle", "text/html", "<script>alert(1)</script>It leaks.")
	m := r.received(1)
	entry, err := r.app.Store().LedgerOf(t.Context(), m.ID)
	if err != nil {
		t.Fatal(err)
	}
	in := r.login()
	code, raw, res := get(t, in, r.url+"input/"+entry.ID.String()+"/raw")
	if h := res.Header; code != http.StatusOK || !strings.Contains(raw, "Subject: Broken kettle") || h.Get("Content-Type") != "application/octet-stream" ||
		!strings.HasPrefix(h.Get("Content-Disposition"), "attachment; filename=input-") || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the raw input: %d %v\n%s", code, h, raw)
	}
	if code, _, _ := get(t, in, r.url+"input/"+m.ID.String()+"/raw"); code != http.StatusNotFound {
		t.Errorf("an input that does not exist: %d", code)
	}
	for _, page := range []string{"ledger", "input/" + entry.ID.String() + "/raw"} {
		if code, _, _ := get(t, r.loginAs("bo@example.test"), r.url+page); code != http.StatusForbidden {
			t.Errorf("an agent at %s: %d", page, code)
		}
	}
	for query, want := range map[string]bool{
		"account=support": true, "outcome=accepted": true, "outcome=quarantined": false, "key=nothing-like-it": false,
		"from=2001-01-01": true, "to=2001-01-01": false, "from=rubbish": true,
	} {
		if _, page, _ := get(t, in, r.url+"ledger?"+query); strings.Contains(page, "/raw") != want {
			t.Errorf("%s: found is not %t", query, want)
		}
	}
	enter(b, r)
	b.Open(r.url + "ledger")
	b.Wait("the entry", `document.querySelectorAll("tbody tr").length === 1 && document.querySelector("tbody").textContent.includes("accepted")`)
	picture(b, "ledger")
	b.Eval(`document.querySelector("tbody a").click()`, nil)
	b.Wait("its message", `document.querySelector(location.hash || "nothing")?.textContent.includes("leaks")`)
}
