package slack

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// Slack names whom a message mentions by id alone. So before messages that a
// connection brought are stored, the names are looked up and stored with them:
// what cannot be had at once stays an id, and nobody is kept waiting for it.
const (
	metaNames = "names" // of an input: a JSON object of ids and names

	namesWithin = time.Second // for all messages of a batch
	namesAtMost = 20          // to ask for
	namesKept   = time.Hour   // before a name is asked for again
	namesMissed = time.Minute // the same where it was not told
	namesRoom   = 5000
)

// inRaw finds mentions in an event as it came; JSON may write the brackets by
// their codes.
var inRaw = regexp.MustCompile(`(?:<|\\u003[cC])@([UW][A-Z0-9]{1,30})(?:>|\\u003[eE])`)

// names are what members are called, "" for those of whom it is not told.
type names struct {
	mu    sync.Mutex
	known map[string]calledName
}

type calledName struct {
	name  string
	until time.Time
}

func (n *names) get(id string, now time.Time) (name string, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, ok := n.known[id]
	return c.name, ok && now.Before(c.until)
}

func (n *names) set(id, name string, until time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil || len(n.known) >= namesRoom {
		n.known = map[string]calledName{}
	}
	n.known[id] = calledName{name, until}
}

// name stores with each input what those are called whom it mentions.
func (s *Slack) name(ctx context.Context, inputs []normalize.Input) {
	ctx, cancel := context.WithTimeout(ctx, namesWithin)
	defer cancel()
	asked := 0
	for i := range inputs {
		called := map[string]string{}
		for _, m := range inRaw.FindAllSubmatch(inputs[i].Raw, namesAtMost) {
			id := string(m[1])
			name, known := s.names.get(id, s.deps.Clock.Now())
			if !known && asked < namesAtMost {
				asked++
				name = s.nameOf(ctx, id)
			}
			if name != "" {
				called[id] = name
			}
		}
		if b, err := json.Marshal(called); err == nil && len(called) > 0 && inputs[i].Meta != nil {
			inputs[i].Meta[metaNames] = string(b)
		}
	}
}

// nameOf asks what a member is called. That nobody tells is remembered for a
// while, too.
func (s *Slack) nameOf(ctx context.Context, id string) string {
	if ctx.Err() != nil {
		return ""
	}
	u, err := s.api.GetUserInfoContext(ctx, id)
	if err != nil {
		s.names.set(id, "", s.deps.Clock.Now().Add(namesMissed))
		return ""
	}
	name := text.Truncate(text.CleanLine(first(u.Profile.DisplayName, u.Profile.RealName, u.RealName, u.Name)), 80)
	s.names.set(id, name, s.deps.Clock.Now().Add(namesKept))
	return name
}

// namesOf are those that were stored with an input.
func namesOf(in normalize.Input) (called map[string]string) {
	if json.Unmarshal([]byte(in.Meta[metaNames]), &called) != nil {
		return nil
	}
	return called
}

var nameless = regexp.MustCompile(`<@([UW][A-Z0-9]{1,30})>`)

// called puts names to the mentions in a text of Slack's.
func called(source string, by map[string]string) string {
	if len(by) == 0 {
		return source
	}
	return nameless.ReplaceAllStringFunc(source, func(mention string) string {
		name := by[strings.Trim(mention, "<@>")]
		if name == "" {
			return mention
		}
		return strings.TrimSuffix(mention, ">") + "|" + escape(strings.ReplaceAll(name, "|", "¦")) + ">"
	})
}
