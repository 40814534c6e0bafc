package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/outbox"
)

// Some measurements need a process of their own: one that is killed, or whose
// memory is looked at. It is this program again, told its part by the
// environment: a role and its arguments, with bars between.
const childEnv = "DESKBRIDGE_BENCH_CHILD"

var roles = map[string]func(ctx context.Context, args []string, in io.Reader, out io.Writer) error{
	"serve":  serveRole,
	"fill":   fillRole,
	"resume": resumeRole,
	"mails":  mailsRole,
}

// runChild plays the part that the environment names, and reports whether it
// names one.
func runChild() bool {
	part, ok := os.LookupEnv(childEnv)
	if !ok {
		return false
	}
	args := strings.Split(part, "|")
	if err := roles[args[0]](context.Background(), args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench,", args[0]+":", err)
		os.Exit(1)
	}
	return true
}

// serveRole serves webhooks into the store at args[0]. It prints its address,
// and an empty line for each line that it reads, after giving memory that it
// does not use back to the system.
func serveRole(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	db, err := openStore(ctx, args[0])
	if err != nil {
		return err
	}
	addr, stop, err := listen(ctx, intoStore(db))
	if err != nil {
		return err
	}
	fmt.Fprintln(out, addr)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		debug.FreeOSMemory()
		fmt.Fprintln(out)
	}
	return errors.Join(stop(), db.Close(ctx))
}

// fillRole takes args[1] messages into the store at args[0], prints a line,
// and goes on until it is killed.
func fillRole(ctx context.Context, args []string, _ io.Reader, out io.Writer) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	seed, err := strconv.ParseUint(args[2], 10, 64)
	if err != nil {
		return err
	}
	db, err := openStore(ctx, args[0])
	if err != nil {
		return err
	}
	b := &bench{DB: db}
	t := newTraffic(seed, max(n, poolSize), shortText)
	t.next = int(seed) << 32 // ids that no earlier run had
	if err := fill(ctx, b, t, n); err != nil {
		return err
	}
	fmt.Fprintln(out, "filled")
	for {
		if err := fill(ctx, b, t, 4*fillBatch); err != nil {
			return err
		}
	}
}

// resumed is what resumeRole reports.
type resumed struct{ Open, Settled time.Duration }

// resumeRole opens the store at args[0], claims work and settles it, as a
// daemon does that was started again.
func resumeRole(ctx context.Context, args []string, _ io.Reader, out io.Writer) error {
	begun := time.Now()
	db, err := store.Open(ctx, args[0], store.Options{})
	if err != nil {
		return err
	}
	r := resumed{Open: time.Since(begun)}
	jobs, err := db.Claim(ctx, outbox.Forward, deskAccount, time.Now(), lease, outbox.DefaultParallel)
	if err != nil {
		return err
	}
	if len(jobs) == 0 {
		return errors.New("nothing was claimed, though there is work")
	}
	if err := workOff(ctx, db, jobs); err != nil {
		return err
	}
	r.Settled = time.Since(begun)
	return errors.Join(json.NewEncoder(out).Encode(r), db.Close(ctx))
}

// process is a child.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startChild(ctx context.Context, part ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), childEnv+"="+strings.Join(part, "|"))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd, in, bufio.NewReader(out)}, nil
}

// line returns what the child says next.
func (p *process) line() (string, error) {
	s, err := p.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("the measured process ended early: %w", errors.Join(err, p.cmd.Wait()))
	}
	return strings.TrimSpace(s), nil
}

// settle has a serving child give back what memory it can.
func (p *process) settle() error {
	if _, err := io.WriteString(p.in, "\n"); err != nil {
		return err
	}
	_, err := p.line()
	return err
}

// stop ends a child in good order.
func (p *process) stop() error {
	return errors.Join(p.in.Close(), p.cmd.Wait())
}

// busy returns the processor time of a command that has ended.
func busy(ended *exec.Cmd) time.Duration {
	return ended.ProcessState.UserTime() + ended.ProcessState.SystemTime()
}

// kill ends a child as a power cut would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it was killed; that is all there is to say
}
