package timeline

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

// Bounds of what agents write onto conversations; MaxTag and MaxAssignee are
// in characters.
const (
	MaxTags     = 20
	MaxTag      = 40
	MaxAssignee = 254
)

// Labels is what is to become of a conversation's assignee and tags.
type Labels struct {
	// Assignee is the e-mail address of an agent, "" for nobody; nil leaves it.
	Assignee *string
	// Tags takes the place of all tags; nil leaves them.
	Tags *[]string
	// Add and Remove change single tags, after Tags.
	Add, Remove []string
}

// CleanTag returns a tag as it is kept: in lower case, its words apart by one
// space. Its error is a *Refused.
func CleanTag(s string) (string, error) {
	if len(s) > 4*utf8.UTFMax*MaxTag {
		return "", Refuse("tag", "a tag has at most %d characters", MaxTag)
	}
	tag := strings.ToLower(text.CleanLine(s))
	switch {
	case tag == "":
		return "", Refuse("tag", "a tag cannot be empty")
	case utf8.RuneCountInString(tag) > MaxTag:
		return "", Refuse("tag", "a tag has at most %d characters", MaxTag)
	case strings.ContainsFunc(tag, func(r rune) bool { return r == ',' || !unicode.IsPrint(r) }):
		return "", Refuse("tag", "a tag cannot hold commas or characters that do not show")
	}
	return tag, nil
}

// Clean returns the labels as they are kept. Its error is a *Refused.
func (l Labels) Clean() (out Labels, err error) {
	out = l
	if l.Assignee != nil {
		who := strings.ToLower(text.CleanLine(*l.Assignee))
		if utf8.RuneCountInString(who) > MaxAssignee {
			return out, Refuse("assignee", "an assignee has at most %d characters", MaxAssignee)
		}
		out.Assignee = &who
	}
	if l.Tags != nil {
		all, err := cleanTags(*l.Tags)
		if err != nil {
			return out, err
		}
		out.Tags = &all
	}
	if out.Add, err = cleanTags(l.Add); err != nil {
		return out, err
	}
	out.Remove, err = cleanTags(l.Remove)
	return out, err
}

func cleanTags(list []string) (out []string, err error) {
	if len(list) > 10*MaxTags {
		return nil, tooManyTags()
	}
	for _, s := range list {
		tag, err := CleanTag(s)
		if err != nil {
			return nil, err
		}
		out = append(out, tag)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func tooManyTags() error {
	return Refuse("tag", "a conversation has at most %d tags", MaxTags)
}

// Apply returns what becomes of an assignee and tags, which are in order. The
// labels are clean. Its error is a *Refused.
func (l Labels) Apply(assignee string, tags []string) (string, []string, error) {
	if l.Assignee != nil {
		assignee = *l.Assignee
	}
	after := slices.Concat(tags, l.Add)
	if l.Tags != nil {
		after = slices.Concat(*l.Tags, l.Add)
	}
	slices.Sort(after)
	after = slices.Compact(after)
	after = slices.DeleteFunc(after, func(t string) bool { return slices.Contains(l.Remove, t) })
	if len(after) > MaxTags && len(after) > len(tags) {
		return "", nil, tooManyTags()
	}
	return assignee, after, nil
}

// Unread counts the open conversations in which customers wrote since an agent
// looked, among the most recently active ones: all of them, those assigned to
// the agent, and those that are nobody's.
type Unread struct{ All, Mine, Nobodys int }

// Canned is an answer that is kept for use again. Text may hold {customer}
// and {agent}, for their names.
type Canned struct {
	Name, Text string
	ChangedBy  string
}

// LedgerSearch selects ledger entries; zero fields select all.
type LedgerSearch struct {
	Account string
	Outcome normalize.Outcome
	// Key and Reason are pieces of these, whatever their case.
	Key, Reason  string
	Since, Until time.Time    // when they were recorded; Until is excluded
	After        normalize.ID // older than this one
	Limit        int
}
