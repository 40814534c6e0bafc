package store

import (
	"cmp"
	"slices"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/outbox"
)

// awaited reports whether a part's medium is still with the vendor.
func (sp *storedPart) awaited() bool { return sp.Status == normalize.StatusPending }

// queueFetches queues a job for each medium that is still with the vendor.
func queueFetches(t tx, m *messageRow, parts []storedPart, now time.Time) {
	for i := range parts {
		if p := &parts[i]; p.awaited() {
			queueWork(t, m.account, outbox.TaskFetch, p.ID, m.id, now)
		}
	}
}

// queueWork queues a job of the fetch lane, in a queue of its own: there is no
// order in what is fetched.
func queueWork(t tx, account int64, task outbox.Task, about, message normalize.ID, now time.Time) {
	id, queue := normalize.NewID(now), normalize.NewID(now)
	t.insert(putQueue, queue, account, -id, outbox.Fetch, now)
	t.insert(putWork, id, queue, task, about, message, outbox.Queued, now, 0)
	t.wake()
}

// settleFetch does what the end of a fetch job means for its part.
func (db *DB) settleFetch(t tx, j *jobRow, s outbox.Settlement) error {
	switch s.State {
	case outbox.Done:
		return fetched(t, j, s.Fetched, s.Now)
	case outbox.Failed:
		return endFetch(t, j, cmp.Or(s.Detail, "the vendor did not hand it over"), s.Code, s.Now)
	}
	return nil
}

// fetched puts a medium that has come into its part.
func fetched(t tx, j *jobRow, f *normalize.Media, now time.Time) error {
	if f == nil {
		return nil // there was nothing to fetch any more
	}
	found, err := changePart(t, j, normalize.StatusChange{}, now, func(p *storedPart, arrived normalize.Status) normalize.Status {
		if f.ID != 0 && f.ID != p.Media.ID { // another one took its place meanwhile, and has a job of its own
			orphan(t, f.SHA256, now)
			return p.Status
		}
		p.SHA256, p.Error = f.SHA256, ""
		p.Media.Size, p.Media.Name, p.Media.ContentType = f.Size, clean(f.Name), clean(f.ContentType)
		t.exec(`UPDATE media SET digest = $1, name = $2, content_type = $3, size = $4, problem = '' WHERE id = $5`,
			p.SHA256, p.Media.Name, p.Media.ContentType, p.Media.Size, p.Media.ID)
		return arrived
	})
	if err == nil && !found {
		orphan(t, f.SHA256, now)
	}
	return err
}

// endFetch gives a medium up.
func endFetch(t tx, j *jobRow, why, code string, now time.Time) error {
	why = clean(why)
	_, err := changePart(t, j, normalize.StatusChange{Code: clean(code), Detail: why}, now, func(p *storedPart, _ normalize.Status) normalize.Status {
		p.Error = why
		t.exec(`UPDATE media SET problem = $1 WHERE id = $2`, why, p.Media.ID)
		return normalize.StatusFailed
	})
	return err
}

// restartFetch lets a part wait for its medium again, as a person asked.
func restartFetch(t tx, j *jobRow, now time.Time) error {
	_, err := changePart(t, j, normalize.StatusChange{Detail: "tried again by hand"}, now, func(p *storedPart, _ normalize.Status) normalize.Status {
		p.Error = ""
		t.exec(`UPDATE media SET problem = '' WHERE id = $1`, p.Media.ID)
		return normalize.StatusPending
	})
	return err
}

// changePart lets f change the part that a fetch job is about, while its
// medium is missing, and tells of the status that f returns. f is given the
// status of a part that is here. The conversation is locked, as it is wherever
// a payload is changed.
func changePart(t tx, j *jobRow, c normalize.StatusChange, now time.Time, f func(p *storedPart, arrived normalize.Status) normalize.Status) (found bool, err error) {
	if err := lockConversation(t, j.conversation); err != nil {
		return false, err
	}
	var flags int64
	var b []byte
	known, err := one(t, `SELECT flags, payload FROM messages WHERE id = $1`, args(j.message), &flags, &b)
	if err != nil || !known {
		return false, err
	}
	p, err := decodePayload(b)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(p.Parts, func(sp storedPart) bool { return sp.ID == j.about })
	if i < 0 || p.Parts[i].Media == nil || p.Parts[i].SHA256 != "" {
		return false, nil
	}
	arrived := normalize.StatusReceived
	if flags&flagOutbound != 0 {
		arrived = normalize.StatusAccepted
	}
	part := &p.Parts[i]
	before := part.Status
	part.Status, part.StatusAt = f(part, arrived), now.UTC()
	if err := writePayload(t, j.message, p); err != nil {
		return false, err
	}
	if part.Status != before {
		c.Status = part.Status
		tellPart(t, j, part.ID, c, now)
	}
	return true, nil
}
