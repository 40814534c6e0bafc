package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/internal/app"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// line is a vendor of the tests: what a connector of type fake or fake_out
// that is configured with its id is connected to.
type line struct {
	id string
	// stream and send are called instead of a vendor where they are set.
	stream func(ctx context.Context, src channel.Source, n int) error
	send   func(ctx context.Context, o *channel.Outbound) (channel.Sent, error)
	decode func(in normalize.Input) (normalize.Item, error)
	fetch  func(ctx context.Context, ref string) (*channel.Fetched, error)
	// profile, typing and recall are of type fake_chat.
	profile func(a normalize.Address) (*channel.Profile, error)
	typing  func(to normalize.Address)
	recall  func(externalID string) error

	mu      sync.Mutex
	streams int // begun so far
	ended   int
	closed  int
}

var lines sync.Map // id to *line

func newLine(t *testing.T) *line {
	l := &line{id: t.Name()}
	lines.Store(l.id, l)
	t.Cleanup(func() { lines.Delete(l.id) })
	return l
}

func (l *line) count(n *int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return *n
}

func (l *line) add(n *int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	*n++
	return *n
}

type fakeConf struct {
	ID     string `yaml:"id"`
	Broken bool   `yaml:"broken"`
}

func (*fakeConf) Validate() []error { return nil }

// fakeOut is a channel that sends, fake one that also reads, and fakeChat can
// all that a chat can.
type (
	fakeOut  struct{ line *line }
	fake     struct{ fakeOut }
	fakeChat struct{ fake }
)

func (f fakeChat) Profile(_ context.Context, a normalize.Address) (*channel.Profile, error) {
	return f.line.profile(a)
}

func (f fakeChat) Typing(_ context.Context, _ normalize.Thread, to normalize.Address) error {
	f.line.typing(to)
	return nil
}

func (f fakeChat) Recall(_ context.Context, _ *channel.Outbound, externalID string) error {
	return f.line.recall(externalID)
}

func init() {
	conf := func() connectors.Config { return &fakeConf{} }
	open := func(c connectors.Config) (fakeOut, error) {
		conf, ok := c.(*fakeConf)
		l, known := lines.Load(conf.ID)
		if !ok || !known || conf.Broken {
			return fakeOut{}, errors.New("this line is broken")
		}
		return fakeOut{l.(*line)}, nil
	}
	channel.Register(channel.Kind{
		Type: "fake", Title: "Fake", Addresses: []string{normalize.KindEmail}, Config: conf,
		New: func(c connectors.Config, _ connectors.Deps) (channel.Channel, error) {
			f, err := open(c)
			return fake{f}, err
		},
	})
	channel.Register(channel.Kind{
		Type: "fake_chat", Title: "Fake chat", Addresses: []string{normalize.KindEmail}, Config: conf,
		Facts: channel.Facts{PerPeerHour: 3},
		New: func(c connectors.Config, _ connectors.Deps) (channel.Channel, error) {
			f, err := open(c)
			return fakeChat{fake{f}}, err
		},
	})
	channel.Register(channel.Kind{
		Type: "fake_out", Title: "Fake, out only", Addresses: []string{normalize.KindEmail}, Config: conf,
		New: func(c connectors.Config, _ connectors.Deps) (channel.Channel, error) { return open(c) },
	})
}

func (fakeOut) Probe(context.Context) (normalize.Address, error) { return normalize.Address{}, nil }

func (f fakeOut) Close(context.Context) error {
	f.line.add(&f.line.closed)
	return nil
}

func (f fakeOut) Decode(in normalize.Input) (normalize.Item, error) {
	if f.line.decode != nil {
		return f.line.decode(in)
	}
	return &normalize.Message{ExternalID: in.Key, Address: normalize.Email("li@example.test", ""), Text: string(in.Raw)}, nil
}

func (fakeOut) Address(typed string) (normalize.Address, error) {
	return normalize.Email(typed, ""), nil
}

func (fakeOut) Limits(context.Context, normalize.Thread) (channel.Limits, error) {
	return channel.Limits{Kinds: map[normalize.PartKind]channel.MediaLimit{normalize.PartText: {}}}, nil
}

func (f fakeOut) Send(ctx context.Context, o *channel.Outbound) (channel.Sent, error) {
	return f.line.send(ctx, o)
}

func (f fake) Stream(ctx context.Context, src channel.Source) error {
	defer f.line.add(&f.line.ended)
	return f.line.stream(ctx, src, f.line.add(&f.line.streams))
}

func (f fake) Fetch(ctx context.Context, ref string) (*channel.Fetched, error) {
	return f.line.fetch(ctx, ref)
}

// input is a batch of one message.
func input(text string) normalize.Batch {
	return normalize.Batch{Inputs: []normalize.Input{{Key: text, Raw: []byte(text)}}, Cursors: []normalize.Cursor{{Key: "at", Value: text}}}
}

// daemon is an App on a configuration of the test's own.
type daemon struct {
	*app.App
	t     *testing.T
	clock *clock
	log   *journal
	dir   string
	url   string
	// stop ends Run, once, and returns its error.
	stop func() error
}

type journal struct {
	mu sync.Mutex
	b  strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) holds(s string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Contains(j.b.String(), s)
}

// config writes down and loads a configuration with these channels, one per
// line.
func (d *daemon) config(channels ...string) *configs.File {
	d.t.Helper()
	path := filepath.Join(d.dir, "deskbridge.yaml")
	text := fmt.Sprintf(`
server: {listen: "127.0.0.1:0", admin_listen: "127.0.0.1:0", public_url: "http://127.0.0.1:1"}
store: {url: %q}
media: {dir: %q}
shutdown: {grace: 2s}
channels:
`, d.url, filepath.Join(d.dir, "media"))
	for _, c := range channels {
		text += "  - " + c + "\n"
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	f, err := configs.Load(path, app.Types())
	if err != nil {
		d.t.Fatal(err)
	}
	return f
}

// conf is a channel of the configuration.
func (l *line) conf(name, typ string) string {
	return fmt.Sprintf("{name: %s, type: %s, id: %q}", name, typ, l.id)
}

func prepareDaemon(t *testing.T, url string) *daemon {
	t.Helper()
	d := &daemon{t: t, clock: &clock{now: time.Now().UTC()}, log: &journal{}, dir: t.TempDir(), url: url}
	if url == "" {
		d.url = "sqlite://" + filepath.Join(d.dir, "x.db")
	}
	return d
}

// run starts the daemon on f.
func (d *daemon) run(f *configs.File) {
	d.t.Helper()
	var err error
	log := slog.New(slog.NewTextHandler(io.MultiWriter(d.log, d.t.Output()), nil))
	if d.App, err = app.New(d.t.Context(), f, app.Options{Log: log, Clock: d.clock, Poll: 20 * time.Millisecond}); err != nil {
		d.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func(a *app.App) { ended <- a.Run(ctx) }(d.App)
	d.stop = sync.OnceValue(func() error {
		stop()
		return <-ended
	})
	d.t.Cleanup(func() {
		if err := d.stop(); err != nil {
			d.t.Errorf("Run: %v", err)
		}
	})
	<-d.Ready()
}

func bothEngines(t *testing.T, test func(t *testing.T, d *daemon)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, prepareDaemon(t, ""))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, prepareDaemon(t, testenv.Postgres(t)))
	})
}

func (d *daemon) account(name string) store.Account {
	d.t.Helper()
	list, err := d.Store().Accounts(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, a := range list {
		if a.Name == name {
			return a
		}
	}
	d.t.Fatalf("there is no account %q", name)
	return store.Account{}
}

func (d *daemon) inputs() []*timeline.LedgerEntry {
	d.t.Helper()
	list, err := d.Store().Ledger(d.t.Context(), timeline.LedgerFilter{})
	if err != nil {
		d.t.Fatal(err)
	}
	return list
}

// get fetches a page of a listener.
func (d *daemon) get(addr fmt.Stringer, path string) (status int, body string) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, "http://"+addr.String()+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// metric returns the line of a metric, or "".
func (d *daemon) metric(name string) string {
	d.t.Helper()
	_, page := d.get(d.AdminAddr(), "/metrics")
	for l := range strings.Lines(page) {
		if rest, ok := strings.CutPrefix(l, name+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// write sends a message to a customer and returns it.
func (d *daemon) write(channel, text string) *normalize.Message {
	d.t.Helper()
	m, _, err := d.Reply(d.t.Context(), timeline.Answer{Channel: channel, To: "li@example.test", Text: text})
	if err != nil {
		d.t.Fatal(err)
	}
	return m
}

func (d *daemon) status(m *normalize.Message) normalize.Status {
	d.t.Helper()
	now, err := d.Store().Message(d.t.Context(), m.ID)
	if err != nil {
		d.t.Fatal(err)
	}
	return now.Parts[0].Status
}
