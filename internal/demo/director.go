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
	guests map[string]*guest // people by address
	scenes []scene           // still to come
	plan   map[string]string // what the colleague answers, by address
	editor editor

	keys  chan []byte
	later chan func()
	done  chan struct{} // closed when run returns

	posted   map[string]bool // Message-IDs of the script's letters
	expected map[said]bool   // what guests said, and whether the desk has it
	first    string          // who writes the first letter
	loop     loop
	merged   bool // Lin is one customer
	gone     bool // Jonas has blocked the desk, and an answer failed for it
	serial   int
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
		world: w, screen: s, board: newBoard(o.View), once: o.Once, speed: speed, people: newPeople(), plan: map[string]string{},
		cast: map[string]*actor{}, keys: make(chan []byte), later: make(chan func()), done: make(chan struct{}), posted: map[string]bool{},
		expected: map[said]bool{},
	}
	d.scenes, d.guests = script(d.people), d.people.byAddress()
	settle(w.town, w.again)
	for _, g := range d.guests {
		if g.colleague != "" {
			d.plan[g.address] = g.colleague
		}
	}
	for _, s := range d.scenes {
		l := s.mail
		if l == nil {
			continue
		}
		c := l.from
		d.first = cmp.Or(d.first, c.address)
		if l.colleague != "" {
			d.plan[c.address] = l.colleague
		}
		if d.cast[c.address] != nil {
			continue
		}
		d.cast[c.address] = &actor{customer: c}
		w.mail.AddUser(mail.User{Address: c.address, Password: password})
		if c.full {
			w.mail.Break(mail.Fault{
				Kind: mail.Bounce, To: c.address, Code: 552, Enhanced: [3]int{5, 2, 2},
				Text: "The mailbox of the recipient is full", Pause: d.scaled(1500 * time.Millisecond),
			})
		}
	}
	return d
}

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
			d.screen.print(d.board.take(delivery)...)
			d.react(ctx, delivery)
		case m, ok := <-arrivals:
			if ok && m.User != deskAddress {
				// The word that the server took it should stand above.
				d.after(arrivalPause, func() { d.arrived(ctx, m) })
			} else if !ok {
				arrivals = nil
			}
		case <-phones.C:
			for _, a := range d.world.town.news() {
				d.after(arrivalPause, func() { d.rings(ctx, a) })
			}
		case f := <-d.later:
			f()
		case keys, ok := <-d.keys:
			if !ok || d.typed(ctx, keys) {
				return nil
			}
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

// next plays the next scene of the script when its time has come.
func (d *director) next(ctx context.Context) {
	if len(d.scenes) == 0 {
		if !d.once {
			d.after(d.scaled(6*time.Second), func() {
				d.say("Everybody has written. They still answer you:  1 your words · t 1 the whole timeline · q quit")
			})
		}
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
		d.write(ctx, *sc.mail, thread{}, true, then)
	})
}

// untaken tells of a message that the daemon did not take from a vendor.
func (d *director) untaken(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		d.screen.print(d.screen.o.Red("  what a customer wrote was not taken: " + cli.Line(err.Error())))
	}
}

// write posts a letter of a customer, calls then, and returns its Message-ID.
func (d *director) write(ctx context.Context, l letter, t thread, scripted bool, then func()) string {
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
	d.beside(func() error { return d.world.post(ctx, l.from, raw) }, func(err error) {
		d.untaken(ctx, err)
		then()
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
		if e.Change != nil && e.Change.Status == normalize.StatusFailed && e.Address.Value == d.people.jonas.address && !d.gone {
			d.gone = true
			jonasHasBlocked(d.world.town)
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
	g := d.guests[e.Address.Value]
	switch words, planned := d.plan[e.Address.Value]; {
	case planned:
		delete(d.plan, e.Address.Value)
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
		if seen || what.address != m.Address.Value {
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
			d.screen.print("", d.screen.o.Red("  the API refused the answer: "+cli.Line(err.Error())))
		}
	})
}

// arrived shows a mail in a customer's mailbox, and lets the customer react.
func (d *director) arrived(ctx context.Context, m mail.Mail) {
	a := d.cast[m.User]
	if a == nil || a.lastID == "" {
		return
	}
	t := d.board.of(a.address)
	if t == nil {
		return
	}
	threaded := slices.ContainsFunc(t.received, func(r *normalize.Message) bool {
		return strings.Contains(m.Header("In-Reply-To"), "<"+r.ExternalID+">")
	})
	where := "in the mailbox of " + a.name
	if threaded {
		where += ", in the thread"
	}
	d.screen.print(d.board.arrived(t, where, plainText(m.Raw))...)
	if t == d.loop.talk {
		d.loop.arrived, d.loop.threaded = true, threaded
	}
	to := thread{replyTo: m.MessageID(), references: ids(m.Header("References"))}
	reply := letter{from: a.customer, subject: "Re: " + strings.TrimPrefix(a.subject, "Re: ")}
	if a.away != "" && !a.awayOut {
		a.awayOut = true
		reply.subject, reply.text, reply.automatic = "Respuesta automática: "+a.subject, a.away+"\n", true
		d.after(d.scaled(time.Second), func() { d.write(ctx, reply, to, true, func() {}) })
		return
	}
	if a.replies >= len(a.answers) {
		return
	}
	reply.text = a.answers[a.replies]
	a.replies++
	if reply.text == "" {
		return
	}
	reply.text += "\n\n> " + strings.ReplaceAll(strings.TrimSpace(plainText(m.Raw)), "\n", "\n> ") + "\n"
	d.after(d.scaled(4*time.Second), func() {
		id := d.write(ctx, reply, to, false, func() {})
		if t == d.loop.talk && d.loop.reply == "" {
			d.loop.reply = id
		}
	})
}
