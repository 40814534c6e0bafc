package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/store/media"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

var account = normalize.Account{Name: "support", Type: "test"}

var links = timeline.Links{PublicURL: publicURL, Key: []byte("key"), TTL: time.Hour}

// world is a server on a real store, with a token, a channel and customers who
// write on it.
type world struct {
	t      *testing.T
	s      *Server
	db     *store.DB
	ingest *timeline.Ingestor
	files  string // the media folder
	url    string
}

func newWorld(t *testing.T, c Config) *world {
	t.Helper()
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(t.Context(), "sqlite://"+filepath.Join(dir, "test.db"), store.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	if err := db.RegisterAccounts(t.Context(), []store.AccountRow{{Name: account.Name, Role: store.RoleChannel, Type: account.Type}}); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "media")
	files, err := media.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { files.Close() })
	now := connectors.SystemClock{}.Now
	w := &world{t: t, db: db, files: folder, ingest: &timeline.Ingestor{Store: db, Files: files, Log: log, Now: now, IdleTimeout: func() time.Duration { return time.Hour }}}
	c.PublicURL = publicURL
	w.s = newTestServer(t, c, Deps{
		Timeline: db, Identity: db, Outbox: db, Media: files, Ready: db.Ready,
		Desk:   &timeline.Desk{Store: db, Outlets: letters{}, Now: now, Expire: time.Hour},
		Tokens: &tokens{names: map[string]string{"good": "script"}}, Endpoint: func(string) (Endpoint, bool) { return nil, false },
		Links: func() timeline.Links { return links },
	})
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = Listener(w.s.Public(), log)
	srv.Start()
	t.Cleanup(srv.Close)
	w.url = srv.URL
	return w
}

// letters is a channel: its inputs are messages as JSON, its addresses those
// of e-mail, and it refuses to send a word.
type letters struct{}

func (letters) Decode(in normalize.Input) (normalize.Item, error) {
	var m struct {
		normalize.Message
		File []byte
		Ref  string
	}
	if err := json.Unmarshal(in.Raw, &m); err != nil {
		return nil, err
	}
	if m.Ref != "" {
		m.Parts = append(m.Parts, normalize.Part{Kind: normalize.PartImage, Media: &normalize.Media{Name: "red.png", Ref: m.Ref}})
	}
	if m.File != nil {
		m.Parts = append(m.Parts, normalize.Part{Kind: normalize.PartImage, Media: &normalize.Media{Name: "blue.png", ContentType: "image/png", Data: m.File}})
	}
	return &m.Message, nil
}

func (l letters) Outlet(name string) (timeline.Outlet, bool) { return l, name == account.Name }
func (letters) Account() normalize.Account                   { return account }
func (letters) Address(typed string) normalize.Address {
	if !strings.Contains(typed, "@") {
		return normalize.Address{}
	}
	return normalize.Email(typed, "")
}

func (letters) Plan(_ context.Context, m, _ *normalize.Message) (p timeline.Plan, err error) {
	if strings.Contains(m.Text, "unspeakable") {
		return p, timeline.Refuse("unsupported", "this channel does not carry that word")
	}
	for i := range m.Parts {
		p.Jobs = append(p.Jobs, []int{i})
	}
	return p, nil
}

func (letters) Typing(context.Context, normalize.Thread, normalize.Address) error { return nil }
func (letters) PerPeerHour() int                                                  { return 0 }
func (letters) Recall(_ context.Context, _ *normalize.Message, p timeline.SentPart) error {
	if strings.HasPrefix(p.ExternalID, "old") {
		return timeline.Refuse("unsupported", "it is too old to be taken back")
	}
	return nil
}

var png = []byte("\x89PNG\r\n\x1a\n" + strings.Repeat("\x00", 100))

// receive takes in what a customer writes.
func (w *world) receive(from, external, text string, file []byte) *normalize.Message {
	w.t.Helper()
	name, _, _ := strings.Cut(from, "@")
	name = strings.ToUpper(name[:1]) + name[1:]
	raw, err := json.Marshal(map[string]any{
		"external_id": external, "text": text, "address": normalize.Email(from, name),
		"parts": []normalize.Part{{Kind: normalize.PartText, Text: text}}, "File": file,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	err = w.ingest.Take(w.t.Context(), timeline.Source{Account: account, Decoder: letters{}},
		normalize.Batch{Inputs: []normalize.Input{{Key: external, Raw: raw, ContentType: "application/json"}}})
	if err != nil {
		w.t.Fatal(err)
	}
	m, err := w.db.ByExternalID(w.t.Context(), account.Name, external)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// do makes a call with the token. A body that is no string is sent as JSON.
func (w *world) do(method, path string, body any, header ...string) *http.Response {
	w.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		j, err := json.Marshal(b)
		if err != nil {
			w.t.Fatal(err)
		}
		r = bytes.NewReader(j)
	}
	req, err := http.NewRequest(method, w.url+path, r)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer good")
	if r != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp
}

// raw makes a call that must have this status and returns the answer's body.
func (w *world) raw(status int, method, path string, body any, header ...string) []byte {
	w.t.Helper()
	resp := w.do(method, path, body, header...)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		w.t.Fatalf("%s %s: %d %.500s %v, want %d", method, path, resp.StatusCode, b, err, status)
	}
	return b
}

// refused makes a call that must end in a problem of this status.
func (w *world) refused(status int, method, path string, body any, header ...string) *Problem {
	w.t.Helper()
	return readProblem(w.t, w.do(method, path, body, header...), status)
}

// get makes a call that must succeed and returns what it answers.
func get[T any](w *world, method, path string, body any, header ...string) T {
	w.t.Helper()
	status := http.StatusOK
	if method == http.MethodPost && (strings.HasSuffix(path, "/messages") || strings.HasPrefix(path, "/v1/media")) {
		status = http.StatusCreated
	}
	var v T
	b := w.raw(status, method, path, body, header...)
	if err := json.Unmarshal(b, &v); err != nil {
		w.t.Fatalf("%s %s: %v in %s", method, path, err, b)
	}
	return v
}

// pages follows a list to its end, n at a time.
func pages[T any](w *world, path, param string, n int) (all []T) {
	w.t.Helper()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	cursor := ""
	for range 100 {
		l := get[list[T]](w, http.MethodGet, fmt.Sprintf("%s%slimit=%d%s", path, sep, n, cursor), nil)
		if len(l.Items) > n {
			w.t.Fatalf("%s: %d items, asked for %d", path, len(l.Items), n)
		}
		all = append(all, l.Items...)
		if l.Next == nil {
			return all
		}
		cursor = "&" + param + "=" + *l.Next
	}
	w.t.Fatalf("%s never ends", path)
	return nil
}
