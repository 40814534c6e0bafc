// Package vendors starts the simulated vendors of all channels at once, with
// customers who can write on each of them, so that the load generator
// and the tests drive every channel in one way.
package vendors

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
)

// Options of a town.
type Options struct {
	// Listen is where the daemon under test will listen, as host:port: its
	// public URL is http://Listen. Vendors that call call there.
	Listen string
	// Via is where they really call, as host:port: a proxy in front of the
	// daemon. Empty for none.
	Via string
	// Only are the types of channel to start; all where empty.
	Only []string
	// Strict vendors keep the windows, quotas and paces that they document;
	// the others allow any number of messages at any pace, and WeChat is
	// patient with a daemon that is being restarted.
	Strict bool
	// Calls: those of Callers call, too, that otherwise wait to be asked.
	Calls bool
}

// Line is one vendor, the account of the daemon's there, and its customers,
// who are numbered from 0.
type Line struct {
	// Name is the channel's in the configuration, Type its type.
	Name, Type string
	// Config is the account as it stands below "channels:", without name and
	// type, in YAML's flow style.
	Config string
	// Address is how the daemon names a customer: the kind and the value.
	Address func(customer int) (kind, value string)
	// Write lets a customer write. An error is a message that the daemon has
	// not taken; the vendor may still try again by itself.
	Write func(ctx context.Context, customer int, text string) error
	// Show lets a customer send a JPEG without words, likewise.
	Show func(ctx context.Context, customer int, jpeg []byte) error
	// Got returns all texts and files that customers got, in the order of
	// their acceptance.
	Got func() []Got
	// Faults strike what the daemon asks of the vendor; nil where the vendor
	// speaks another protocol than HTTP.
	Faults *fault.Queue
	// Troubles that the vendor can have; a call makes one. Calm takes those of
	// answers away that nothing has met yet.
	Troubles map[Trouble]func()
	Calm     func()

	close func() error
}

// Got is what one customer got.
type Got struct {
	Customer int
	Text     string
	At       time.Time
	// File is one that came by itself or with the text, Link where the vendor
	// fetches it.
	File []byte
	Link string
}

// Town is all vendors.
type Town struct{ Lines []*Line }

// opener starts a vendor.
type opener struct {
	typ   string
	calls bool
	open  func(o Options, name string) (*Line, error)
}

// openers are in the order in which the lines stand in a Town.
var openers = []opener{
	{"email", false, openMail},
	{"wechat", true, openWeChat},
	{"wecom_kf", true, openWeCom},
	{"twilio", true, openTwilio},
	{"slack", true, openSlack},
	{"telegram", true, openTelegram},
}

// Types are the types of channel that have a simulated vendor.
func Types() (list []string) {
	for _, o := range openers {
		list = append(list, o.typ)
	}
	return list
}

// Callers are those whose vendor calls, or can be told to.
func Callers() (list []string) {
	for _, o := range openers {
		if o.calls {
			list = append(list, o.typ)
		}
	}
	return list
}

// Start starts the vendors. Close ends them.
func Start(o Options) (*Town, error) {
	t := &Town{}
	for _, op := range openers {
		if len(o.Only) > 0 && !slices.Contains(o.Only, op.typ) {
			continue
		}
		l, err := op.open(o, strings.ReplaceAll(op.typ, "_", "-"))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("simulated %s: %w", op.typ, err), t.Close())
		}
		l.Type = op.typ
		t.Lines = append(t.Lines, l)
	}
	return t, nil
}

// Config returns the accounts as they stand below "channels:".
func (t *Town) Config() string {
	var b strings.Builder
	for _, l := range t.Lines {
		fmt.Fprintf(&b, "  - {name: %s, type: %s, %s}\n", l.Name, l.Type, l.Config)
	}
	return b.String()
}

// Line returns the line of a type of channel, or nil.
func (t *Town) Line(typ string) *Line {
	for _, l := range t.Lines {
		if l.Type == typ {
			return l
		}
	}
	return nil
}

// Close ends all vendors.
func (t *Town) Close() (err error) {
	for _, l := range t.Lines {
		err = errors.Join(err, l.close())
	}
	return err
}

// begin is what the numbers in ids begin with: a daemon that was driven before
// knows the earlier ones.
func begin() int64 { return time.Now().UnixMilli() }

// hook is where a vendor calls an account.
func (o Options) hook(name string) string {
	return "http://" + cmp.Or(o.Via, o.Listen) + "/webhooks/" + name
}
