package email

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/emersion/go-imap/v2"
)

// The account remembers in memory which mails it could not fetch, since such a
// failure usually takes the connection along, and Stream is called anew.

func (e *Email) tries(box folder, uid uint32) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failed[failure{box, uid}]
}

// blame counts a failure against those mails that had not arrived yet. Nobody
// is to blame when it was us who hung up.
func (e *Email) blame(ctx context.Context, box folder, mails []mailInfo, arrived map[uint32][]byte) {
	if ctx.Err() != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range mails {
		if arrived[m.uid] == nil {
			e.failed[failure{box, m.uid}]++
		}
	}
}

func (e *Email) forgive(box folder, uid uint32) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.failed, failure{box, uid})
}

// answered reports whether the server refused a command in good order, so that
// the connection can still be used.
func answered(err error) bool {
	var status *imap.Error
	return errors.As(err, &status) && status.Type != imap.StatusResponseTypeBye
}

func uidSet(uids []uint32) imap.UIDSet {
	var s imap.UIDSet
	for _, u := range uids {
		s.AddNum(imap.UID(u))
	}
	return s
}

// sorted returns the ranges of a set in ascending order.
func sorted(set imap.UIDSet) imap.UIDSet {
	s := slices.Clone(set)
	slices.SortFunc(s, func(a, b imap.UIDRange) int { return cmp.Compare(a.Start, b.Start) })
	return s
}
