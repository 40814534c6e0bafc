package app_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
)

// A picture that the vendor keeps is fetched while the message is there
// already, though the vendor falters and the daemon is stopped meanwhile.
func TestMediaAreFetched(t *testing.T) {
	t.Parallel()
	bothEngines(t, func(t *testing.T, d *daemon) {
		picture := bytes.Repeat([]byte("\x89PNG\r\n\x1a\n"), 5000)
		l := newLine(t)
		l.decode = func(in normalize.Input) (normalize.Item, error) {
			return &normalize.Message{ExternalID: in.Key, Address: normalize.Email("li@example.test", ""), Parts: []normalize.Part{
				{Kind: normalize.PartImage, Media: &normalize.Media{Ref: "place-" + in.Key}},
			}}, nil
		}
		l.stream = func(ctx context.Context, src channel.Source, n int) error {
			if n == 1 {
				if err := src.Sink(ctx, input("one")); err != nil {
					return err
				}
			}
			<-ctx.Done()
			return ctx.Err()
		}
		var tries atomic.Int64
		hanging := make(chan struct{})
		l.fetch = func(ctx context.Context, ref string) (*channel.Fetched, error) {
			if ref != "place-one" {
				t.Errorf("asked for %q", ref)
			}
			switch tries.Add(1) {
			case 1:
				return nil, connectors.Errorf(connectors.Transient, "500", "try again")
			case 2:
				close(hanging)
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return &channel.Fetched{Name: "a.png", Body: io.NopCloser(bytes.NewReader(picture))}, nil
		}
		f := d.config(l.conf("support", "fake"))
		d.run(f)
		testenv.WaitFor(t, testenv.Patience, "the first try", func() bool { return tries.Load() >= 1 })
		// Not before the first try is settled does the clock's step help.
		testenv.WaitFor(t, testenv.Patience, "the second try", func() bool {
			d.clock.step(time.Minute)
			return tries.Load() >= 2
		})
		<-hanging
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
		d.run(f)
		d.clock.step(time.Hour)
		testenv.WaitFor(t, testenv.Patience, "the picture", func() bool {
			m, err := d.Store().ByExternalID(t.Context(), "support", "one")
			return err == nil && m.Parts[0].Status == normalize.StatusReceived && m.Parts[0].Media.SHA256 != ""
		})
		m, err := d.Store().ByExternalID(t.Context(), "support", "one")
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(picture)
		digest := hex.EncodeToString(sum[:])
		if p := m.Parts[0].Media; p.SHA256 != digest || p.Size != int64(len(picture)) || p.Name != "a.png" || p.ContentType != "image/png" {
			t.Errorf("medium %+v", p)
		}
		stored, err := os.ReadFile(filepath.Join(d.dir, "media", digest[:2], digest[2:4], digest))
		if err != nil || !bytes.Equal(stored, picture) {
			t.Errorf("the file: %d bytes, %v", len(stored), err)
		}
	})
}
