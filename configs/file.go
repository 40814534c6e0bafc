package configs

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// File is a whole configuration, checked and with all defaults filled in.
type File struct {
	Server        Server        `yaml:"server" doc:"Where Deskbridge listens."`
	Store         Store         `yaml:"store" doc:"The database."`
	Media         Media         `yaml:"media" doc:"Files that come with messages."`
	Log           Log           `yaml:"log" doc:"What is written to the journal. Message text and secrets never are."`
	Conversations Conversations `yaml:"conversations" doc:"How messages are grouped."`
	Retention     Retention     `yaml:"retention" doc:"How long is kept what the timelines do not need. Messages themselves are kept until they are erased."`
	Delivery      Delivery      `yaml:"delivery" doc:"Answers to customers."`
	Forward       Forward       `yaml:"forward" doc:"Events for the helpdesks."`
	Shutdown      Shutdown      `yaml:"shutdown" doc:"How the daemon ends."`

	Channels  []Account
	Helpdesks []Account

	// Brought are the paths of the files that ${file:...} took in, sorted.
	Brought []string `yaml:"-"`
}

// Account is one configured channel or helpdesk.
type Account struct {
	// Name is unique over channels and helpdesks. It is the {name} in webhook
	// paths.
	Name    string
	Type    string
	Enabled bool
	// Route is a helpdesk's rule, checked by Types.Route; empty for all
	// conversations.
	Route string
	// Settings is what Types returned for Type, filled in and validated.
	Settings Settings
	// Line is where the account begins in the file.
	Line int
}

// Server is where the daemon listens.
type Server struct {
	Listen         string   `yaml:"listen" default:"127.0.0.1:8080" doc:"Address for webhooks, the API and the inbox."`
	PublicURL      string   `yaml:"public_url" example:"https://support.example.com" doc:"What vendors call, as seen from outside. Their signatures are checked against it."`
	AdminListen    string   `yaml:"admin_listen" default:"127.0.0.1:9090" doc:"Address for /metrics, /healthz, /readyz and /debug/pprof. Keep it private."`
	TrustedProxies []string `yaml:"trusted_proxies" default:"[]" example:"[10.0.0.0/8]" doc:"Networks whose X-Forwarded-For is believed."`
}

// Store is the database.
type Store struct {
	URL Secret `yaml:"url" default:"sqlite:///var/lib/deskbridge/deskbridge.db" doc:"sqlite:///path for one node, or postgres://user:password@host/database for several."`
}

// Media is where media are kept.
type Media struct {
	Dir     string        `yaml:"dir" default:"/var/lib/deskbridge/media" doc:"Folder for media. With several nodes it is shared by all."`
	MaxSize Size          `yaml:"max_size" default:"25MiB" doc:"The largest file that is kept."`
	LinkTTL time.Duration `yaml:"link_ttl" default:"168h" doc:"How long a link works that stands in for a file which a channel cannot carry."`
}

// Log is how the daemon logs.
type Log struct {
	Level  string `yaml:"level" enum:"debug,info,warn,error" default:"info" doc:"The least that is logged."`
	Format string `yaml:"format" enum:"json,text" default:"json" doc:"json for machines, text for people."`
}

// Conversations is how messages are grouped.
type Conversations struct {
	IdleTimeout time.Duration `yaml:"idle_timeout" default:"168h" doc:"A message after a longer silence begins a new conversation, unless it answers an old one."`
}

// Retention is how long is kept what the timelines do not need.
type Retention struct {
	Raw    time.Duration `yaml:"raw" default:"2160h" doc:"Raw inputs as they came. Quarantined ones stay until they are replayed."`
	Jobs   time.Duration `yaml:"jobs" default:"720h" doc:"Finished jobs and their attempts."`
	Events time.Duration `yaml:"events" default:"2160h" doc:"Events. A backend that is away for longer misses some."`
}

// Delivery is the lane to the channels.
type Delivery struct {
	Expire         time.Duration `yaml:"expire" default:"72h" doc:"An answer that could not be delivered for so long has failed."`
	MaxPerPeerHour int           `yaml:"max_per_peer_hour" default:"-1" doc:"How many messages an account sends to one customer's address within an hour, so that two machines that answer each other come to an end; 0 is any number, and -1 what fits the channel: 30 for e-mail, 300 for chat unless its page says otherwise."`
}

// Forward is the lane to the helpdesks.
type Forward struct {
	Expire time.Duration `yaml:"expire" default:"168h" doc:"An event that a helpdesk did not take for so long is set aside; it can be retried by hand."`
}

// Shutdown is how the daemon ends.
type Shutdown struct {
	Grace time.Duration `yaml:"grace" default:"20s" doc:"How long work under way may take to finish."`
}

// Validate normalises what was read and reports what cannot work.
func (f *File) Validate() []error {
	var errs []error
	bad := func(key, format string, args ...any) { errs = append(errs, Key(key, format, args...)) }
	if !isListenAddress(f.Server.Listen) {
		bad("server.listen", "%q is not an address such as 127.0.0.1:8080 or :8080", f.Server.Listen)
	}
	if !isListenAddress(f.Server.AdminListen) {
		bad("server.admin_listen", "%q is not an address such as 127.0.0.1:9090", f.Server.AdminListen)
	}
	if f.Server.Listen == f.Server.AdminListen && !strings.HasSuffix(f.Server.Listen, ":0") {
		bad("server.admin_listen", "is the same as server.listen")
	}
	if u, problem := publicURL(f.Server.PublicURL); problem != "" {
		bad("server.public_url", "%s", problem)
	} else {
		f.Server.PublicURL = u
	}
	for _, s := range f.Server.TrustedProxies {
		if _, err := parsePrefix(s); err != nil {
			bad("server.trusted_proxies", "%q is not a network such as 10.0.0.0/8 or 192.0.2.7", s)
		}
	}
	if problem := storeURL(f.Store.URL.Reveal()); problem != "" {
		bad("store.url", "%s", problem)
	}
	if f.Media.Dir == "" {
		bad("media.dir", "must not be empty")
	}
	if f.Media.LinkTTL < time.Minute {
		errs = append(errs, Key("media.link_ttl", "at least 1m"))
	}
	if f.Media.MaxSize < 1<<10 {
		bad("media.max_size", "must be 1KiB or more")
	}
	if f.Delivery.MaxPerPeerHour < -1 {
		bad("delivery.max_per_peer_hour", "must be -1 or more; 0 is any number, -1 what fits the channel")
	}
	for key, d := range map[string]time.Duration{
		"conversations.idle_timeout": f.Conversations.IdleTimeout, "retention.raw": f.Retention.Raw,
		"retention.jobs": f.Retention.Jobs, "retention.events": f.Retention.Events,
		"delivery.expire": f.Delivery.Expire, "forward.expire": f.Forward.Expire,
	} {
		if d < time.Minute {
			bad(key, "must be 1m or longer")
		}
	}
	return errs
}

// Proxies returns the networks of TrustedProxies.
func (s *Server) Proxies() []netip.Prefix {
	var nets []netip.Prefix
	for _, p := range s.TrustedProxies {
		if n, err := parsePrefix(p); err == nil {
			nets = append(nets, n)
		}
	}
	return nets
}

// parsePrefix reads a network or a single address.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Prefix(a.BitLen())
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

func isListenAddress(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil || strings.ContainsAny(host, " /@") {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// publicURL returns s without a slash at its end, scheme and host in lower
// case. Empty stays empty.
func publicURL(s string) (normal, problem string) {
	if s == "" {
		return "", ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return "", "expected an address such as https://support.example.com"
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", "must not contain a user, a query or a fragment"
	}
	u.Host = strings.ToLower(u.Host)
	return strings.TrimRight(u.String(), "/"), ""
}

// storeURL says what is wrong with s, without repeating it: it may hold a
// password.
func storeURL(s string) (problem string) {
	const expected = "expected sqlite:///path/to/deskbridge.db or postgres://user:password@host/database"
	u, err := url.Parse(s)
	if err != nil {
		return expected + "; special characters in a password are written as %XX"
	}
	switch u.Scheme {
	case "sqlite":
		if u.Host != "" {
			return "sqlite needs three slashes before an absolute path: sqlite:///path/to/deskbridge.db"
		}
		if len(u.Path) > 1 {
			return ""
		}
	case "postgres", "postgresql":
		if len(u.Path) > 1 || u.RawQuery != "" {
			return ""
		}
	}
	return expected
}
