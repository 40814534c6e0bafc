package demo

import (
	"context"
	"time"

	"github.com/deskbridge/deskbridge/internal/demo/stage"
)

// scene is a step of the story: a letter, or something else.
type scene struct {
	after time.Duration // since the scene before, at speed 1
	mail  *letter
	// play lets it happen and calls then once the next scene may come.
	play func(ctx context.Context, d *director, then func())
}

// writes is a letter.
func writes(after time.Duration, l letter) scene { return scene{after: after, mail: &l} }

// says is what somebody says by app or SMS, with a picture or without. The
// desk has to read the text, or where there is none to see the picture.
func says(after time.Duration, who *guest, text string, picture *stage.File) scene {
	return scene{after: after, play: func(ctx context.Context, d *director, then func()) {
		d.expected[said{who.at, text}] = false
		d.utter(ctx, who, text, picture, func(err error) { d.untaken(ctx, err); then() })
	}}
}

// corrects is a change of what somebody said last.
func corrects(after time.Duration, who *guest, text string) scene {
	return scene{after: after, play: func(_ context.Context, d *director, then func()) {
		d.expected[said{who.at, text}] = false
		d.world.book.Edit(who.at, text)
		d.world.town.corrects(who, text) //nolint:contextcheck // its calls end with the vendor
		then()
	}}
}

// calls is a call that the answering machine takes.
func calls(after time.Duration, who *guest, words string) scene {
	return scene{after: after, play: func(ctx context.Context, d *director, then func()) {
		d.expected[said{who.at, words}] = false
		d.call(ctx, who, words, func(err error) { d.untaken(ctx, err); then() })
	}}
}

// waits is a scene that needs what went before; until then the story stands
// still, but not for ever: a visitor may have led it elsewhere.
func waits(ready func(*director) bool, sc scene) scene {
	const pause, patience = 50 * time.Millisecond, 30 * time.Second
	left := int(patience / pause)
	var try func(ctx context.Context, d *director, then func())
	try = func(ctx context.Context, d *director, then func()) {
		left--
		switch {
		case ready(d):
			sc.play(ctx, d, then)
		case left > 0:
			d.after(pause, func() { try(ctx, d, then) })
		default:
			then()
		}
	}
	return scene{after: sc.after, play: try}
}

// does is what our own side does.
func does(after time.Duration, play func(context.Context, *director)) scene {
	return scene{after: after, play: func(ctx context.Context, d *director, then func()) {
		play(ctx, d)
		then()
	}}
}

// said is what the desk has to read: from whom, and which words.
type said struct {
	at   stage.Place
	text string
}
