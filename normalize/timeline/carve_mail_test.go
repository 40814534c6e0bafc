package timeline_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel/email"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// mails decodes as the e-mail channel does. Before it is mended, it can read
// none.
type mails struct {
	*email.Email
	broken bool
}

func newMails(t *testing.T) *mails {
	t.Helper()
	e, err := email.New(&email.Config{
		Address: "desk@example.test", VerifyDKIM: "off",
		IMAP: email.IMAP{Host: "127.0.0.1", Port: 1, TLS: "implicit", Mailbox: "INBOX"},
		SMTP: email.SMTP{Host: "127.0.0.1", Port: 1, TLS: "implicit"},
	}, connectors.Deps{
		Account: normalize.Account{Name: "chat", Type: email.Type}, Log: slog.New(slog.DiscardHandler),
		HTTP: http.DefaultClient, Clock: wall{}, Key: make([]byte, 32), MaxMedia: 1 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &mails{Email: e}
}

type wall struct{}

func (wall) Now() time.Time { return time.Now() }

func (m *mails) Decode(in normalize.Input) (normalize.Item, error) {
	if m.broken {
		return nil, errOdd
	}
	return m.Email.Decode(in)
}

// encoded is a file as mail programs write it.
func encoded(file []byte, width int, ending string) string {
	var b strings.Builder
	s := base64.StdEncoding.EncodeToString(file)
	for ; len(s) > width && width > 0; s = s[width:] {
		b.WriteString(s[:width] + ending)
	}
	return b.String() + s
}

// letter is a mail with files, which are written already.
func letter(id, ending string, files ...string) normalize.Input {
	var b strings.Builder
	fmt.Fprintf(&b, "From: Ann <ann@example.test>\nTo: desk@example.test\nSubject: files\nMessage-ID: <%s@example.test>\n"+
		"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nLook at these.\n", id)
	for i, f := range files {
		fmt.Fprintf(&b, "--b\nContent-Type: image/png; name=%d.png\nContent-Transfer-Encoding: base64\n\n%s\n", i, f)
	}
	raw := strings.ReplaceAll(b.String()+"--b--\n", "\n", ending)
	raw = strings.ReplaceAll(raw, "\r\r\n", "\r\n") // files that were written so already
	return normalize.Input{Key: "INBOX/1/" + id, Raw: []byte(raw), ContentType: "message/rfc822"}
}

// A mail's files are kept once, and the mail comes back as it was, whatever
// program wrote it. It can be decoded again, too.
func TestMailsAreKeptWithoutTheirFiles(t *testing.T) {
	a, b := noise(30_000), noise(50_001)[1:]
	engines(t, func(t *testing.T, r *rig) {
		d := newMails(t)
		var inputs []normalize.Input
		want := map[string]string{} // by key
		add := func(encoding string, in normalize.Input) {
			inputs = append(inputs, in)
			want[in.Key] = encoding
		}
		for _, ending := range []string{"\n", "\r\n"} {
			for _, width := range []int{76, 64, 72, 0} {
				name := fmt.Sprintf("%d-%d", width, len(ending))
				add(timeline.RawCarved, letter(name+"one", ending, encoded(a, width, ending)))
				add(timeline.RawCarved, letter(name+"two", ending, encoded(a, width, ending), encoded(b, 76, ending)))
				add(timeline.RawCarved, letter(name+"same", ending, encoded(b, width, ending), encoded(b, 60, ending)))
				add(timeline.RawCarved, letter(name+"footer", ending, encoded(a, width, ending)+ending+ending+"-- Scanned by a gateway and found clean"))
			}
			add(timeline.RawFile, letter(fmt.Sprint("blanks", len(ending)), ending, encoded(b, 76, "  "+ending)))
			add(timeline.RawFile, letter(fmt.Sprint("odd", len(ending)), ending, encoded(b, 75, ending)))
			add(timeline.RawS2, letter(fmt.Sprint("none", len(ending)), ending, encoded(bytes.Repeat([]byte("abc"), 700), 76, ending)))
			cut := letter(fmt.Sprint("cut", len(ending)), ending, encoded(a, 76, ending))
			cut.Raw = cut.Raw[:len(cut.Raw)-len("--b--")-2*len(ending)] // no line end after the base64
			add(timeline.RawCarved, cut)
		}
		rows := r.takeBy(d, normalize.Batch{Inputs: inputs})
		for i, row := range rows {
			got, encoding := r.raw(row.ID)
			if !bytes.Equal(got, inputs[i].Raw) {
				t.Errorf("%s: %d bytes came back of %d, or others", row.Key, len(got), len(inputs[i].Raw))
			}
			if row.Outcome != normalize.Accepted || encoding != want[row.Key] {
				t.Errorf("%s: %s, kept as %q, want %q", row.Key, row.Outcome, encoding, want[row.Key])
			}
			before := r.message(row.Message)
			res, err := r.Replay(t.Context(), source(d), row.ID)
			r.must(err)
			if res.Outcome != normalize.Accepted || res.Message != row.Message {
				t.Errorf("%s: replayed as %+v", row.Key, res)
			}
			if after := r.message(row.Message); after.ExternalID != before.ExternalID || len(after.Parts) != len(before.Parts) {
				t.Errorf("%s: after the replay %+v", row.Key, after)
			}
			if again, _ := r.raw(row.ID); !bytes.Equal(again, inputs[i].Raw) {
				t.Errorf("%s: the replay changed what is kept", row.Key)
			}
		}
		if n := r.events(normalize.MessageEdited); n != 0 {
			t.Errorf("%d messages changed when they were decoded again", n)
		}
		// The same mails come again.
		for i, row := range r.takeBy(d, normalize.Batch{Inputs: inputs}) {
			if got, _ := r.raw(row.ID); row.Outcome != normalize.Duplicate || !bytes.Equal(got, inputs[i].Raw) {
				t.Errorf("%s came again: %s", row.Key, row.Outcome)
			}
		}
	})
}

// A mail that could not be read is known when it comes again, and takes the
// place of its stub.
func TestMailsWithFilesComeBackFromQuarantine(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		d := newMails(t)
		in := letter("x", "\r\n", encoded(noise(40_000), 76, "\r\n"))
		other := letter("y", "\r\n", encoded(noise(40_000), 76, "\r\n")) // of the same size
		d.broken = true
		held := r.takeBy(d, normalize.Batch{Inputs: []normalize.Input{in}})[0]
		if held.Outcome != normalize.Quarantined {
			t.Fatalf("%+v", held)
		}
		d.broken = false
		rows := r.takeBy(d, normalize.Batch{Inputs: []normalize.Input{in, other}})
		if rows[0].Outcome != normalize.Accepted || rows[0].Message != held.Message || rows[1].Message == held.Message {
			t.Errorf("the mail is message %s, its stub %s, another one %s", rows[0].Message, held.Message, rows[1].Message)
		}
		if m := r.message(held.Message); m.Unreadable != "" || len(m.Parts) != 2 {
			t.Errorf("the stub is still one: %+v", m)
		}
		for i, row := range append(rows, held) {
			if got, _ := r.raw(row.ID); !bytes.Equal(got, [][]byte{in.Raw, other.Raw, in.Raw}[i]) {
				t.Errorf("input %d is not kept as it was", i)
			}
		}
	})
}

// What is in the media store stays as long as a message or a raw input needs
// it, and goes when neither does.
func TestFilesOfMailsLiveAsLongAsTheyAreNeeded(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		d := newMails(t)
		a, b := noise(40_000), noise(50_000)[7:]
		rows := r.takeBy(d, normalize.Batch{Inputs: []normalize.Input{
			letter("x", "\n", encoded(a, 76, "\n")),
			letter("x", "\n", encoded(b, 76, "\n")), // the same Message-ID: b is in no message
		}})
		if rows[1].Outcome != normalize.Duplicate {
			t.Fatalf("%+v", rows[1])
		}
		sweep := func(keep store.Retention) (gone []string) {
			gone, err := r.db.Sweep(t.Context(), keep)
			r.must(err)
			return gone
		}
		if gone := sweep(store.Retention{}); len(gone) != 0 {
			t.Errorf("files that are needed are to go: %v", gone)
		}
		m := r.message(rows[0].Message)
		picture, err := r.db.Media(t.Context(), m.Parts[1].Media.ID)
		r.must(err)
		gone := sweep(store.Retention{Raw: time.Now().Add(time.Minute)})
		if len(gone) != 1 || gone[0] == picture.SHA256 {
			t.Errorf("after the retention of raw inputs %v are to go, want the one that is in no message", gone)
		}
		if got, err := r.files.Read(t.Context(), picture.SHA256); err != nil || !bytes.Equal(got, a) {
			t.Errorf("the message's picture: %v", err)
		}
		if _, err := r.Replay(t.Context(), source(d), rows[0].ID); !errors.Is(err, timeline.ErrGone) {
			t.Errorf("after the retention: %v", err)
		}

		kept := r.takeBy(d, normalize.Batch{Inputs: []normalize.Input{letter("z", "\n", encoded(b, 76, "\n"), encoded(a, 64, "\n"))}})[0]
		ann, err := r.db.CustomerOf(t.Context(), normalize.Email("ann@example.test", ""))
		r.must(err)
		gone, err = r.db.Erase(t.Context(), ann.ID, r.now)
		r.must(err)
		if len(gone) != 2 {
			t.Errorf("the erasure leaves files: only %v are to go", gone)
		}
		if _, _, err := r.db.LedgerRaw(t.Context(), kept.ID); !errors.Is(err, timeline.ErrGone) {
			t.Errorf("the raw mail after the erasure: %v", err)
		}
		c := noise(60_000)[11:]
		again := r.takeBy(d, normalize.Batch{Inputs: []normalize.Input{letter("z", "\n", encoded(c, 76, "\n"))}})[0]
		if again.Outcome != normalize.Duplicate || again.RawKept {
			t.Errorf("an erased mail came back: %+v", again)
		}
		sum := sha256.Sum256(c)
		if gone := sweep(store.Retention{}); !slices.Contains(gone, hex.EncodeToString(sum[:])) {
			t.Errorf("the file that came with it stays, only %v are to go", gone)
		}
	})
}

// watched looks at each commit whether the files are there that it refers to.
type watched struct {
	timeline.Store
	look func(timeline.Ingest) error
}

func (w watched) Stage(in timeline.Ingest) (func(context.Context) ([]timeline.Result, error), error) {
	commit, err := w.Store.Stage(in)
	return func(ctx context.Context) ([]timeline.Result, error) {
		if err := w.look(in); err != nil {
			return nil, err
		}
		return commit(ctx)
	}, err
}

// A daemon that dies right before a commit has lost nothing, and one that dies
// right after has all.
func TestFilesAreThereBeforeTheMailIsCommitted(t *testing.T) {
	engines(t, func(t *testing.T, r *rig) {
		d := newMails(t)
		died := errors.New("it died")
		seen := 0
		in := normalize.Batch{Inputs: []normalize.Input{letter("x", "\n", encoded(noise(20_000), 76, "\n"), encoded(noise(9_000), 76, "\n"))}}
		g := r.on(watched{r.db, func(in timeline.Ingest) error {
			for _, f := range in.Entries[0].Input.Files {
				if _, err := r.files.Read(t.Context(), hex.EncodeToString(f[:])); err != nil {
					t.Error(err)
				}
				seen++
			}
			if seen == 2 {
				return died
			}
			return nil
		}})
		if err := g.Take(t.Context(), source(d), in); !errors.Is(err, died) {
			t.Fatal(err)
		}
		r.must(g.Take(t.Context(), source(d), in))
		rows := r.ledger()
		if len(rows) != 1 || seen != 4 {
			t.Fatalf("%d rows, %d files", len(rows), seen)
		}
		if got, encoding := r.raw(rows[0].ID); encoding != timeline.RawCarved || !bytes.Equal(got, in.Inputs[0].Raw) {
			t.Errorf("kept as %q", encoding)
		}
		media, err := r.db.Media(t.Context(), r.message(rows[0].Message).Parts[1].Media.ID)
		r.must(err)
		r.must(r.files.Remove(t.Context(), media.SHA256)) // young, so it stays
		if _, err := r.files.Read(t.Context(), media.SHA256); errors.Is(err, fs.ErrNotExist) {
			t.Error("a file was removed that a mail had just brought")
		}
	})
}
