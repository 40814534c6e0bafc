package store

import (
	"maps"
	"slices"
	"time"

	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// partsLimit bounds the parts of a message.
const partsLimit = 1000

// supplement completes a part of a message that came before. Of two that set
// the same field the later one holds, by the vendor's time, in whatever order
// they come.
func (b *batch) supplement(in *ingest, e *entry, it *normalize.Supplement) (timeline.Result, error) {
	at := orNow(it.At, in.Now)
	fresh := storePart(it.Part, at)
	if fresh.ID == 0 {
		fresh.ID = normalize.NewID(in.Now)
	}
	if fresh.Media != nil && fresh.Media.ID == 0 {
		fresh.Media.ID = normalize.NewID(in.Now)
	}
	used := false
	var missing []storedPart
	r, err := b.amend(in, e, normalize.MessageEdited, func(p *payload) string {
		if !p.DeletedAt.IsZero() {
			return "deleted_before"
		}
		p.Parts = slices.Clone(p.Parts)
		i := slices.IndexFunc(p.Parts, func(sp storedPart) bool { return sp.Kind == fresh.Kind })
		switch {
		case i >= 0:
		case len(p.Parts) >= partsLimit:
			return "too_many_parts"
		default:
			i = len(p.Parts)
			p.Parts = append(p.Parts, storedPart{Part: normalize.Part{ID: fresh.ID, Kind: fresh.Kind}})
		}
		part := &p.Parts[i]
		if !part.complete(&fresh, at) {
			return string(normalize.Duplicate)
		}
		used = fresh.Media != nil && part.Media == fresh.Media
		if used && part.awaited() {
			missing = append(missing, *part)
		}
		return ""
	})
	if err != nil || r.Outcome == normalize.Waiting {
		return r, err
	}
	if used {
		insertMedia(b.t, r.Message, &payload{Parts: []storedPart{fresh}})
		queueFetches(b.t, b.messages[r.Message], missing, in.Now)
	} else {
		orphan(b.t, fresh.SHA256, in.Now)
	}
	return r, nil
}

// complete takes over what a supplement of time at sets, and reports whether
// that is any news.
func (sp *storedPart) complete(f *storedPart, at time.Time) (news bool) {
	since := map[string]time.Time{}
	maps.Copy(since, sp.Since)
	set := func(field string, isSet bool, take func()) {
		if before, ok := since[field]; !isSet || ok && !before.Before(at) {
			return
		}
		take()
		since[field], news = at, true
	}
	set("text", f.Text != "", func() { sp.Text = f.Text })
	set("html", f.HTML != "", func() { sp.HTML = f.HTML })
	set("event", f.Event != "", func() { sp.Event = f.Event })
	set("location", f.Location != nil, func() { sp.Location = f.Location })
	set("contact", f.Contact != nil, func() { sp.Contact = f.Contact })
	set("media", f.Media != nil, func() {
		sp.Media, sp.SHA256, sp.Ref, sp.Status, sp.StatusAt, sp.Error = f.Media, f.SHA256, f.Ref, f.Status, f.StatusAt, ""
	})
	if f.Call != nil {
		call := normalize.Call{}
		if sp.Call != nil {
			call = *sp.Call
		}
		state := normalize.AdvanceCall(call.State, f.Call.State)
		news = news || state != call.State
		call.State = state
		set("duration", f.Call.Duration != 0, func() { call.Duration = f.Call.Duration })
		sp.Call = &call
	}
	if len(since) > 0 {
		sp.Since = since
	}
	return news
}
