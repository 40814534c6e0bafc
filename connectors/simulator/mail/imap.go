package mail

import (
	"io"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-sasl"
)

func (s *Server) newIMAP() *imapserver.Server {
	return imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &imapSession{server: s}, nil, nil
		},
		Caps: imap.CapSet{
			imap.CapIMAP4rev1: {}, imap.CapUIDPlus: {}, imap.CapSpecialUse: {}, imap.CapListExtended: {},
			imap.CapESearch: {}, imap.CapLiteralPlus: {},
		},
		InsecureAuth: true, // loopback only
		Logger:       quiet,
	})
}

// specialUse is what RFC 6154 lets a client find; the library forgets it.
var specialUse = map[string]imap.MailboxAttr{
	"Sent": imap.MailboxAttrSent, "Drafts": imap.MailboxAttrDrafts, "Junk": imap.MailboxAttrJunk, "Trash": imap.MailboxAttrTrash,
}

// imapSession is one IMAP connection: the library's session on the mailboxes
// of who logged in, with more ways to log in and a record of what is filed.
// MOVE is not offered; a client copies and expunges instead.
type imapSession struct {
	imapserver.Session // nil until the login
	server             *Server
	account            *account
	selected           string
}

func (s *imapSession) AuthenticateMechanisms() []string { return mechanisms }

func (s *imapSession) Authenticate(mechanism string) (sasl.Server, error) {
	srv, err := s.server.authenticate(IMAP, mechanism, imapserver.ErrAuthFailed, s.enter)
	if err != nil {
		return nil, &imap.Error{Type: imap.StatusResponseTypeNo, Text: err.Error()}
	}
	return srv, nil
}

func (s *imapSession) Login(name, password string) error {
	a, err := s.server.login(IMAP, name, password)
	if err != nil {
		return imapserver.ErrAuthFailed
	}
	s.enter(a)
	return nil
}

func (s *imapSession) enter(a *account) { s.account, s.Session = a, a.session() }

func (s *imapSession) Close() error {
	if s.Session == nil {
		return nil
	}
	return s.Session.Close()
}

func (s *imapSession) Select(name string, o *imap.SelectOptions) (*imap.SelectData, error) {
	data, err := s.Session.Select(name, o)
	if err != nil {
		return nil, err
	}
	s.selected = name
	data.UIDValidity += s.account.base
	return data, nil
}

func (s *imapSession) Status(name string, o *imap.StatusOptions) (*imap.StatusData, error) {
	data, err := s.Session.Status(name, o)
	if err == nil && o.UIDValidity {
		data.UIDValidity += s.account.base
	}
	return data, err
}

func (s *imapSession) Create(name string, o *imap.CreateOptions) error {
	return s.account.create(strings.TrimRight(name, "/"), o)
}

func (s *imapSession) Delete(name string) error { return s.account.delete(name) }

func (s *imapSession) Rename(string, string, *imap.RenameOptions) error {
	return &imap.Error{Type: imap.StatusResponseTypeNo, Text: "RENAME is not offered here"}
}

// List is the library's, with the special uses.
func (s *imapSession) List(w *imapserver.ListWriter, ref string, patterns []string, o *imap.ListOptions) error {
	if len(patterns) == 0 {
		return s.Session.List(w, ref, patterns, o)
	}
	for _, name := range s.account.names() {
		attr, special := specialUse[name]
		if o.SelectSpecialUse && !special || !matches(name, ref, patterns) {
			continue
		}
		data := imap.ListData{Mailbox: name, Delim: '/'}
		if special {
			data.Attrs = []imap.MailboxAttr{attr}
		}
		if o.ReturnStatus != nil {
			status, err := s.Status(name, o.ReturnStatus)
			if err != nil {
				continue // deleted since
			}
			data.Status = status
		}
		if err := w.WriteList(&data); err != nil {
			return err
		}
	}
	return nil
}

func matches(name, ref string, patterns []string) bool {
	for _, p := range patterns {
		if imapserver.MatchList(name, '/', ref, p) {
			return true
		}
	}
	return false
}

func (s *imapSession) Append(mailbox string, r imap.LiteralReader, o *imap.AppendOptions) (*imap.AppendData, error) {
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	data, _, err := s.account.store(mailbox, raw, "", o)
	if err != nil {
		return nil, err
	}
	s.server.count(func(c *Counts) { c.Appended++ })
	return data, nil
}

func (s *imapSession) Copy(set imap.NumSet, mailbox string) (*imap.CopyData, error) {
	return s.account.copy(s.Session, set, s.selected, mailbox)
}

// idlePoll is how late a client in IDLE may hear of new mail.
const idlePoll = 10 * time.Millisecond

// Idle looks for news by the clock: the library's own forgets what came
// between the client's IDLE and its start.
func (s *imapSession) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	tick := time.NewTicker(idlePoll)
	defer tick.Stop()
	for {
		if err := s.Poll(w, true); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-stop:
			return nil
		}
	}
}
