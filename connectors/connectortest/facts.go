package connectortest

import (
	"reflect"
	"slices"
	"testing"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

// facts: what the kind says of itself is what the fixtures show, no more and
// no less.
func (s Suite) facts(t *testing.T) {
	a := s.open(t, s.vendor(t))
	facts := s.kind(t).Facts
	seen := channel.Facts{}
	references, windows := false, false
	for _, f := range Fixtures(t) {
		items, _ := s.items(t, a, f)
		for _, item := range items {
			switch it := item.(type) {
			case *normalize.Message:
				if it.Direction != normalize.Outbound {
					for _, p := range it.Parts {
						seen.Receives = append(seen.Receives, p.Kind)
						references = references || p.Media != nil && p.Media.Ref != ""
					}
				}
				windows = windows || it.ReplyWindow != nil
			case *normalize.Edit:
				seen.Edits = true
			case *normalize.Delete:
				seen.Deletes = true
			case *normalize.Reaction:
				seen.Reactions = true
			case normalize.Receipts:
				for _, r := range it {
					if r.Status != normalize.StatusAccepted {
						seen.Receipts = append(seen.Receipts, r.Status)
					}
				}
			}
		}
	}
	same := func(what string, says, shows any) {
		if !reflect.DeepEqual(says, shows) {
			t.Errorf("%s: Facts say %v, the fixtures show %v", what, says, shows)
		}
	}
	same("Receives", set(facts.Receives), set(seen.Receives))
	same("Edits", facts.Edits, seen.Edits)
	same("Deletes", facts.Deletes, seen.Deletes)
	same("Reactions", facts.Reactions, seen.Reactions)
	same("Receipts", set(facts.Receipts), set(seen.Receipts))
	same("Window", facts.Window != "", windows)
	_, fetches := a.Channel.(channel.Fetcher)
	same("media that are fetched", fetches, references)
}

func set[T ~string](list []T) []T {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}
