// Package wechat plays a WeChat official account's vendor over real HTTP: it
// issues access tokens, takes customer service messages, templates and files,
// and calls the account's callback with what its followers write, signed and
// encrypted as configured.
//
// It keeps the vendor's rules: a token ends, is repeated by stable_token until
// then, and is replaced when forced; five answers within 48 hours of a message
// and three within a minute of a menu click, a scan or a subscription; sizes
// and formats of files; a callback that is not answered with "success" within
// five seconds is repeated three times. Followers are driven from Go, see Say
// and Happen, and Record shows what was sent to them.
package wechat

import (
	"net/http"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/host"
	"github.com/deskbridge/deskbridge/connectors/simulator/tencent"
)

// The modes of the vendor's console.
const (
	Plain      = "plain"
	Compatible = "compatible"
	Safe       = "safe"
)

// Options of a vendor with one official account. The zero value is usable,
// where nobody is to be called.
type Options struct {
	// AppID, AppSecret, Token and AESKey are those of the console; the
	// constants Default... where empty.
	AppID, AppSecret, Token, AESKey string
	// Encryption is the mode of the calls; Safe where empty.
	Encryption string
	// Callback is the address that is called.
	Callback string
	// Templates are the ids of approved templates.
	Templates []string
	// TokenLife is how long a token is good; 2 h where 0.
	TokenLife time.Duration
	// Patience is how long the answer to a call may take, 5 s where 0, and
	// Repeat the pause before each of the Repeats, 5 s where 0; these are the
	// documented three where 0.
	Patience, Repeat time.Duration
	Repeats          int
	// First is added to the numbers in ids, so that they differ from those of an
	// earlier run that the daemon remembers.
	First int64
	// Now is the vendor's clock; time.Now where nil.
	Now func() time.Time
}

// What an account is called where Options do not say.
const (
	DefaultAppID  = "wx0123456789abcdef"
	DefaultSecret = "0123456789abcdef0123456789abcdef"
	DefaultToken  = "callbackToken"
	DefaultAESKey = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
)

// Vendor is the vendor with one account. All methods may be used by several
// goroutines.
type Vendor struct {
	// Faults strike the requests to the vendor's API.
	Faults fault.Queue

	*host.Host
	o      Options
	signer tencent.Signer

	mu        sync.Mutex
	tokens    []token // good or recently so, the current one last
	issued    int
	forced    []time.Time
	customers map[string]*customer
	files     map[string]File
	sent      []Sent
	typing    map[string]int
	serial    int64
	held      []func() // calls that wait; nil where none are held
	holding   bool
	calls     callFaults
}

// New returns a vendor that listens nowhere: see Handler.
func New(o Options) *Vendor {
	set := func(s *string, or string) {
		if *s == "" {
			*s = or
		}
	}
	set(&o.AppID, DefaultAppID)
	set(&o.AppSecret, DefaultSecret)
	set(&o.Token, DefaultToken)
	set(&o.AESKey, DefaultAESKey)
	set(&o.Encryption, Safe)
	wait := func(d *time.Duration, or time.Duration) {
		if *d == 0 {
			*d = or
		}
	}
	wait(&o.TokenLife, 2*time.Hour)
	wait(&o.Patience, 5*time.Second)
	wait(&o.Repeat, 5*time.Second)
	if o.Repeats == 0 {
		o.Repeats = 3
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	v := &Vendor{
		Host: host.New(0), o: o, signer: tencent.Signer{Token: o.Token, AESKey: o.AESKey, Receiver: o.AppID},
		customers: map[string]*customer{}, files: map[string]File{}, typing: map[string]int{},
		serial: 23456789012345000 + o.First,
	}
	v.Handle(v.Faults.Wrap(v.api()))
	return v
}

// Start returns a vendor that listens on a loopback port. Close ends it.
func Start(o Options) (*Vendor, error) {
	v := New(o)
	if err := v.Listen("WeChat"); err != nil {
		v.Host.Close()
		return nil, err
	}
	return v, nil
}

// Close ends the API and the connections to the callback.
func (v *Vendor) Close() error {
	v.Host.Close()
	return nil
}

// Handler is the API, with its faults.
func (v *Vendor) Handler() http.Handler { return v.Host }

func (v *Vendor) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /cgi-bin/stable_token", v.stableToken)
	mux.HandleFunc("GET /cgi-bin/getcallbackip", v.authorized(v.callbackIP))
	mux.HandleFunc("GET /cgi-bin/user/info", v.authorized(v.userInfo))
	mux.HandleFunc("POST /cgi-bin/message/custom/send", v.authorized(v.customSend))
	mux.HandleFunc("POST /cgi-bin/message/custom/typing", v.authorized(v.customTyping))
	mux.HandleFunc("POST /cgi-bin/message/template/send", v.authorized(v.templateSend))
	mux.HandleFunc("POST /cgi-bin/media/upload", v.authorized(v.mediaUpload))
	mux.HandleFunc("GET /cgi-bin/media/get", v.authorized(v.mediaGet))
	mux.HandleFunc("GET /pictures/{id}", v.picture)
	return mux
}

// SetCallback changes the address that is called.
func (v *Vendor) SetCallback(url string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.o.Callback = url
}

// next returns a number that was never given out; v.mu is held.
func (v *Vendor) next() int64 {
	v.serial++
	return v.serial
}
