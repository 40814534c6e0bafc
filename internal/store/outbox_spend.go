package store

import (
	"context"
	"time"

	"github.com/deskbridge/deskbridge/outbox"
)

const (
	spendDay = 24 * time.Hour
	// spendSlot is the stretch of time that is counted as one, so that what
	// was sent at its start counts for so much longer at most.
	spendSlot = 10 * time.Minute
)

// Spend counts what an account is about to send against its limit for any 24
// hours. Where there is too little left it counts nothing and returns how long
// it takes until there is enough. Spending nothing asks for room for anything.
func (db *DB) Spend(ctx context.Context, account string, spend, limit outbox.Budget, now time.Time) (wait time.Duration, err error) {
	if spend == (outbox.Budget{}) {
		err = db.read(ctx, func(s session) error {
			a, err := db.accounts.named(s, account)
			if err == nil {
				wait, err = spendWait(s, a.ID, outbox.Budget{Requests: 1, Recipients: 1}, limit, now)
			}
			return err
		})
		return wait, err
	}
	err = db.write(ctx, func(t tx) error {
		a, err := db.accounts.named(t, account)
		if err != nil {
			return err
		}
		// One node at a time.
		if _, err = one(t, `SELECT id FROM accounts WHERE id = $1 {LOCK}`, args(a.ID), new(int64)); err != nil {
			return err
		}
		if wait, err = spendWait(t, a.ID, spend, limit, now); wait > 0 || err != nil {
			return err
		}
		t.exec(`INSERT INTO spent (account_id, at, requests, recipients) VALUES ($1, $2, $3, $4)
			ON CONFLICT (account_id, at) DO UPDATE SET requests = spent.requests + excluded.requests, recipients = spent.recipients + excluded.recipients`,
			a.ID, now.Truncate(spendSlot), spend.Requests, spend.Recipients)
		t.exec(`DELETE FROM spent WHERE account_id = $1 AND at < $2`, a.ID, now.Add(-spendDay-spendSlot))
		return nil
	})
	return wait, err
}

// spendWait returns how long it is until more fits into the limit. More than
// the limit fits when nothing else was sent.
func spendWait(s session, account int64, more, limit outbox.Budget, now time.Time) (wait time.Duration, err error) {
	type slot struct {
		at time.Time
		outbox.Budget
	}
	var slots []slot
	sum := more
	err = s.query(`SELECT at, requests, recipients FROM spent WHERE account_id = $1 AND at > $2 ORDER BY at`,
		args(account, now.Add(-spendDay-spendSlot)), func(r row) error {
			var x slot
			err := r.scan(&x.at, &x.Requests, &x.Recipients)
			slots = append(slots, x)
			sum.Requests += x.Requests
			sum.Recipients += x.Recipients
			return err
		})
	for _, x := range slots {
		if (limit.Requests <= 0 || sum.Requests <= limit.Requests) && (limit.Recipients <= 0 || sum.Recipients <= limit.Recipients) {
			break
		}
		sum.Requests -= x.Requests
		sum.Recipients -= x.Recipients
		wait = x.at.Add(spendDay + spendSlot).Sub(now)
	}
	return wait, err
}
