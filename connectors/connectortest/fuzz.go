package connectortest

import (
	"net/http"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

// Fuzz feeds a channel what no vendor would send, beginning with the fixtures:
// to Decode, as the bytes of an input, and to Parse, as a call that nobody
// signed and as one that is signed and still nonsense.
func Fuzz(f *testing.F, s Suite) {
	a := s.open(f, nil)
	var metas []map[string]string
	for _, fixture := range Fixtures(f) {
		if fixture.Name == "" {
			continue
		}
		inputs, err := s.inputs(f.Context(), a, fixture)
		if err != nil {
			f.Fatalf("%s: %v", fixture.Name, err)
		}
		for _, in := range inputs {
			f.Add(in.Raw, in.ContentType, len(metas))
			metas = append(metas, in.Meta)
		}
		f.Add(fixture.Body, fixture.Meta["content-type"], len(metas)-1)
	}
	f.Fuzz(func(t *testing.T, raw []byte, contentType string, meta int) {
		in := normalize.Input{Key: "fuzz", Raw: raw, ContentType: contentType, ReceivedAt: receivedAt}
		if len(metas) > 0 {
			in.Meta = metas[((meta%len(metas))+len(metas))%len(metas)]
		}
		if item, err := a.Decode(in); err == nil && item == nil {
			t.Error("neither an item nor an error")
		}
		hook, ok := a.Channel.(channel.Webhook)
		if !ok {
			return
		}
		r := &connectors.Request{
			Method: http.MethodPost, URL: publicURL + "/webhooks/" + name, ReceivedAt: time.Now(),
			Header: http.Header{"Content-Type": {contentType}}, Body: raw,
		}
		if b, _, err := hook.Parse(t.Context(), r); err == nil && len(b.Inputs) > 0 {
			t.Error("a call that nobody signed was taken")
		}
		s.Sign(r)
		b, _, err := hook.Parse(t.Context(), r)
		if err != nil {
			return
		}
		for _, in := range b.Inputs {
			if item, err := a.Decode(in); err == nil && item == nil {
				t.Error("neither an item nor an error")
			}
		}
	})
}
