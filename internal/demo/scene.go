package demo

import (
	"context"
	"time"
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

// says is what somebody says by app or SMS.
func says(after time.Duration, who *guest, text string) scene {
	return happens(after, who, text, func(ctx context.Context, t *town) error { return who.write(ctx, t, text) })
}

// happens is anything else at a vendor's. The desk will read text of it; where
// that is empty it will get a picture.
func happens(after time.Duration, who *guest, text string, what func(context.Context, *town) error) scene {
	return scene{after: after, play: func(ctx context.Context, d *director, then func()) {
		d.expected[said{who.address, text}] = false
		d.beside(func() error { return what(ctx, d.world.town) }, func(err error) {
			d.untaken(ctx, err)
			then()
		})
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
type said struct{ address, text string }
