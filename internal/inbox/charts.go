package inbox

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/normalize/timeline"
)

// Figures are what the charts are drawn from.
type Figures interface {
	Traffic(ctx context.Context, bounds []time.Time) ([][]timeline.Traffic, error)
	FirstAnswers(ctx context.Context, since time.Time) ([]timeline.Spread, error)
	Resolutions(ctx context.Context, since time.Time) ([]timeline.Spread, error)
	Backlog(ctx context.Context) ([]timeline.Backlog, error)
}

// stretches are the numbers of days that can be looked at; the first is shown
// where none is asked for.
var stretches = []int{14, 7, 30}

// freshFigures is how long figures are shown before they are counted again.
const freshFigures = time.Minute

// figures of a stretch of days, the last of which is today.
type figures struct {
	at      time.Time
	days    []time.Time // when each begins; the last is when the next one would
	traffic [][]timeline.Traffic
	first   []timeline.Spread
	closed  []timeline.Spread
	backlog []timeline.Backlog
}

// counted keeps figures for a while, so that reloading the page costs nothing.
type counted struct {
	mu sync.Mutex
	of map[int]*figures // by the number of days
}

func (c *counted) get(ctx context.Context, s Figures, n int, now time.Time) (*figures, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.of[n]; f != nil && now.Sub(f.at).Abs() < freshFigures {
		return f, nil
	}
	f := &figures{at: now}
	today := now.Local()
	for i := range n + 1 {
		f.days = append(f.days, time.Date(today.Year(), today.Month(), today.Day()-n+1+i, 0, 0, 0, 0, time.Local))
	}
	var err error
	if f.traffic, err = s.Traffic(ctx, f.days); err != nil {
		return nil, err
	}
	if f.first, err = s.FirstAnswers(ctx, f.days[0]); err != nil {
		return nil, err
	}
	if f.closed, err = s.Resolutions(ctx, f.days[0]); err != nil {
		return nil, err
	}
	if f.backlog, err = s.Backlog(ctx); err != nil {
		return nil, err
	}
	if c.of == nil {
		c.of = map[int]*figures{}
	}
	c.of[n] = f
	return f, nil
}

// charts is the page.
type charts struct {
	Days          int
	Stretches     []int
	Zone          string
	Waiting       int
	Since         time.Time // of the one who waits longest
	In, Out       int
	Volume        columns
	Backlog       []bar
	First, Closed []bar
}

// bar is a line of a chart with its numbers; Short and Long are its widths in
// percent.
type bar struct {
	Channel     string
	Count       int
	Median, P90 time.Duration
	Since       time.Time
	Short, Long float64
}

func (in *Inbox) chartsPage(w http.ResponseWriter, r *request) {
	n, err := strconv.Atoi(r.URL.Query().Get("days"))
	if err != nil || !slices.Contains(stretches, n) {
		n = stretches[0]
	}
	now := in.Clock.Now()
	f, err := in.counted.get(r.Context(), in.Store, n, now)
	if err != nil {
		in.fail(w, r, err)
		return
	}
	zone, _ := now.Local().Zone()
	c := charts{Days: n, Stretches: slices.Sorted(slices.Values(stretches)), Zone: zone, First: spans(f.first), Closed: spans(f.closed), Volume: r.pages.volume(f)}
	for _, b := range f.backlog {
		c.Waiting += b.Count
		if c.Since.IsZero() || b.Since.Before(c.Since) {
			c.Since = b.Since
		}
		c.Backlog = append(c.Backlog, bar{Channel: b.Channel, Count: b.Count, Since: b.Since})
	}
	slices.SortStableFunc(c.Backlog, func(a, b bar) int { return cmp.Compare(b.Count, a.Count) })
	for i := range c.Backlog {
		c.Backlog[i].Short = percent(c.Backlog[i].Count, c.Backlog[0].Count)
	}
	for _, day := range f.traffic {
		for _, t := range day {
			c.In += t.In
			c.Out += t.Out
		}
	}
	in.show(w, r, http.StatusOK, "charts", view{Title: r.pages.t("Figures"), Data: c})
}

// spans are how long something took, the channel that takes longest first.
func spans(list []timeline.Spread) []bar {
	var all []bar
	for _, s := range list {
		all = append(all, bar{Channel: s.Channel, Count: s.Count, Median: s.Median, P90: s.P90})
	}
	slices.SortStableFunc(all, func(a, b bar) int { return cmp.Compare(b.P90, a.P90) })
	for i := range all {
		all[i].Short, all[i].Long = percent(all[i].Median, all[0].P90), percent(all[i].P90, all[0].P90)
	}
	return all
}

// percent of the whole, and not so little that it cannot be seen.
func percent[N int | time.Duration](n, of N) float64 {
	if n <= 0 || of <= 0 {
		return 0
	}
	return max(100*float64(n)/float64(of), 0.5)
}
