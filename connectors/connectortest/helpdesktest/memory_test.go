package helpdesktest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/helpdesk"
	"github.com/deskbridge/deskbridge/normalize"
)

// memory is the smallest product that keeps the contract: the suite is held
// against it, and with it the engine.
type memory struct {
	mu      sync.Mutex
	err     error
	tickets map[string]*mticket
	entries int
	log     []string // tickets, as they changed
	refuses bool     // files
}

type mticket struct {
	tag, subject, into string
	open, gone         bool
	entries            []mentry
}

type mentry struct {
	helpdesk.Written
	files []string
}

func newMemory() *memory { return &memory{tickets: map[string]*mticket{}} }

func (p *memory) call(ctx context.Context, id string) (*mticket, error) {
	if err := ctx.Err(); err != nil {
		return nil, connectors.Errorf(connectors.Transient, "", "cancelled: %w", err)
	}
	if p.err != nil || id == "" {
		return nil, p.err
	}
	k := p.tickets[id]
	if k == nil || k.gone {
		into := ""
		if k != nil {
			into = k.into
		}
		return nil, &helpdesk.Gone{Into: into}
	}
	return k, nil
}

func (p *memory) add(id string, e mentry) string {
	p.entries++
	e.ID, e.At = strconv.Itoa(p.entries), time.Now()
	p.tickets[id].entries = append(p.tickets[id].entries, e)
	p.log = append(p.log, id)
	return e.ID
}

func (p *memory) Probe(ctx context.Context) error { _, err := p.call(ctx, ""); return err }
func (p *memory) Close(context.Context) error     { return nil }
func (p *memory) Interval() time.Duration         { return time.Second }

func (p *memory) Open(ctx context.Context, d *helpdesk.Draft) (*helpdesk.Opened, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.call(ctx, ""); err != nil {
		return nil, err
	}
	id := fmt.Sprintf("T%d", len(p.tickets)+1)
	p.tickets[id] = &mticket{tag: d.Tag, subject: d.Subject, open: true}
	return &helpdesk.Opened{Ticket: id}, nil
}

func (p *memory) Find(ctx context.Context, tag string) (*helpdesk.Opened, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, k := range p.tickets {
		if k.tag == tag {
			return &helpdesk.Opened{Ticket: id}, p.err
		}
	}
	return nil, p.err
}

func (p *memory) Write(ctx context.Context, ticket string, e *helpdesk.Entry) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k, err := p.call(ctx, ticket)
	if err != nil {
		return "", err
	}
	var names []string
	for _, f := range e.Files {
		if p.refuses {
			return "", connectors.Errorf(connectors.Rejected, "422", "no files here")
		}
		r, err := f.Open(ctx)
		if err != nil {
			return "", err
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			return "", err
		}
		_ = r.Close()
		names = append(names, f.Media.Name)
	}
	k.open = k.open || e.Reopen
	return p.add(ticket, mentry{helpdesk.Written{Ours: true, Tag: e.Tag, Text: e.Plain(), Author: normalize.Author{Name: e.Author}}, names}), nil
}

func (p *memory) SetState(ctx context.Context, ticket string, s normalize.ConversationState) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	k, err := p.call(ctx, ticket)
	if err == nil {
		k.open = s == normalize.Open
		p.log = append(p.log, ticket)
	}
	return err
}

func (p *memory) Changed(ctx context.Context, cursor string) (helpdesk.Changes, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.call(ctx, ""); err != nil {
		return helpdesk.Changes{}, err
	}
	c := helpdesk.Changes{Cursor: strconv.Itoa(len(p.log))}
	if n, err := strconv.Atoi(cursor); err == nil {
		c.Tickets = slices.Compact(slices.Sorted(slices.Values(p.log[n:])))
	}
	return c, nil
}

func (p *memory) Read(ctx context.Context, ticket, after string) (*helpdesk.Reading, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k, err := p.call(ctx, ticket)
	if err != nil {
		return nil, err
	}
	r := &helpdesk.Reading{State: normalize.Closed, Position: strconv.Itoa(len(k.entries))}
	if k.open {
		r.State = normalize.Open
	}
	n, _ := strconv.Atoi(after)
	for _, e := range k.entries[n:min(n+2, len(k.entries))] {
		r.Entries = append(r.Entries, e.Written)
	}
	if n += len(r.Entries); n < len(k.entries) {
		r.Position, r.More = strconv.Itoa(n), true
	}
	return r, nil
}

func (p *memory) File(_ context.Context, f helpdesk.File) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader([]byte(f.Ref))), nil
}

func (p *memory) Parse(_ context.Context, r *connectors.Request) ([]string, connectors.Reply, error) {
	if !hmac.Equal([]byte(r.Header.Get("X-Signature")), []byte(p.sign(r.Body))) {
		return nil, connectors.Reply{}, connectors.ErrForged
	}
	return []string{string(r.Body)}, connectors.Reply{}, nil
}

func (p *memory) sign(body []byte) string {
	m := hmac.New(sha256.New, []byte("secret"))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

// person is somebody who works in the product.
type person struct{ *memory }

func (p person) Ticket(_ testing.TB, id string) Ticket {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.tickets[id]
	out := Ticket{Subject: k.subject, Open: k.open, Gone: k.gone}
	for _, e := range k.entries {
		out.Entries = append(out.Entries, Entry{ID: e.ID, Internal: !e.Public, Author: e.Author.Name, Text: e.Text, Files: e.files})
	}
	return out
}

func (p person) write(ticket string, public bool, text string, files []string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := mentry{Written: helpdesk.Written{Public: public, Text: text, Author: normalize.Author{Name: "Anna"}}, files: files}
	for _, f := range files {
		e.Written.Files = append(e.Written.Files, helpdesk.File{Ref: f, Name: f, ContentType: "text/plain"})
	}
	return p.add(ticket, e)
}

func (p person) Answer(_ testing.TB, ticket, text string, files ...string) string {
	return p.write(ticket, true, text, files)
}

func (p person) Note(_ testing.TB, ticket, text string) string {
	return p.write(ticket, false, text, nil)
}

func (p person) set(ticket string, f func(k *mticket)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p.tickets[ticket])
	p.log = append(p.log, ticket)
}

func (p person) Close(_ testing.TB, ticket string) {
	p.set(ticket, func(k *mticket) { k.open = false })
}

func (p person) Reopen(_ testing.TB, ticket string) {
	p.set(ticket, func(k *mticket) { k.open = true })
}

func (p person) Merge(_ testing.TB, from, into string) bool {
	p.set(from, func(k *mticket) {
		k.gone, k.into = true, into
		p.tickets[into].entries = append(p.tickets[into].entries, k.entries...)
	})
	return true
}

func (p person) Delete(_ testing.TB, ticket string) bool {
	p.set(ticket, func(k *mticket) { k.gone = true })
	return true
}

func (p person) Mailed() int { return 0 }

func (p person) Call(_ testing.TB, ticket string) *connectors.Request {
	return &connectors.Request{Method: http.MethodPost, Header: http.Header{"X-Signature": {p.sign([]byte(ticket))}}, Body: []byte(ticket)}
}

func TestSuite(t *testing.T) {
	failing := func(c connectors.Class) func(testing.TB) helpdesk.Tickets {
		return func(testing.TB) helpdesk.Tickets {
			p := newMemory()
			p.err = connectors.Errorf(c, "", "no")
			return p
		}
	}
	Run(t, Suite{
		Open: func(testing.TB) (helpdesk.Tickets, Product) {
			p := newMemory()
			return p, person{p}
		},
		Denied: failing(connectors.AccountDown), Away: failing(connectors.Transient),
	})
}

// TestRefusedFiles: what the product does not take does not keep the words from
// the agents.
func TestRefusedFiles(t *testing.T) {
	p := newMemory()
	p.refuses = true
	r := newRig(t, Suite{Open: func(testing.TB) (helpdesk.Tickets, Product) { return p, person{p} }})
	m := r.says("fang", "Look at this.", withFile("virus.exe", []byte("MZ")))
	k := r.product.Ticket(r, r.ticketOf(m))
	r.once(k, "Look at this.", "virus.exe", "no files here", "https://files.example/")
}
