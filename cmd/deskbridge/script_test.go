package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/deskbridge/deskbridge/configs"
	"github.com/deskbridge/deskbridge/internal/app"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/store/media"
	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

func TestMain(m *testing.M) {
	if os.Getenv(asDaemon) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"deskbridge": main})
}

// The scripts run the program itself on stores and configurations of their
// own.
func TestScripts(t *testing.T) {
	runScripts(t, "testdata/script/*.txtar", func(config string) string { return config })
}

// What works on the store works on the other engine as well.
func TestScriptsOnPostgres(t *testing.T) {
	for _, name := range []string{"timeline", "ledger", "send", "doctor"} {
		url := testenv.Postgres(t)
		runScripts(t, "testdata/script/"+name+".txtar", func(config string) string {
			return sqliteURL.ReplaceAllLiteralString(config, url)
		})
	}
}

var sqliteURL = regexp.MustCompile(`sqlite://[^"]*`)

func runScripts(t *testing.T, pattern string, change func(config string) string) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts %s: %v", pattern, err)
	}
	testscript.Run(t, testscript.Params{
		Files: files,
		Setup: func(e *testscript.Env) error {
			e.Setenv("DESKBRIDGE_CONFIG", filepath.Join(e.WorkDir, "deskbridge.yaml"))
			e.Setenv("TZ", "UTC")
			return os.WriteFile(filepath.Join(e.WorkDir, "deskbridge.yaml"), []byte(change(sampleConfig(e.WorkDir))), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"ingest": ingest, "save": save, "exits": exits, "deepmail": deepmail, "zipped": zipped},
	})
}

// sampleConfig has one channel and one helpdesk, at addresses where nobody
// listens: what the commands do needs no vendor.
func sampleConfig(dir string) string {
	return `
server: {listen: "127.0.0.1:0", admin_listen: "127.0.0.1:0", public_url: "https://support.example.com"}
store: {url: "sqlite://` + dir + `/deskbridge.db"}
media: {dir: "` + dir + `/media"}
channels:
  - name: support
    type: email
    address: support@example.com
    imap: {host: 127.0.0.1, port: 1, tls: none, username: support, password: "hunter2-imap"}
    smtp: {host: 127.0.0.1, port: 1, tls: none, username: support, password: "hunter2-smtp"}
helpdesks:
  - {name: desk, type: webhook, url: "http://127.0.0.1:1/hook", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
`
}

// ingest FILE... takes mails in, as the daemon would, and registers the
// accounts before.
func ingest(ts *testscript.TestScript, _ bool, files []string) {
	ctx, stop := context.WithTimeout(context.Background(), testenv.Patience)
	defer stop()
	file, err := configs.Load(ts.Getenv("DESKBRIDGE_CONFIG"), app.Types())
	ts.Check(err)
	a, err := app.Attach(ctx, file, app.Options{})
	ts.Check(err)
	defer a.Close()
	dir, err := media.Open(file.Media.Dir)
	ts.Check(err)
	defer dir.Close()
	var rows []store.AccountRow
	for _, acc := range a.Accounts() {
		row := store.AccountRow{Name: acc.Name, Role: acc.Role(), Type: acc.Type}
		if acc.Helpdesk != nil {
			row.Wants = normalize.EventTypes
			i := slices.IndexFunc(file.Helpdesks, func(c configs.Account) bool { return c.Name == acc.Name })
			row.Route = file.Helpdesks[i].Route
		}
		rows = append(rows, row)
	}
	ts.Check(a.Store().RegisterAccounts(ctx, rows))
	var b normalize.Batch
	for _, name := range files {
		raw := strings.ReplaceAll(ts.ReadFile(name), "\n", "\r\n")
		b.Inputs = append(b.Inputs, normalize.Input{Key: "INBOX/1/" + name, Raw: []byte(raw), ContentType: "message/rfc822", ReceivedAt: time.Now().UTC()})
	}
	g := &timeline.Ingestor{
		Store: a.Store(), Files: dir, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Now().UTC() }, IdleTimeout: func() time.Duration { return file.Conversations.IdleTimeout },
	}
	for _, acc := range a.Accounts() {
		if acc.Channel != nil {
			ts.Check(g.Take(ctx, timeline.Source{Account: acc.Account, Decoder: acc.Channel}, b))
		}
	}
}

// save NAME REGEXP keeps what the first group matched in the last standard
// output in a variable.
func save(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: save NAME REGEXP")
	}
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("%s is not in the output", args[1])
	}
	ts.Setenv(args[0], found[1])
}

// exits CODE PROGRAM ARG... runs a program that must end with this code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// deepmail FILE writes a mail that is nested deeper than any honest one.
func deepmail(ts *testscript.TestScript, _ bool, args []string) {
	var b strings.Builder
	b.WriteString("From: Eve <eve@example.net>\nTo: support@example.com\nSubject: deep\nMessage-ID: <deep@example.net>\nMIME-Version: 1.0\n")
	for i := range 100 {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	b.WriteString("\nbottom\n")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o600))
}

// zipped ARCHIVE PREFIX TEXT looks for a file that is called so and holds this.
func zipped(ts *testscript.TestScript, _ bool, args []string) {
	z, err := zip.OpenReader(ts.MkAbs(args[0]))
	ts.Check(err)
	defer z.Close()
	for _, f := range z.File {
		if !strings.HasPrefix(f.Name, args[1]) {
			continue
		}
		r, err := f.Open()
		ts.Check(err)
		content, err := io.ReadAll(r)
		ts.Check(err)
		if strings.Contains(string(content), args[2]) {
			return
		}
	}
	ts.Fatalf("no file %s in %s holds %q", args[1], args[0], args[2])
}
