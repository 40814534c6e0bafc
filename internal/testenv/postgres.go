package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PG is a PostgreSQL server with durable commits (fsync on), linguistic
// collation and UTF-8, as a distribution sets one up.
type PG struct {
	// URL addresses a database that is empty at first.
	URL string

	t       testing.TB
	box     *sandbox
	owner   owner
	port    int
	bin     string // folder of the programs
	proc    *process
	counter atomic.Int64
}

var shared struct {
	sync.Mutex
	pg  *PG
	err error
}

// Postgres returns the URL of a new, empty database on a server that all tests
// of the process share. The database is dropped when the test ends.
func Postgres(t testing.TB) string {
	t.Helper()
	Need(t, "postgres", "postgresql")
	shared.Lock()
	if shared.pg == nil && shared.err == nil {
		shared.pg, shared.err = newPG()
	}
	pg, err := shared.pg, shared.err
	shared.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	showLogOnFailure(t, "PostgreSQL", pg.log())
	return pg.database(t)
}

func stopShared() {
	shared.Lock()
	defer shared.Unlock()
	if shared.pg != nil {
		_ = shared.pg.proc.stop(syscall.SIGINT)
		shared.pg.box.remove()
		shared.pg = nil
	}
}

// PostgresServer starts a server of the test's own, for tests that stop it.
func PostgresServer(t testing.TB) *PG {
	t.Helper()
	Need(t, "postgres", "postgresql")
	pg, err := newPG()
	if err != nil {
		t.Fatal(err)
	}
	pg.t = t
	t.Cleanup(func() {
		pg.Kill()
		pg.box.remove()
	})
	showLogOnFailure(t, "PostgreSQL", pg.log())
	pg.URL = pg.database(t)
	return pg
}

// Start starts a stopped server again on the same port with the same data.
func (pg *PG) Start() {
	pg.t.Helper()
	if err := pg.start(); err != nil {
		pg.t.Fatal(err)
	}
}

// Stop shuts the server down as an administrator would: every connection is
// cut, transactions under way are rolled back.
func (pg *PG) Stop() { pg.end(syscall.SIGINT) }

// Kill ends every server process at once without a checkpoint; the next Start
// recovers from the log as after a crash.
func (pg *PG) Kill() { pg.end(syscall.SIGQUIT) }

func (pg *PG) end(sig syscall.Signal) {
	pg.t.Helper()
	if err := pg.proc.stop(sig); err != nil {
		pg.t.Error(err)
	}
}

func (pg *PG) log() string { return pg.box.file("postgres.log") }

func (pg *PG) url(database string) string {
	return fmt.Sprintf("postgres://deskbridge:deskbridge@%s/%s?sslmode=disable", addr(pg.port), database)
}

func newPG() (_ *PG, err error) {
	pg := &PG{bin: filepath.Dir(find("postgres"))}
	// initdb sits beside the real program, which a link on the PATH may hide.
	if program, err := filepath.EvalSymlinks(find("postgres")); err == nil {
		pg.bin = filepath.Dir(program)
	}
	if pg.owner, err = lookupOwner("postgres", "nobody"); err != nil {
		return nil, err
	}
	if pg.box, err = newSandbox("pg"); err != nil {
		return nil, err
	}
	if err = pg.setUp(); err != nil {
		err = fmt.Errorf("start PostgreSQL: %w\n%s", err, tail(pg.log(), 40))
		pg.box.remove()
		return nil, err
	}
	return pg, nil
}

func (pg *PG) setUp() error {
	for _, sub := range []string{"data", "socket"} {
		dir := pg.box.file(sub)
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		if err := pg.owner.own(dir); err != nil {
			return err
		}
	}
	if err := pg.initdb(); err != nil {
		return err
	}
	var err error
	for range 3 { // another process may take the port before we do
		var ports []int
		if ports, err = freePorts(1); err != nil {
			return err
		}
		pg.port = ports[0]
		if err = pg.start(); err == nil {
			return nil
		}
	}
	return err
}

func (pg *PG) initdb() error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	initdb := filepath.Join(pg.bin, "initdb")
	args := []string{"-D", pg.box.file("data"), "-U", "deskbridge", "-A", "trust", "-E", "UTF8", "--no-sync"}
	help, _ := exec.CommandContext(ctx, initdb, "--help").Output()
	if strings.Contains(string(help), "--icu-locale") {
		// Linguistic order is what most installations have; byte order would
		// hide a query that compares text and expects bytes.
		args = append(args, "--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8")
	}
	cmd := exec.CommandContext(ctx, initdb, args...)
	cmd.Dir = "/"
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(pg.owner.uid), Gid: uint32(pg.owner.gid)}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (pg *PG) start() error {
	p, err := pg.box.start(pg.log(), &pg.owner, syscall.SIGQUIT, []string{"LC_MESSAGES=C"}, filepath.Join(pg.bin, "postgres"),
		"-D", pg.box.file("data"),
		"-c", "listen_addresses=127.0.0.1",
		"-c", "port="+strconv.Itoa(pg.port),
		"-c", "unix_socket_directories="+pg.box.file("socket"),
		"-c", "max_connections=200",
		"-c", "shared_buffers=64MB",
		"-c", "fsync=on")
	if err != nil {
		return err
	}
	pg.proc = p
	err = p.await(func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return pg.exec(ctx, "SELECT 1") == nil
	})
	if err != nil {
		return errors.Join(fmt.Errorf("PostgreSQL on port %d: %w\n%s", pg.port, err, tail(pg.log(), 20)), p.stop(syscall.SIGQUIT))
	}
	return nil
}

func (pg *PG) exec(ctx context.Context, sql string) error {
	c, err := pgx.Connect(ctx, pg.url("postgres"))
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, sql)
	return errors.Join(err, c.Close(ctx))
}

func (pg *PG) database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", pg.counter.Add(1))
	run := func(sql string) error {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		return pg.exec(ctx, sql)
	}
	if err := run("CREATE DATABASE " + name); err != nil {
		t.Fatalf("PostgreSQL: %v", err)
	}
	if pg.t == nil { // a server of the test's own goes as a whole
		t.Cleanup(func() {
			if err := run("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
				t.Errorf("PostgreSQL: %v", err)
			}
		})
	}
	return pg.url(name)
}
