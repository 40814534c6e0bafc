package e2e

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/internal/testenv"
)

// waiting is how many of the tests that mostly wait run beside each other,
// unless -parallel says otherwise: more than there are processors.
const waiting = 8

func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("", "deskbridge-e2e-"); err != nil {
		panic(err)
	}
	if err := flag.Set("test.parallel", strconv.Itoa(waiting)); err != nil {
		panic(err)
	}
	testenv.Main(m)
	_ = os.RemoveAll(programs)
}

// programs is the folder of the daemons that the tests share.
var programs string

// racing is the daemon with the race detector, since what the tests provoke is
// what races need; plain is the one without, which takes memory of its own.
var (
	racing = sync.OnceValues(func() (string, error) { return build("racing", "1", "-race") })
	plain  = sync.OnceValues(func() (string, error) { return build("plain", "0") })
)

func build(name, cgo string, flags ...string) (string, error) {
	bin := filepath.Join(programs, name)
	args := append([]string{"build", "-o", bin}, flags...)
	cmd := exec.Command("go", append(args, "github.com/deskbridge/deskbridge/cmd/deskbridge")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return bin, nil
}

// rig is a helpdesk and a daemon before it.
type rig struct {
	t        *testing.T
	dir      string
	bin      string
	desk     *desk
	listen   string
	admin    string
	token    string
	daemon   *process
	logFile  *os.File
	storeURL string
}

// engines runs a test on both stores, one after the other, with the machine
// for itself: one that computes, or measures time.
func engines(t *testing.T, test func(t *testing.T, storeURL func(t *testing.T, dir string) string)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, func(_ *testing.T, dir string) string { return "sqlite://" + filepath.Join(dir, "deskbridge.db") })
	})
	t.Run("postgres", func(t *testing.T) {
		test(t, func(t *testing.T, _ string) string { return testenv.Postgres(t) })
	})
}

// atOnce is engines for a test that mostly waits: on both stores at the same
// time, and beside the other tests of its kind.
func atOnce(t *testing.T, test func(t *testing.T, storeURL func(t *testing.T, dir string) string)) {
	t.Parallel()
	engines(t, func(t *testing.T, storeURL func(t *testing.T, dir string) string) {
		t.Parallel()
		test(t, storeURL)
	})
}

// newRig makes a rig. The daemon serves nothing before configure says what.
func newRig(t *testing.T, storeURL func(t *testing.T, dir string) string) *rig {
	t.Helper()
	bin, err := racing()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: t.TempDir(), bin: bin, listen: freeAddr(t), admin: freeAddr(t)}
	r.desk = newDesk(t)
	r.storeURL = storeURL(t, r.dir)
	r.logFile, err = os.Create(filepath.Join(r.dir, "daemon.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.kill()
		if t.Failed() {
			b, _ := os.ReadFile(r.logFile.Name())
			t.Logf("end of the daemon's log:\n%s", b[max(0, len(b)-8000):])
		}
		_ = r.logFile.Close()
	})
	return r
}

// configure writes the configuration: channels in YAML as they stand below
// "channels:", and helpdesks beside the one of the rig, a list item each.
func (r *rig) configure(channels string, helpdesks ...string) {
	r.t.Helper()
	more := ""
	for _, h := range helpdesks {
		more += "  - " + h + "\n"
	}
	conf := fmt.Sprintf(`
server: {listen: %q, admin_listen: %q, public_url: "http://%s"}
store: {url: %q}
media: {dir: %q, max_size: 5MiB}
log: {level: debug, format: json}
channels:
%s
helpdesks:
  - {name: desk, type: webhook, url: %q, secret: %q}
%s`, r.listen, r.admin, r.listen, r.storeURL, filepath.Join(r.dir, "media"), strings.TrimRight(channels, "\n"), r.desk.server.URL, deskSecret, more)
	if err := os.WriteFile(r.conf(), []byte(conf), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) conf() string { return filepath.Join(r.dir, "deskbridge.yaml") }

// run runs a command of the binary and returns its standard output.
func (r *rig) run(args ...string) string {
	r.t.Helper()
	out, err := r.try(args...)
	if err != nil {
		r.t.Fatalf("deskbridge %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// json runs a command and reads its output.
func (r *rig) json(into any, args ...string) {
	r.t.Helper()
	if out := r.run(args...); json.Unmarshal([]byte(out), into) != nil {
		r.t.Fatalf("deskbridge %s: not JSON:\n%s", strings.Join(args, " "), out)
	}
}

func (r *rig) try(args ...string) (string, error) {
	cmd := exec.Command(r.bin, append(args, "-c", r.conf())...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w\n%s%s", err, out.String(), errs.String())
	}
	return out.String(), nil
}

// start starts the daemon and waits until it is ready.
func (r *rig) start() {
	r.t.Helper()
	r.startOnly()
	testenv.WaitFor(r.t, testenv.Patience, "the daemon to be ready", func() bool {
		if r.daemon.ended() {
			r.t.Fatal("the daemon ended instead of becoming ready")
		}
		return r.ready() == http.StatusOK
	})
	if r.token == "" {
		r.token = strings.TrimSpace(r.run("token", "create", "e2e"))
	}
}

func (r *rig) startOnly() {
	r.t.Helper()
	cmd := exec.Command(r.bin, "serve", "-c", r.conf())
	cmd.Stdout, cmd.Stderr = r.logFile, r.logFile
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	r.daemon = p
}

func (r *rig) ready() int {
	res, err := http.Get("http://" + r.admin + "/readyz")
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// kill ends the daemon as a power cut would.
func (r *rig) kill() {
	if r.daemon != nil {
		_ = r.daemon.cmd.Process.Kill()
		<-r.daemon.done
	}
}

// stop ends the daemon as an administrator would.
func (r *rig) stop() {
	r.t.Helper()
	if err := r.daemon.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	select {
	case <-r.daemon.done:
		if r.daemon.err != nil {
			r.t.Fatalf("the daemon did not stop cleanly: %v", r.daemon.err)
		}
	case <-time.After(testenv.Patience):
		r.t.Fatal("the daemon does not stop")
	}
}

type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// call calls the API. A status of 0 is a connection that failed.
func (r *rig) call(method, path string, body, into any, header ...string) (int, error) {
	var rd io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		rd = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, "http://"+r.listen+path, rd)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	if into != nil && res.StatusCode < 300 {
		if err := json.Unmarshal(b, into); err != nil {
			return res.StatusCode, fmt.Errorf("%s %s: %w in %s", method, path, err, b)
		}
	}
	if res.StatusCode >= 300 {
		return res.StatusCode, fmt.Errorf("%s %s: %s %s", method, path, res.Status, b)
	}
	return res.StatusCode, nil
}

// must is call, where failing ends the test.
func (r *rig) must(method, path string, body, into any, header ...string) {
	r.t.Helper()
	if _, err := r.call(method, path, body, into, header...); err != nil {
		r.t.Fatal(err)
	}
}

// freeAddr returns a loopback address that stays free while a daemon is down,
// whatever connects meanwhile.
func freeAddr(t *testing.T) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(testenv.FreePort(t)))
}
