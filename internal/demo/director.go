package demo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/mail"
	"github.com/deskbridge/deskbridge/internal/cli"
	"github.com/deskbridge/deskbridge/internal/demo/stage"
	"github.com/deskbridge/deskbridge/normalize"
)

// director lets customers write, shows what happens and does what the visitor
// says. All of its state belongs to the goroutine of run; slow work is done
// beside it and handed back as functions.
type director struct {
	world  *world
	screen *screen
	board  *board
	once   bool
	speed  float64

	cast   map[string]*actor // who has a mailbox, by address
	people *people
	guests map[stage.Place]*guest // people by address
	scenes []scene                // still to come
	plan   map[stage.Place]string // what the colleague answers, by address

	later chan func()
	done  chan struct{} // closed when run returns

	posted   map[string]bool // Message-IDs of the script's letters
	expected map[said]bool   // what guests said, and whether the desk has it
	first    string          // who writes the first letter
	loop     loop
	merged   bool // Lin is one customer
	gone     bool // Jonas has blocked the desk, and an answer failed for it
	serial   int

	played  int  // scenes
	watched bool // by a visitor
	held    bool // the story waits for one
}

// arrivalPause is how long a mail may be in a customer's mailbox unseen.
const arrivalPause = 300 * time.Millisecond

// lookAtPhones is how often we see what has arrived on the customers' phones.
const lookAtPhones = 100 * time.Millisecond

// actor is a customer in action.
type actor struct {
	*customer
	last    thread // the customer's own last letter, and what it answered
	lastID  string
	subject string
	replies int
	awayOut bool
	got     thread // the last mail that has arrived
	quoted  string // what that says
}

// loop is what a run with Once has to see of one answer.
type loop struct {
	talk                      *talk // with the author of the first letter
	arrived, threaded, closed bool
	answer, reply             string // Message-IDs
}

func newDirector(w *world, s *screen, o Options) *director {
	speed := o.Speed
	if speed <= 0 {
		speed = 1
	}
	if o.Once {
		speed = 40
	}
	d := &director{
		world: w, screen: s, board: newBoard(o.View), once: o.Once, speed: speed, people: newPeople(), plan: map[stage.Place]string{},
		cast: map[string]*actor{}, later: make(chan func()), done: make(chan struct{}), posted: map[string]bool{}, expected: map[said]bool{},
		guests: map[stage.Place]*guest{},
	}
	d.scenes = script(d.people)
	visitor, lines := newVisitor()
	d.casts(visitor)
	lines = append(lines, d.people.all()...)
	for _, g := range lines {
		d.guests[g.at] = g
		w.book.Add(g.owner, g.name, g.at)
		if g.colleague != "" {
			d.plan[g.at] = g.colleague
		}
	}
	settle(w.town, lines, w.again)
	w.town.reports(d.scaled(1200 * time.Millisecond))
	for _, s := range d.scenes {
		if l := s.mail; l != nil {
			d.first = cmp.Or(d.first, l.from.address)
			if l.colleague != "" {
				d.plan[l.from.at()] = l.colleague
			}
			d.casts(l.from)
		}
	}
	return d
}

// casts gives somebody a mailbox, and a phone that shows it.
func (d *director) casts(c *customer) {
	if d.cast[c.address] != nil {
		return
	}
	d.cast[c.address] = &actor{customer: c}
	d.world.mail.AddUser(mail.User{Address: c.address, Password: password})
	if c.owner != "" {
		d.world.book.Add(c.owner, c.name, c.at())
	}
	if c.full {
		d.world.mail.Break(mail.Fault{
			Kind: mail.Bounce, To: c.address, Code: 552, Enhanced: [3]int{5, 2, 2},
			Text: "The mailbox of the recipient is full", Pause: d.scaled(1500 * time.Millisecond),
		})
	}
}

// at is the address as the daemon writes it.
func (c *customer) at() stage.Place { return stage.Place{Kind: byMail, Value: c.address} }

func (d *director) scaled(t time.Duration) time.Duration { return time.Duration(float64(t) / d.speed) }

// run plays until the visitor quits, ctx ends or, with once, all was seen.
func (d *director) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer close(d.done)
	arrivals := d.world.mail.Arrivals(ctx)
	phones := time.NewTicker(lookAtPhones)
	defer phones.Stop()
	d.next(ctx)
	for {
		if d.once && d.complete() {
			return nil
		}
		select {
		case delivery := <-d.world.desk.out:
			d.tell(d.board.take(delivery)...)
			d.react(ctx, delivery)
		case m, ok := <-arrivals:
			if ok && m.User != deskAddress {
				// The word that the server took it should stand above.
				d.after(arrivalPause, func() { d.arrived(ctx, m) })
			} else if !ok {
				arrivals = nil
			}
		case <-phones.C:
			if news := d.world.town.news(); len(news) > 0 {
				d.after(arrivalPause, func() {
					for _, a := range news { // in their order
						d.rings(ctx, a)
					}
				})
			}
		case f := <-d.later:
			f()
		case err := <-d.world.failed:
			return fmt.Errorf("the daemon stopped: %w", err)
		case <-ctx.Done():
			return nil
		}
	}
}

// after runs f in the goroutine of run when a time has passed.
func (d *director) after(t time.Duration, f func()) {
	time.AfterFunc(t, func() { d.back(f) })
}

// beside runs work in a goroutine of its own and then done in that of run.
func (d *director) beside(work func() error, done func(error)) {
	d.world.running.Go(func() {
		err := work()
		d.back(func() { done(err) })
	})
}

func (d *director) back(f func()) {
	select {
	case d.later <- f:
	case <-d.done:
	}
}

// prologue is how many scenes are played before anybody looks. The others wait
// for a visitor, who is to see customers write, but not for ever.
const (
	prologue   = 3
	forVisitor = 45 * time.Second
)

// watch goes on with the story: a browser has opened the demo, or none will.
func (d *director) watch(ctx context.Context) {
	d.watched = true
	if d.held {
		d.held = false
		d.next(ctx)
	}
}

// next plays the next scene of the script when its time has come.
func (d *director) next(ctx context.Context) {
	if len(d.scenes) == 0 {
		return
	}
	if d.played++; d.played > prologue && !d.once && !d.watched {
		d.held = true
		d.after(forVisitor, func() { d.watch(ctx) })
		return
	}
	sc := d.scenes[0]
	d.after(d.scaled(sc.after), func() {
		then := func() {
			d.scenes = d.scenes[1:]
			d.next(ctx)
		}
		if sc.mail == nil {
			sc.play(ctx, d, then)
			return
		}
		// One after the other, so that they stand in the mailbox in this order.
		d.write(ctx, *sc.mail, thread{}, true, func(err error) { d.untaken(ctx, err); then() })
	})
}

// tell shows what happens in a run without a visitor. A visitor sees it in the
// browser.
func (d *director) tell(lines ...string) {
	if d.once && len(lines) > 0 {
		d.screen.print(lines...)
	}
}

// trouble shows what should not be.
func (d *director) trouble(words string) { d.screen.print("", d.screen.o.Red("  "+cli.Line(words))) }

// untaken tells of a message that the daemon did not take from a vendor.
func (d *director) untaken(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		d.trouble("what a customer wrote was not taken: " + err.Error())
	}
}

// write posts a letter of a customer, calls then, and returns its Message-ID.
func (d *director) write(ctx context.Context, l letter, t thread, scripted bool, then func(error)) string {
	a := d.cast[l.from.address]
	if l.follows {
		t = thread{replyTo: a.lastID, references: append(slices.Clone(a.last.references), a.last.replyTo)}
		t.references = slices.DeleteFunc(t.references, func(id string) bool { return id == "" })
	}
	d.serial++
	id := fmt.Sprintf("%d.%d@%s", time.Now().UnixMicro(), d.serial, l.from.address[strings.IndexByte(l.from.address, '@')+1:])
	raw := compose(l, id, t, time.Now())
	if scripted && l.nested == 0 { // what cannot be read has no Message-ID either
		d.posted[id] = false
	}
	if !l.automatic {
		a.last, a.lastID, a.subject = t, id, l.subject
	}
	e := stage.Entry{Subject: l.subject, Text: strings.TrimSpace(l.text)}
	if l.file != nil {
		e.Files = []stage.File{{Name: l.file.name, ContentType: l.file.contentType, Content: l.file.content}}
	}
	sent := d.world.book.Write(l.from.at(), e)
	d.beside(func() error { return d.world.post(ctx, l.from, raw) }, func(err error) {
		sent(err)
		then(err)
	})
	return id
}

// react does what the script has for an event.
func (d *director) react(ctx context.Context, got delivery) {
	e, ok := got.event.Data.(*normalize.MessageEvent)
	if !ok || e.Message == nil {
		return
	}
	t := d.board.byID[e.ConversationID]
	switch got.event.Type {
	case normalize.MessageReceived, normalize.MessageEdited:
		d.heard(e.Message)
	case normalize.MessageStatus:
		if e.Change != nil && e.Change.Status == normalize.StatusFailed && placeOf(e.Address) == d.people.jonas.at && !d.gone {
			d.gone = true
			d.world.town.hasBlocked(d.people.jonas)
		}
	}
	if got.event.Type != normalize.MessageReceived {
		return
	}
	if _, ours := d.posted[e.ExternalID]; ours {
		d.posted[e.ExternalID] = true
	}
	if d.loop.reply != "" && e.ExternalID == d.loop.reply {
		d.loop.closed = t == d.loop.talk
	}
	if slices.ContainsFunc(e.Parts, func(p normalize.Part) bool { return p.Kind == normalize.PartEvent }) {
		return // nothing to answer
	}
	at := placeOf(e.Address)
	g := d.guests[at]
	switch words, planned := d.plan[at]; {
	case planned:
		delete(d.plan, at)
		d.after(d.scaled(1500*time.Millisecond), func() { d.answer(ctx, t, colleague, words) })
	case d.once && d.loop.talk == nil && e.Address.Value == d.first:
		d.loop.talk = t
		d.answer(ctx, t, "You", "Vielen Dank für Ihre Nachricht. Die Jacke in L geht heute an Sie ab!")
	case d.once && g != nil && len(g.answers) > 0 && len(t.received) == 1:
		d.answer(ctx, t, "You", "Thank you, "+g.name+". We are on it.")
	}
}

// heard notes what the desk got of a guest.
func (d *director) heard(m *normalize.Message) {
	for what, seen := range d.expected {
		if seen || what.at != placeOf(m.Address) {
			continue
		}
		d.expected[what] = slices.ContainsFunc(m.Parts, func(p normalize.Part) bool {
			if what.text == "" {
				return p.Kind == normalize.PartImage
			}
			return p.Text == what.text
		})
	}
}

// answer sends words into a conversation through the API.
func (d *director) answer(ctx context.Context, t *talk, author, words string) {
	d.serial++
	key := fmt.Sprintf("demo-%d-%d", time.Now().UnixMicro(), d.serial)
	var m *normalize.Message
	d.beside(func() (err error) {
		m, err = d.world.api.answer(ctx, t.id, author, words, key)
		return err
	}, func(err error) {
		switch {
		case err == nil && t == d.loop.talk && d.loop.answer == "":
			d.loop.answer = m.ExternalID
		case err != nil && ctx.Err() == nil:
			d.trouble("the API refused the answer: " + err.Error())
		}
	})
}
