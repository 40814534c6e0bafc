package stage

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// app is one on a phone: what it is called in pages, and the kind of address
// that it writes from.
type app struct{ id, kind, name string }

// apps are in the order in which they stand on a phone. The dialler is beside
// the SMS: both have the number.
var apps = []app{
	{"mail", "email", "Mail"},
	{"sms", "phone", "Messages"},
	{"whatsapp", "whatsapp", "WhatsApp"},
	{"wechat", "wechat", "WeChat"},
	{"wecom", "wecom_kf", "WeCom"},
	{"slack", "slack", "Slack"},
	{"telegram", "telegram", "Telegram"},
	{"call", "phone", "Calls"},
}

// appOf returns the app in which messages to a kind of address arrive.
func appOf(kind string) app {
	return apps[max(0, slices.IndexFunc(apps, func(a app) bool { return a.kind == kind }))]
}

// homeView is a phone's first screen.
type homeView struct {
	Me     bool // it is the phone of the visitor's customer
	Owner  string
	Name   string
	Apps   []iconView
	Others []otherView
}

type iconView struct {
	ID, Name string
	Unread   int
}

// otherView is another customer's phone.
type otherView struct {
	Owner, Name, App, Words string
	At                      time.Time
	Unread                  int
}

// chatView is a chat with the desk.
type chatView struct {
	Owner, Name  string
	App, AppName string
	Address      string
	Subject      string // of the mail that is answered next
	Entries      []entryView
}

type entryView struct {
	ID            int64
	Mine, Edited  bool
	Subject, Text string
	Heard         []string
	Call          bool
	At            time.Time
	State, Why    string
	Files         []fileView
}

type fileView struct {
	ID    int64
	Name  string
	Shown bool // it is a picture
}

// home draws a phone; an empty id is that of the visitor's customer.
func (b *Book) home(id string) (v homeView, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.owner(id)
	if o == nil {
		return v, false
	}
	v = homeView{Me: o == b.owners[0], Owner: o.id, Name: o.name}
	for _, a := range apps {
		if c := o.chat(a.kind); c != nil {
			icon := iconView{ID: a.id, Name: a.name}
			if a.id != "call" {
				icon.Unread = c.unread
			}
			v.Apps = append(v.Apps, icon)
		}
	}
	for _, other := range b.owners[1:] {
		if other == o {
			continue
		}
		if c := other.latest(); c != nil {
			e := c.entries[len(c.entries)-1]
			shown := otherView{Owner: other.id, Name: other.name, App: appOf(c.place.Kind).id, Words: e.words, At: e.at}
			if e.Call {
				shown.App = "call"
			}
			for _, each := range other.chats {
				shown.Unread += each.unread
				if each.unread > 0 && c.unread == 0 {
					shown.App = appOf(each.place.Kind).id // there is something to see
				}
			}
			v.Others = append(v.Others, shown)
		}
	}
	slices.SortStableFunc(v.Others, func(x, y otherView) int { return y.At.Compare(x.At) })
	return v, true
}

// read draws a chat, whose messages are read by that.
func (b *Book) read(id, appID string) (v chatView, at Place, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(apps, func(a app) bool { return a.id == appID })
	o := b.owner(id)
	if i < 0 || o == nil {
		return v, at, false
	}
	c := o.chat(apps[i].kind)
	if c == nil {
		return v, at, false
	}
	v = chatView{Owner: o.id, Name: o.name, App: appID, AppName: apps[i].name, Address: c.place.Value}
	if _, after, found := strings.Cut(v.Address, ":"); found {
		v.Address = after // without the desk's own id there
	}
	calls := appID == "call"
	for _, e := range c.entries {
		if e.Call != calls {
			continue
		}
		shown := entryView{
			ID: e.id, Mine: e.Mine, Edited: e.edited, Subject: e.Subject, Text: e.Text, Heard: e.Heard, Call: e.Call, At: e.at, State: e.state, Why: e.why,
		}
		for _, f := range e.files {
			if k := slices.IndexFunc(b.files, func(k kept) bool { return k.id == f }); k >= 0 {
				shown.Files = append(shown.Files, fileView{f, cmp.Or(b.files[k].Name, "file"), pictures[b.files[k].ContentType]})
			}
		}
		v.Entries = append(v.Entries, shown)
		if e.Subject != "" {
			v.Subject = "Re: " + strings.TrimPrefix(e.Subject, "Re: ")
		}
	}
	if !calls && c.unread > 0 {
		c.unread = 0
		b.touch()
	}
	return v, c.place, true
}

// unread counts what waits on the phone of the visitor's customer.
func (b *Book) unread() (n int) {
	for _, c := range b.owners[0].chats {
		n += c.unread
	}
	return n
}

// tidings are for the pages: what has arrived since an earlier change.
type tidings struct {
	Unread int       `json:"unread"`
	News   []arrival `json:"news"`
}

type arrival struct {
	Owner string `json:"owner"`
	Name  string `json:"name"`
	App   string `json:"app"`
	Text  string `json:"text"`
}

// since returns what has arrived after a change, the number of the last change,
// and a channel that is closed by the next one.
func (b *Book) since(serial int64) (t tidings, last int64, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t = tidings{Unread: b.unread(), News: []arrival{}}
	for _, n := range b.notices {
		if n.serial > serial {
			t.News = append(t.News, arrival{n.owner.id, n.owner.name, n.app, n.text})
		}
	}
	return t, b.serial, b.changed
}

func (b *Book) owner(id string) *owner {
	if id == "" && len(b.owners) > 0 {
		return b.owners[0]
	}
	for _, o := range b.owners {
		if o.id == id {
			return o
		}
	}
	return nil
}

func (o *owner) chat(kind string) *chat {
	for _, c := range o.chats {
		if c.place.Kind == kind {
			return c
		}
	}
	return nil
}

// latest is the chat in which something happened last; nil where nothing did.
func (o *owner) latest() (last *chat) {
	for _, c := range o.chats {
		if len(c.entries) > 0 && (last == nil || c.activeAt.After(last.activeAt)) {
			last = c
		}
	}
	return last
}
