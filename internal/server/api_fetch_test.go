package server

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// A file that is still with the vendor is told to be, and where it lies is
// nobody's business.
func TestAFileThatComesLater(t *testing.T) {
	w := newWorld(t, Config{})
	raw := []byte(`{"external_id": "b1", "address": {"kind": "email", "value": "bob@example.com"}, "Ref": "secret-place"}`)
	err := w.ingest.Take(t.Context(), timeline.Source{Account: account, Decoder: letters{}}, normalize.Batch{Inputs: []normalize.Input{{Key: "b1", Raw: raw}}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := w.db.ByExternalID(t.Context(), account.Name, "b1")
	if err != nil {
		t.Fatal(err)
	}
	message, file := "/v1/messages/"+m.ID.String(), "/v1/media/"+m.Parts[0].Media.ID.String()
	work := func(r outbox.Result) {
		t.Helper()
		jobs, err := w.db.Claim(t.Context(), outbox.Fetch, account.Name, time.Now(), time.Minute, 1)
		if err != nil || len(jobs) != 1 {
			t.Fatal(jobs, err)
		}
		if err := w.db.Settle(t.Context(), outbox.FetchPolicy.Settle(jobs[0], false, r, time.Now())); err != nil {
			t.Fatal(err)
		}
	}
	if b := string(w.raw(200, "GET", message, nil)); !strings.Contains(b, `"status":"pending"`) || strings.Contains(b, "secret-place") {
		t.Errorf("the message: %s", b)
	}
	if p := w.refused(503, "GET", file, nil); !strings.Contains(p.Detail, "still being fetched") {
		t.Errorf("at first: %+v", p)
	}
	if res := w.do("GET", file, nil); res.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	work(outbox.Result{Err: connectors.Errorf(connectors.Rejected, "404", "the vendor has deleted it")})
	if p := w.refused(410, "GET", file, nil); !strings.Contains(p.Detail, "the vendor has deleted it") {
		t.Errorf("given up: %+v", p)
	}
	// The export of the customer does not wait for it either.
	w.raw(200, "GET", "/v1/customers/"+m.Customer.ID.String()+"/export", nil)
	list, err := w.db.JobsOf(t.Context(), m.ID)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if err := w.db.Retry(t.Context(), list[0].ID, time.Time{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	digest, size, err := w.s.deps.Media.Put(t.Context(), bytes.NewReader(png))
	if err != nil {
		t.Fatal(err)
	}
	work(outbox.Result{Fetched: &normalize.Media{SHA256: digest, Size: size, Name: "red.png", ContentType: "image/png"}})
	if b := w.raw(200, "GET", file, nil); !bytes.Equal(b, png) {
		t.Errorf("got %q", b)
	}
}
