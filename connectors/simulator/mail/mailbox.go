package mail

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

const inbox = "INBOX"

// account is a user with mailboxes.
type account struct {
	User
	*mailboxes
}

// mailboxes are those of one user. The IMAP library keeps their state and
// shows the bytes to IMAP clients alone, so they are kept beside it as well.
type mailboxes struct {
	box *imapmemserver.User
	// base is added to the library's UIDVALIDITY, which counts from 1: mail
	// that is lost with the process must not be taken for what comes after.
	base uint32

	mu   sync.Mutex
	kept map[string]map[imap.UID]Mail // by mailbox
}

func newMailboxes(user string) *mailboxes {
	b := &mailboxes{box: imapmemserver.NewUser(user, ""), base: uint32(time.Now().Unix()), kept: map[string]map[imap.UID]Mail{}}
	for _, name := range []string{inbox, "Sent", "Drafts", "Junk", "Trash"} {
		_ = b.create(name, nil) // fails only for a name that is taken
	}
	return b
}

// session gives access as one IMAP client has it.
func (b *mailboxes) session() imapserver.Session { return imapmemserver.NewUserSession(b.box) }

func (b *mailboxes) create(name string, o *imap.CreateOptions) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.createLocked(name, o)
}

func (b *mailboxes) createLocked(name string, o *imap.CreateOptions) error {
	if err := b.box.Create(name, o); err != nil {
		return err
	}
	b.kept[name] = map[imap.UID]Mail{}
	return nil
}

func (b *mailboxes) delete(name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.kept, name)
	return b.box.Delete(name)
}

func (b *mailboxes) names() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.kept))
}

type literal struct{ *bytes.Reader }

func (l literal) Size() int64 { return int64(l.Len()) }

func (a *account) store(mailbox string, raw []byte, from string, o *imap.AppendOptions) (*imap.AppendData, Mail, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.storeLocked(mailbox, raw, from, o)
}

func (a *account) storeLocked(mailbox string, raw []byte, from string, o *imap.AppendOptions) (*imap.AppendData, Mail, error) {
	data, err := a.box.Append(mailbox, literal{bytes.NewReader(raw)}, o)
	if err != nil {
		return nil, Mail{}, err
	}
	data.UIDValidity += a.base
	at := o.Time
	if at.IsZero() {
		at = time.Now()
	}
	m := Mail{User: a.Address, Mailbox: mailbox, UID: uint32(data.UID), From: from, Raw: raw, At: at}
	a.kept[mailbox][data.UID] = m
	return data, m, nil
}

// copy records what a client copied by its IMAP session.
func (b *mailboxes) copy(session imapserver.Session, set imap.NumSet, from, to string) (*imap.CopyData, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	data, err := session.Copy(set, to)
	if err != nil {
		return nil, err
	}
	data.UIDValidity += b.base
	source, _ := data.SourceUIDs.Nums()
	dest, _ := data.DestUIDs.Nums()
	for i, uid := range dest {
		m := b.kept[from][source[i]]
		m.Mailbox, m.UID = to, uint32(uid)
		b.kept[to][uid] = m
	}
	return data, nil
}

// listLocked asks the mailbox itself what is in it: clients expunge as well.
func (b *mailboxes) listLocked(name string) ([]Mail, error) {
	session := b.session()
	if _, err := session.Select(name, &imap.SelectOptions{ReadOnly: true}); err != nil {
		return nil, err
	}
	defer func() { _ = session.Close() }() // never fails
	found, err := session.Search(imapserver.NumKindUID, &imap.SearchCriteria{}, &imap.SearchOptions{})
	if err != nil {
		return nil, err
	}
	uids := found.AllUIDs()
	mails := make([]Mail, len(uids))
	for i, uid := range uids {
		mails[i] = b.kept[name][uid]
	}
	return mails, nil
}

// Inbox returns what stands in a user's INBOX, oldest first.
func (s *Server) Inbox(user string) []Mail { return s.Mailbox(user, inbox) }

// Mailbox returns what stands in one of a user's mailboxes, oldest first; nil
// where there is no such user or mailbox.
func (s *Server) Mailbox(user, name string) []Mail {
	a := s.account(user)
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	mails, err := a.listLocked(name)
	if err != nil {
		return nil
	}
	return mails
}

// RenewUIDValidity gives a mailbox a new UIDVALIDITY and its mail new UIDs, as
// a restore from a backup does, and disconnects all IMAP clients.
func (s *Server) RenewUIDValidity(user, mailbox string) error {
	a := s.account(user)
	if a == nil {
		return fmt.Errorf("there is no user %s", user)
	}
	defer s.disconnect(IMAP)
	a.mu.Lock()
	defer a.mu.Unlock()
	mails, err := a.listLocked(mailbox)
	if err != nil {
		return err
	}
	if err := errors.Join(a.box.Delete(mailbox), a.createLocked(mailbox, nil)); err != nil {
		return err
	}
	for _, m := range mails {
		if _, _, err := a.storeLocked(mailbox, m.Raw, m.From, &imap.AppendOptions{Time: m.At}); err != nil {
			return err
		}
	}
	return nil
}
