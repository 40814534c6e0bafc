package store

import (
	"context"
	"fmt"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// The queries below go by ids, which hold when we took something in: what
// customers' clocks say does not move the figures.

// Traffic returns what every channel took in and sent between each two of the
// times that follow each other in bounds.
func (db *DB) Traffic(ctx context.Context, bounds []time.Time) (list [][]timeline.Traffic, err error) {
	stretches := max(len(bounds)-1, 0)
	asked := make([][]any, stretches)
	for i := range stretches {
		asked[i] = args(normalize.FirstID(bounds[i]), normalize.FirstID(bounds[i+1]))
	}
	err = db.read(ctx, func(s session) error {
		var of [][]int64
		list, of = make([][]timeline.Traffic, stretches), make([][]int64, stretches)
		err := s.each(trafficQuery, asked, func(i int, r row) error {
			var t timeline.Traffic
			var account int64
			err := r.scan(&account, &t.In, &t.Out)
			list[i], of[i] = append(list[i], t), append(of[i], account)
			return err
		})
		for i := range of {
			for j, account := range of[i] {
				acc, aerr := db.accounts.numbered(s, account)
				if err == nil {
					err = aerr
				}
				list[i][j].Channel = acc.Name
			}
		}
		return err
	})
	return list, err
}

var trafficQuery = fmt.Sprintf(`SELECT account_id, count(CASE WHEN flags & %d = 0 THEN 1 END), count(CASE WHEN flags & %d <> 0 THEN 1 END)
	FROM messages WHERE id >= $1 AND id < $2 AND flags < %d AND flags & %d = 0 GROUP BY account_id ORDER BY account_id`,
	flagOutbound, flagOutbound, flagEcho, flagNote)

// FirstAnswers tells how long customers waited for the first answer, in
// conversations that they began at since or later.
func (db *DB) FirstAnswers(ctx context.Context, since time.Time) ([]timeline.Spread, error) {
	return db.spread(ctx, firstAnswers, args(normalize.FirstID(since)))
}

// Resolutions tells how long conversations took from their beginning to their
// last message, where they are closed and that was at since or later.
func (db *DB) Resolutions(ctx context.Context, since time.Time) ([]timeline.Spread, error) {
	return db.spread(ctx, resolutions, args(since))
}

// ranked is the median and the 90th percentile of "took" in "all", by account.
const ranked = ` SELECT account_id, max(total), max(CASE WHEN n = (total + 1) / 2 THEN took END), max(CASE WHEN n = (total * 9 + 9) / 10 THEN took END)
	FROM (SELECT account_id, took, row_number() OVER (PARTITION BY account_id ORDER BY took) AS n, count(*) OVER (PARTITION BY account_id) AS total FROM spans) r
	GROUP BY account_id ORDER BY account_id`

var (
	// A conversation that we begin is made in the commit of its first message.
	firstAnswers = fmt.Sprintf(`WITH spans AS (SELECT c.account_id, (f.answer >> %[1]d) - (c.id >> %[1]d) AS took
		FROM (SELECT conversation_id, min(id) AS answer FROM messages WHERE id >= $1 AND flags & %[3]d = %[2]d AND flags < %[4]d GROUP BY conversation_id) f
		JOIN conversations c ON c.id = f.conversation_id
		WHERE c.id >= $1 AND c.last_inbound <> 0 AND (f.answer >> %[1]d) - (c.id >> %[1]d) > %[5]d)`,
		idTimeShift, flagOutbound, flagOutbound|flagNote, flagEcho, atOnce.Microseconds()) + ranked
	resolutions = fmt.Sprintf(`WITH spans AS (SELECT account_id, active_at - (id >> %d) AS took
		FROM conversations WHERE state = 'closed' AND active_at >= $1 AND erased_at = 0)`, idTimeShift) + ranked
)

// atOnce is how soon after its conversation a message begins it rather than
// answers in it.
const atOnce = 100 * time.Millisecond

// idTimeShift brings an id to its microseconds, see normalize.ID.
const idTimeShift = 11

func (db *DB) spread(ctx context.Context, query string, list []any) (all []timeline.Spread, err error) {
	var of []int64
	err = db.read(ctx, func(s session) error {
		all, of = nil, nil
		err := s.query(query, list, func(r row) error {
			var one timeline.Spread
			var account, median, p90 int64
			err := r.scan(&account, &one.Count, &median, &p90)
			one.Median, one.P90 = time.Duration(median)*time.Microsecond, time.Duration(p90)*time.Microsecond
			all, of = append(all, one), append(of, account)
			return err
		})
		for i := 0; i < len(of) && err == nil; i++ {
			var acc Account
			acc, err = db.accounts.numbered(s, of[i])
			all[i].Channel = acc.Name
		}
		return err
	})
	return all, err
}

// Backlog returns who waits for an answer now.
func (db *DB) Backlog(ctx context.Context) (all []timeline.Backlog, err error) {
	var of []int64
	err = db.read(ctx, func(s session) error {
		all, of = nil, nil
		err := s.query(backlogQuery, nil, func(r row) error {
			var one timeline.Backlog
			var account int64
			var oldest normalize.ID
			err := r.scan(&account, &one.Count, &oldest)
			one.Since = oldest.Time()
			all, of = append(all, one), append(of, account)
			return err
		})
		for i := 0; i < len(of) && err == nil; i++ {
			var acc Account
			acc, err = db.accounts.numbered(s, of[i])
			all[i].Channel = acc.Name
		}
		return err
	})
	return all, err
}

// noAnswer: nothing went out in conversation c after what its customer said last.
var noAnswer = fmt.Sprintf(`NOT EXISTS (SELECT 1 FROM messages m
	WHERE m.owner_id = c.address_id AND m.id > c.last_inbound AND m.conversation_id = c.id AND m.flags & %d = %d AND m.flags < %d)`,
	flagOutbound|flagNote, flagOutbound, flagEcho)

var backlogQuery = `SELECT c.account_id, count(*), min(c.last_inbound) FROM conversations c
	WHERE c.state = 'open' AND c.erased_at = 0 AND c.last_inbound <> 0 AND ` + noAnswer + `
	GROUP BY c.account_id ORDER BY c.account_id`
