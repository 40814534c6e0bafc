package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/deskbridge/deskbridge/internal/cli"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/internal/store/media"
)

const (
	diskWarn   = 1 << 30   // bytes free
	diskFail   = 100 << 20 // bytes free
	slowCommit = time.Second
	askTimeout = 5 * time.Second
	clockWarn  = 30 * time.Second
)

// disks looks at the free space where the store and the media are.
func (d *doctor) disks() {
	places := []string{d.file.Media.Dir}
	if path, ok := strings.CutPrefix(d.file.Store.URL.Reveal(), "sqlite://"); ok {
		places = append(places, filepath.Dir(path))
	}
	seen := map[uint64]bool{}
	for _, dir := range places {
		dir = existing(dir)
		var st unix.Stat_t
		var fsys unix.Statfs_t
		if unix.Stat(dir, &st) != nil || unix.Statfs(dir, &fsys) != nil || seen[st.Dev] {
			continue
		}
		seen[st.Dev] = true
		free := int64(fsys.Bavail) * fsys.Bsize
		text := fmt.Sprintf("%s free at %s", cli.Size(free), dir)
		switch {
		case free < diskFail:
			d.add(cli.Fail, "disk", text, "make room: without space nothing can be taken in")
		case free < diskWarn:
			d.add(cli.Warn, "disk", text, "make room soon")
		default:
			d.add(cli.OK, "disk", text, "")
		}
	}
}

// existing returns the nearest folder that exists at or above path.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

func (d *doctor) schema() {
	st, err := store.Status(d.ctx, d.file.Store.URL.Reveal())
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && st.Schema == 0:
		d.add(cli.OK, "schema", "the store does not exist yet; it is made by the first start", "")
	case err != nil:
		d.add(cli.Fail, "schema", err.Error(), "check store.url, and that this user may read and write there")
	case st.Schema == st.Wanted:
		d.add(cli.OK, "schema", fmt.Sprintf("%s, version %d, %s", st.Engine, st.Schema, cli.Size(st.Bytes)), "")
	case st.Schema > st.Wanted:
		d.add(cli.Fail, "schema", store.ErrNewerSchema.Error(), "")
	default:
		d.add(cli.Fail, "schema", fmt.Sprintf("version %d, this program works with %d", st.Schema, st.Wanted), "deskbridge db backup FILE, then deskbridge db migrate")
	}
}

// commit proves that the store can write.
func (d *doctor) commit() {
	began := time.Now()
	err := d.app.Store().Ready(d.ctx)
	took := time.Since(began)
	switch {
	case err != nil:
		d.add(cli.Fail, "store", "cannot commit: "+err.Error(), "check disk, permissions and, on PostgreSQL, that the server is no read-only standby")
	case took > slowCommit:
		d.add(cli.Warn, "store", "a commit took "+cli.Span(took), "the disk or the network to the database is slow: every message waits for it")
	default:
		d.add(cli.OK, "store", "commits in "+cli.Span(took), "")
	}
}

// media proves that files can be kept.
func (d *doctor) media() {
	err := func() (err error) {
		dir, err := media.Open(d.file.Media.Dir)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, dir.Close()) }()
		// Always the same file: the folder keeps what was just stored.
		digest, _, err := dir.Put(d.ctx, strings.NewReader("deskbridge doctor\n"))
		if err != nil {
			return err
		}
		return dir.Remove(d.ctx, digest)
	}()
	if err != nil {
		d.add(cli.Fail, "media", err.Error(), "check that media.dir can be written by the user who runs Deskbridge")
		return
	}
	d.add(cli.OK, "media", d.file.Media.Dir+" can be written", "")
}

// publicURL looks at what vendors call, and compares the clocks.
func (d *doctor) publicURL() {
	public := d.file.Server.PublicURL
	if public == "" {
		d.add(cli.Warn, "public URL", "none is set", "set server.public_url if a vendor is to call, or if helpdesks are to fetch media")
		return
	}
	u, err := url.Parse(public)
	if err != nil {
		d.add(cli.Fail, "public URL", err.Error(), "mend server.public_url")
		return
	}
	addr, _ := netip.ParseAddr(u.Hostname())
	switch {
	case u.Hostname() == "localhost" || addr.IsLoopback() || addr.IsPrivate():
		d.add(cli.Warn, "public URL", public+" can only be reached from here", "set server.public_url to what vendors can call")
	case u.Scheme != "https":
		d.add(cli.Warn, "public URL", public+" is not encrypted", "most vendors call https only: put a proxy with TLS in front")
	default:
		d.add(cli.OK, "public URL", public, "")
	}
	if !d.offline {
		d.ask(public)
	}
}

// ask calls the public address as a vendor would.
func (d *doctor) ask(public string) {
	client := &http.Client{Timeout: askTimeout}
	req, err := http.NewRequestWithContext(d.ctx, http.MethodGet, public+"/v1/openapi.json", nil)
	if err != nil {
		return // the address was checked already
	}
	resp, err := client.Do(req)
	if err != nil {
		d.add(cli.Warn, "public URL", "cannot be reached from here: "+err.Error(), "that may be fine where the network lets nobody out and in again; else check DNS, proxy and firewall")
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		d.add(cli.Warn, "public URL", "answers "+resp.Status, "does the proxy lead to server.listen, "+d.file.Server.Listen+"?")
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		if skew := time.Since(date); skew.Abs() > clockWarn {
			d.add(cli.Warn, "clock", "differs by "+cli.Span(skew.Abs())+" from that of the public URL's server", "let the machines' clocks be set by NTP: signatures depend on it")
		}
	}
}

// running asks the daemon on this machine how it is.
func (d *doctor) running() {
	host, port, err := net.SplitHostPort(d.file.Server.AdminListen)
	if err != nil {
		return // a checked configuration has one
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	client := &http.Client{Timeout: askTimeout}
	req, err := http.NewRequestWithContext(d.ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		d.add(cli.Warn, "daemon", "does not run on this machine", "deskbridge serve")
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		d.add(cli.Fail, "daemon", "runs and is not ready: /readyz answers "+resp.Status, "its log says why")
		return
	}
	d.add(cli.OK, "daemon", "runs and is ready", "")
}
