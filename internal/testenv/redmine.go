package testenv

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the database of Redmine
)

// Redmine is a Redmine of Debian's package with the project Project, in which
// the user of the API key may open issues and write notes, and two agents work.
// It mails nobody: see Mailed.
type Redmine struct {
	URL     string
	Project string // identifier
	APIKey  string // of the user named "Desk Bridge"
	// Anna and Bert are agents, Admin may do everything.
	Anna, Bert, Admin *RedmineUser

	t     testing.TB
	box   *sandbox
	owner owner
	port  int
	proc  *process
}

// StartRedmine starts a Redmine on SQLite for the test.
func StartRedmine(t testing.TB) *Redmine {
	t.Helper()
	Need(t, "redmine-instances", "redmine redmine-sqlite puma")
	Need(t, "puma", "puma")
	r := &Redmine{t: t, Project: "support"}
	var err error
	if r.owner, err = lookupOwner("nobody"); err != nil {
		t.Fatal(err)
	}
	if r.box, err = newSandbox("redmine"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.proc.stop(syscall.SIGKILL)
		r.box.remove()
	})
	showLogOnFailure(t, "Redmine", r.box.file("puma.log"))
	if err := r.setUp(); err != nil {
		t.Fatalf("start Redmine: %v\n%s", err, tail(r.box.file("puma.log"), 40))
	}
	return r
}

// Start starts a stopped Redmine again on the same port with the same issues.
func (r *Redmine) Start() {
	r.t.Helper()
	if err := r.start(); err != nil {
		r.t.Fatalf("start Redmine: %v\n%s", err, tail(r.box.file("puma.log"), 40))
	}
}

// Stop ends Redmine; calls are refused then.
func (r *Redmine) Stop() {
	r.t.Helper()
	if err := r.proc.stop(syscall.SIGTERM); err != nil {
		r.t.Error(err)
	}
}

// Mailed returns the addresses that Redmine has sent mail to so far.
func (r *Redmine) Mailed() []string {
	r.t.Helper()
	names, err := filepath.Glob(filepath.Join(r.box.file("mail"), "*"))
	if err != nil {
		r.t.Fatal(err)
	}
	for i, name := range names {
		names[i] = filepath.Base(name)
	}
	return names
}

// Set changes a setting as an administrator would, such as text_formatting to
// "textile", "markdown" or "common_mark".
func (r *Redmine) Set(name, value string) {
	r.t.Helper()
	// Redmine reads its settings again when the latest of them is newer.
	r.exec("DELETE FROM settings WHERE name = ?", name)
	r.exec("INSERT INTO settings (name, value, updated_on) VALUES (?, ?, ?)", name, value, r.now())
}

// Permit gives a role these permissions and no others.
func (r *Redmine) Permit(role string, permissions ...string) {
	r.t.Helper()
	r.exec("UPDATE roles SET permissions = ? WHERE name = ?", "---\n- :"+strings.Join(permissions, "\n- :")+"\n", role)
}

// Copy copies an issue n times, all in one second, as an import would, and
// returns the numbers of the copies.
func (r *Redmine) Copy(issue, n int) (ids []int) {
	r.t.Helper()
	first := slices.Max(r.Admin.Issues()) + 1
	now := r.now()
	statements := []string{fmt.Sprintf("CREATE TABLE copy AS SELECT * FROM issues WHERE id = %d", issue)}
	for i := range n {
		ids = append(ids, first+i)
		statements = append(statements, fmt.Sprintf("UPDATE copy SET id = %d, root_id = %d, created_on = '%s', updated_on = '%s'; INSERT INTO issues SELECT * FROM copy", first+i, first+i, now, now))
	}
	r.exec("BEGIN; " + strings.Join(append(statements, "DROP TABLE copy", "COMMIT"), ";\n"))
	return ids
}

// now is the time as Redmine writes it into its database.
func (r *Redmine) now() string { return time.Now().Local().Format("2006-01-02 15:04:05.000000") }

func (r *Redmine) exec(statement string, args ...any) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	db, err := sql.Open("sqlite", "file:"+r.box.file("redmine.db")+"?_pragma=busy_timeout(20000)")
	if err == nil {
		_, err = db.ExecContext(ctx, statement, args...)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *Redmine) setUp() error {
	keys := make([]string, 4)
	for i := range keys {
		keys[i] = rand.Text()
	}
	if err := writeRedmine(r.box.dir, r.owner.own, keys); err != nil {
		return err
	}
	r.Admin, r.Anna, r.Bert = &RedmineUser{r, "Ada Admin", keys[0]}, &RedmineUser{r, "Anna Agent", keys[1]}, &RedmineUser{r, "Bert Boss", keys[2]}
	r.APIKey = keys[3]
	var err error
	for range 3 { // another process may take the port before we do
		var ports []int
		if ports, err = freePorts(1); err != nil {
			return err
		}
		r.port, r.URL = ports[0], "http://"+addr(ports[0])
		if err = r.start(); err == nil {
			return nil
		}
	}
	return err
}

func (r *Redmine) start() error {
	// Redmine looks for the folder of its instance below its own.
	instance := "../../../../../.." + r.box.dir
	p, err := r.box.start(r.box.file("puma.log"), &r.owner, syscall.SIGKILL, []string{
		"REDMINE_INSTANCE=" + instance, "BUNDLE_GEMFILE=" + r.box.file("Gemfile"), "BUNDLE_APP_CONFIG=" + r.box.file("bundle"),
		"RAILS_ENV=production", "HOME=" + r.box.dir, "LANG=C.UTF-8", "RUBYOPT=-W0", "PIDFILE=",
	}, Need(r.t, "puma", "puma"), "--quiet", "--environment", "production", "--threads", "1:4", "--bind", "tcp://"+addr(r.port), "-C", "-", r.box.file("config.ru"))
	if err != nil {
		return err
	}
	r.proc = p
	if err := p.await(r.answers); err != nil {
		return errors.Join(fmt.Errorf("Redmine on port %d: %w", r.port, err), p.stop(syscall.SIGKILL))
	}
	return nil
}

func (r *Redmine) answers() bool {
	resp, err := r.call(r.APIKey, http.MethodGet, "/users/current.json", "", nil)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// call makes a request by the rules of Redmine's REST API.
func (r *Redmine) call(key, method, path, contentType string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Redmine-API-Key", key)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	// No connection is kept: tests look for goroutines that were left behind.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: deadline}
	return client.Do(req)
}
