package fetch

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox"
)

// vendor hands over one file, and knows one person.
type vendor struct {
	channel.Channel // nothing else is asked of it
	file            channel.Fetched
	err             error
	body            io.Reader
	asked           string
	closed          bool
}

func (v *vendor) Fetch(_ context.Context, ref string) (*channel.Fetched, error) {
	v.asked = ref
	if v.err != nil {
		return nil, v.err
	}
	f := v.file
	f.Body = content{v}
	return &f, nil
}

func (v *vendor) Profile(_ context.Context, a normalize.Address) (*channel.Profile, error) {
	v.asked = a.Value
	return &channel.Profile{Name: "Ann"}, v.err
}

type content struct{ *vendor }

func (c content) Read(p []byte) (int, error) { return c.body.Read(p) }
func (c content) Close() error               { c.closed = true; return nil }

// messages holds one message, and address 7 unless err is set.
type messages struct {
	m   *normalize.Message
	err error
}

func (s messages) Address(_ context.Context, id normalize.ID) (normalize.Address, error) {
	return normalize.Address{Kind: "chat", Value: "U" + strconv.Itoa(int(id))}, s.err
}

func (s messages) Message(context.Context, normalize.ID) (*normalize.Message, error) {
	if s.m == nil {
		return nil, timeline.ErrNotFound
	}
	return s.m, nil
}

// files keeps what is stored whole.
type files struct{ got []byte }

func (f *files) Put(_ context.Context, r io.Reader) (string, int64, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return "", 0, errors.Join(errors.New("nothing was stored"), err)
	}
	f.got = b
	return "digest", int64(len(b)), nil
}

const png = "\x89PNG\r\n\x1a\n"

func TestFetching(t *testing.T) {
	const limit = 100
	full := strings.Repeat("x", limit)
	for _, c := range []struct {
		name   string
		media  normalize.Media
		vendor vendor
		want   normalize.Media  // where it comes
		class  connectors.Class // of the error where it does not
		words  string
	}{
		{
			name: "what the vendor says stands", media: normalize.Media{Name: "old.bin", ContentType: "image/gif"},
			vendor: vendor{file: channel.Fetched{Name: "new.png", ContentType: "image/png", Size: 8}, body: strings.NewReader(png)},
			want:   normalize.Media{Name: "new.png", ContentType: "image/png", Size: 8},
		},
		{
			name: "else what the message said", media: normalize.Media{Name: "voice.amr", ContentType: "audio/amr"},
			vendor: vendor{file: channel.Fetched{ContentType: "application/octet-stream"}, body: strings.NewReader("#!AMR")},
			want:   normalize.Media{Name: "voice.amr", ContentType: "audio/amr", Size: 5},
		},
		{
			name: "else what the content says", vendor: vendor{body: iotest.OneByteReader(strings.NewReader(png))},
			want: normalize.Media{ContentType: "image/png", Size: 8},
		},
		{
			name: "a name is no path", vendor: vendor{file: channel.Fetched{Name: "../..\\a\nb.png"}, body: strings.NewReader(png)},
			want: normalize.Media{Name: "a b.png", ContentType: "image/png", Size: 8},
		},
		{name: "as much as is allowed", vendor: vendor{body: strings.NewReader(full)}, want: normalize.Media{ContentType: "text/plain; charset=utf-8", Size: limit}},
		{name: "more than is allowed", vendor: vendor{body: strings.NewReader(full + "x")}, class: connectors.Rejected, words: "media.max_size"},
		{name: "more than is allowed, announced", vendor: vendor{file: channel.Fetched{Size: limit + 1}, body: strings.NewReader("")}, class: connectors.Rejected, words: "media.max_size"},
		{name: "more than is allowed, by the message", media: normalize.Media{Size: limit + 1}, class: connectors.Rejected, words: "media.max_size"},
		{name: "cut short", vendor: vendor{file: channel.Fetched{Size: 9}, body: strings.NewReader(png)}, class: connectors.Transient, words: "8 bytes came of 9"},
		{name: "broken off", vendor: vendor{body: iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(full)))}, class: connectors.Transient},
		{name: "refused", vendor: vendor{err: connectors.Errorf(connectors.Rejected, "404", "gone")}, class: connectors.Rejected, words: "gone"},
		{name: "no answer", vendor: vendor{err: io.ErrUnexpectedEOF}, class: connectors.Transient},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.media.Ref = "ref"
			stored := &files{}
			m := &normalize.Message{Parts: []normalize.Part{{ID: 6}, {ID: 7, Media: &c.media}}}
			w := &Worker{Channel: &c.vendor, Store: messages{m: m}, Files: stored, MaxMedia: func() int64 { return limit }}
			begun := 0
			res := w.Work(t.Context(), &outbox.Job{Task: outbox.TaskFetch, About: 7}, func(context.Context) error { begun++; return nil })
			if begun != 1 {
				t.Errorf("begun %d times", begun)
			}
			if c.vendor.body != nil && !c.vendor.closed {
				t.Error("the body was left open")
			}
			if c.class != 0 || c.words != "" {
				if res.Fetched != nil && res.Err == nil || res.Err.Class != c.class || !strings.Contains(res.Err.Error(), c.words) {
					t.Errorf("got %+v, %v", res.Fetched, res.Err)
				}
				return
			}
			if res.Err != nil || c.vendor.asked != "ref" {
				t.Fatalf("asked for %q: %v", c.vendor.asked, res.Err)
			}
			got := *res.Fetched
			if got.Name != c.want.Name || got.ContentType != c.want.ContentType || got.Size != c.want.Size || got.SHA256 != "digest" || int64(len(stored.got)) != got.Size {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// What is no longer wanted is not asked for.
func TestNothingToFetch(t *testing.T) {
	here := &normalize.Message{Parts: []normalize.Part{{ID: 7, Media: &normalize.Media{SHA256: "x", Ref: "ref"}}}}
	for name, m := range map[string]*normalize.Message{"erased": nil, "taken back": {}, "here": here} {
		v := &vendor{}
		w := &Worker{Channel: v, Store: messages{m: m}, Files: &files{}, MaxMedia: func() int64 { return 1 }}
		res := w.Work(t.Context(), &outbox.Job{Task: outbox.TaskFetch, About: 7}, func(context.Context) error { t.Error("begun"); return nil })
		if res.Err != nil || res.Fetched != nil || v.asked != "" {
			t.Errorf("%s: %+v", name, res)
		}
	}
}

func TestProfiles(t *testing.T) {
	down := connectors.Errorf(connectors.AccountDown, "401", "the token was revoked")
	for _, c := range []struct {
		name  string
		store messages
		err   error
		asked string
		class connectors.Class
	}{
		{name: "known", asked: "U7"},
		{name: "the vendor refuses", err: down, asked: "U7", class: connectors.AccountDown},
		{name: "erased", store: messages{err: timeline.ErrErased}},
		{name: "the store is down", store: messages{err: io.ErrUnexpectedEOF}, class: connectors.Transient},
	} {
		v := &vendor{err: c.err}
		w := &Worker{Channel: v, Store: c.store}
		res := w.Work(t.Context(), &outbox.Job{Task: outbox.TaskProfile, About: 7}, func(context.Context) error { return nil })
		if v.asked != c.asked || (res.Err != nil) != (c.class != 0) || res.Err != nil && res.Err.Class != c.class {
			t.Errorf("%s: asked %q, %+v", c.name, v.asked, res)
		}
		if known := c.asked != "" && c.class == 0; known != (res.Profile != nil && res.Profile.Name == "Ann") && c.err == nil {
			t.Errorf("%s: %+v", c.name, res.Profile)
		}
	}
}
