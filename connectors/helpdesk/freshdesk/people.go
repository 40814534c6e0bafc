package freshdesk

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors/kit"
	"github.com/deskbridge/deskbridge/normalize"
)

// keepNames is how long an agent's name is believed, and maxNames how many are
// kept.
const (
	keepNames = time.Hour
	maxNames  = 1000
)

// people remembers who our own agent is, and the names of others.
type people struct {
	mu    sync.Mutex
	me    int64
	names map[int64]named
}

type named struct {
	author normalize.Author
	at     time.Time
}

// agent is one as the API gives it.
type agent struct {
	ID      int64 `json:"id"`
	Contact struct {
		Name  string `json:"name"`
		Email string `json:"email"`
	} `json:"contact"`
}

// self returns our own agent's id.
func (p *people) self(ctx context.Context, f *Freshdesk) (int64, error) {
	p.mu.Lock()
	me := p.me
	p.mu.Unlock()
	if me != 0 {
		return me, nil
	}
	var a agent
	if _, err := f.get(ctx, "/agents/me", nil, &a); err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.me = a.ID
	return a.ID, nil
}

// author returns an agent's name. Not every key may ask for it: then the
// answer is an agent's without a name.
func (p *people) author(ctx context.Context, f *Freshdesk, id int64) (normalize.Author, error) {
	now := f.clock.Now()
	p.mu.Lock()
	known, ok := p.names[id]
	p.mu.Unlock()
	if ok && now.Sub(known.at) < keepNames {
		return known.author, nil
	}
	var a agent
	_, err := f.api.Do(ctx, kit.RESTCall{Method: http.MethodGet, Path: "/agents/" + itoa(id), Into: &a})
	author := normalize.Author{Name: a.Contact.Name, Email: a.Contact.Email}
	if kit.IsStatus(err, http.StatusForbidden, http.StatusNotFound) {
		author, err = normalize.Author{Name: "Agent " + itoa(id)}, nil
	}
	if err != nil {
		return author, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.names == nil || len(p.names) >= maxNames {
		p.names = map[int64]named{}
	}
	p.names[id] = named{author, now}
	return author, nil
}
