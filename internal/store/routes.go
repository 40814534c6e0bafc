package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/route"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// heldRule is a helpdesk's rule. Its err is of a rule that another version of
// this program took and this one does not: it counts as failing.
type heldRule struct {
	source string
	rule   *route.Rule
	err    error
}

func holdRule(source string) *heldRule {
	if source == "" {
		return nil
	}
	r, err := route.Compile(source)
	return &heldRule{source, r, err}
}

// shown is the rule within a sentence.
func (r *heldRule) shown() string {
	const most = 200 // characters
	if s := []rune(r.source); len(s) > most {
		return string(s[:most]) + "…"
	}
	return r.source
}

// decision is what became of a conversation for a helpdesk.
type decision struct {
	taken bool
	why   string
	err   error // of the rule
}

// routes are the decisions on some conversations.
type routes map[queueOf]bool

// lead reports whether a helpdesk gets the events of a conversation.
func (r routes) lead(h helpdeskWants, conversation normalize.ID) bool {
	taken, decided := r[queueOf{h.id, conversation}]
	return taken || !decided
}

// routesOf reads what was decided on conversations, and decides what was not.
// Id 0, of what belongs to no conversation, is passed over. The caller holds the lock of the events, so
// that nobody else decides in the same moment.
func (db *DB) routesOf(t tx, set *accountSet, conversations map[normalize.ID]bool) (routes, error) {
	if !set.routed {
		return nil, nil
	}
	ids := slices.DeleteFunc(sortedKeys(conversations), func(id normalize.ID) bool { return id == 0 })
	known := routes{}
	err := t.find(findRoutes, eachID(ids), func(i int, r row) error {
		var account int64
		var taken bool
		err := r.scan(&account, &taken)
		known[queueOf{account, ids[i]}] = taken
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		var open []helpdeskWants
		for _, h := range set.helpdesks {
			if _, decided := known[queueOf{h.id, id}]; h.rule != nil && !decided {
				open = append(open, h)
			}
		}
		if len(open) == 0 {
			continue
		}
		if err := db.decide(t, set, id, open, known); err != nil {
			return nil, fmt.Errorf("the route of conversation %s: %w", id, err)
		}
	}
	return known, nil
}

// decide decides on one conversation for the helpdesks of open, and writes
// that down.
func (db *DB) decide(t tx, set *accountSet, id normalize.ID, open []helpdeskWants, known routes) error {
	facts, err := db.routeFacts(t, id)
	if err != nil {
		return err
	}
	taker := "" // whose rule takes it
	for _, h := range set.helpdesks {
		if h.rule != nil && known[queueOf{h.id, id}] {
			taker = h.name
		}
	}
	write := func(h helpdeskWants, d decision) {
		known[queueOf{h.id, id}] = d.taken
		t.insert(putRoute, id, h.id, d.taken, d.why)
		if d.err != nil {
			t.remark(remark{h.name, id, d.err})
		}
	}
	var rest []helpdeskWants
	for _, h := range open {
		d, err := judge(t, h, id, facts)
		switch {
		case err != nil:
			return err
		case d == nil:
			rest = append(rest, h)
			continue
		case d.taken:
			taker = h.name
		}
		write(h, *d)
	}
	for _, h := range rest {
		if taker == "" {
			write(h, decision{taken: true, why: "no other rule takes it"})
		} else {
			write(h, decision{why: "the rule of " + taker + " takes it"})
		}
	}
	if taker == "" && len(rest) == 0 && !set.takesAll() && !leads(set, known, id) {
		t.remark(remark{conversation: id})
	}
	return nil
}

// leads reports whether any helpdesk gets a conversation.
func leads(set *accountSet, known routes, id normalize.ID) bool {
	for _, h := range set.helpdesks {
		if known[queueOf{h.id, id}] {
			return true
		}
	}
	return false
}

// judge decides by a helpdesk's own rule; nil where that is the one for the
// rest. What the helpdesk was told of before it had a rule goes on there.
func judge(t tx, h helpdeskWants, id normalize.ID, facts route.Facts) (*decision, error) {
	var queue normalize.ID
	found, err := one(t, `SELECT id FROM queues WHERE account_id = $1 AND conversation_id = $2`, args(h.id, id), &queue)
	if err != nil {
		return nil, err
	}
	if found {
		return &decision{taken: true, why: "it went there before there was a rule"}, nil
	}
	if h.rule.err == nil && h.rule.rule.Otherwise() {
		return nil, nil
	}
	return h.rule.match(facts), nil
}

// match decides by the rule itself.
func (r *heldRule) match(facts route.Facts) *decision {
	d := &decision{err: r.err}
	if d.err == nil {
		d.taken, d.err = r.rule.Match(facts)
	}
	switch {
	case d.err != nil:
		d.why = "its rule failed, which counts as no match: "
	case d.taken:
		d.why = "its rule matches: "
	default:
		d.why = "its rule does not match: "
	}
	d.why += r.shown()
	return d
}

// firstSlack is how much older than its conversation the id of the first
// message may be: an answer has got its id before the conversation is opened.
const firstSlack = time.Hour

// routeFacts gathers what a rule can ask for: of the first message.
func (db *DB) routeFacts(t tx, id normalize.ID) (f route.Facts, err error) {
	var account int64
	var owner normalize.ID
	found, err := one(t, `SELECT c.account_id, c.address_id, a.kind, a.value FROM conversations c JOIN addresses a ON a.id = c.address_id WHERE c.id = $1`,
		args(id), &account, &owner, &f.Address.Kind, &f.Address.Value)
	if err != nil || !found {
		return f, err // erased
	}
	acc, err := db.accounts.numbered(t, account)
	if err != nil {
		return f, err
	}
	f.Channel = route.Channel{Name: acc.Name, Type: acc.Type}
	if f.Tags, err = tagsOf(t, id); err != nil {
		return f, err
	}
	var encoded []byte
	found, err = one(t, `SELECT payload FROM messages WHERE owner_id = $1 AND id >= $2 AND conversation_id = $3 ORDER BY id LIMIT 1`,
		args(owner, normalize.FirstID(id.Time().Add(-firstSlack)), id), &encoded)
	if err != nil || !found {
		return f, err
	}
	p, err := decodePayload(encoded)
	if err != nil {
		return f, err
	}
	f.Subject, f.Text = p.Subject, p.Text
	if f.Text == "" {
		f.Text = p.FullText
	}
	if f.Language = text.Language(f.Text); f.Language == "" {
		f.Language = text.Language(f.Subject + "\n" + f.Text)
	}
	return f, nil
}

// tell counts and logs remarks.
func (db *DB) tell(remarks []remark) {
	for _, r := range remarks {
		if r.err != nil {
			db.counters.ruleFailures.Add(1)
			db.log.Warn("a helpdesk's rule failed, which counts as no match", "account", r.helpdesk, "conversation", r.conversation, "err", r.err)
			continue
		}
		db.counters.unrouted.Add(1)
		db.log.Warn("no helpdesk's rule takes a conversation: it stays here; a helpdesk with the rule otherwise would get it", "conversation", r.conversation)
	}
}

// Routing counts since the start: conversations that no helpdesk's rule took,
// and rules that failed.
type Routing struct{ Unrouted, Failures int64 }

// Routing returns the counts for the metrics.
func (db *DB) Routing() Routing {
	return Routing{db.counters.unrouted.Load(), db.counters.ruleFailures.Load()}
}

// Route is why a helpdesk gets the events of a conversation, or does not.
type Route struct {
	Helpdesk string `json:"helpdesk"`
	Taken    bool   `json:"taken"`
	Why      string `json:"why"`
}

// RoutesOf returns where a conversation goes, by the names of the helpdesks;
// none where there are no rules.
func (db *DB) RoutesOf(ctx context.Context, conversation normalize.ID) (list []Route, err error) {
	err = db.read(ctx, func(s session) error {
		accounts, err := readAccounts(s)
		if err != nil {
			return err
		}
		decided := map[int64]Route{}
		err = s.query(`SELECT account_id, taken, why FROM routes WHERE conversation_id = $1`, args(conversation), func(r row) error {
			var id int64
			var d Route
			err := r.scan(&id, &d.Taken, &d.Why)
			decided[id] = d
			return err
		})
		if err != nil {
			return err
		}
		ruled := len(decided) > 0
		for _, a := range accounts {
			d, known := decided[a.ID]
			if a.Role != RoleHelpdesk || !a.Enabled && !known {
				continue
			}
			d.Helpdesk = a.Name
			switch {
			case known:
			case a.Route == "":
				d.Taken, d.Why = true, "it has no rule"
			default:
				ruled, d.Why = true, "to be decided at the next event of the conversation: "+holdRule(a.Route).shown()
			}
			list = append(list, d)
		}
		if !ruled {
			list = nil
		}
		return nil
	})
	return list, err
}
