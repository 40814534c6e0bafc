package store_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// Who wrote thousands of mails can be erased from a database that is 5 ms away,
// too: what it takes must not grow by the way there with each of them.
func TestWhoWroteALotCanBeErasedFromAfar(t *testing.T) {
	database := testenv.Postgres(t)
	db, far := openStore(t, database), openStore(t, farAway(t, database, 5*time.Millisecond))
	if err := db.RegisterAccounts(t.Context(), []store.AccountRow{{Name: "support", Role: store.RoleChannel, Type: "email"}}); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	in := timeline.Ingest{Account: "support", Now: now, IdleTimeout: time.Hour}
	for i := range 1200 {
		name := fmt.Sprint("m", i)
		in.Entries = append(in.Entries, timeline.Entry{
			Outcome: normalize.Accepted,
			Item:    &normalize.Message{ExternalID: name, Address: normalize.Email("robot@example.com", ""), Text: name, FullText: name, ReceivedAt: now, SentAt: now},
			Input:   timeline.Raw{Key: name, ReceivedAt: now, Digest: sha256.Sum256([]byte(name)), Data: []byte(name)},
		})
	}
	results, err := timeline.Commit(t.Context(), db, in)
	if err != nil {
		t.Fatal(err)
	}
	first, err := db.Message(t.Context(), results[0].Message)
	if err != nil {
		t.Fatal(err)
	}
	before, err := far.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
	defer cancel()
	if _, err := far.Erase(ctx, first.Customer.ID, now); err != nil {
		t.Fatal(err)
	}
	after, err := far.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after.Commits-before.Commits < 3 {
		t.Errorf("%d commits: everybody else waited behind a long one", after.Commits-before.Commits)
	}
	for _, r := range results {
		m, err := db.Message(t.Context(), r.Message)
		if err != nil || m.Text != "" || m.DeletedAt.IsZero() {
			t.Fatalf("%+v, %v", m, err)
		}
	}
}

// farAway returns the url of a database by a way that takes so long.
func farAway(t *testing.T, database string, way time.Duration) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	near := u.Host
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := new(net.Dialer).DialContext(context.Background(), "tcp", near)
			if err != nil {
				_ = client.Close()
				continue
			}
			go func() { _, _ = io.Copy(slow{server, way}, client); _ = server.Close() }()
			go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
		}
	}()
	u.Host = l.Addr().String()
	return u.String()
}

// slow delays what is written to it.
type slow struct {
	io.Writer
	way time.Duration
}

func (s slow) Write(b []byte) (int, error) {
	time.Sleep(s.way)
	return s.Writer.Write(b)
}
