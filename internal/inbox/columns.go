package inbox

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// maxSeries is how many channels have a colour of their own; those with the
// fewest messages share the last one.
const maxSeries = 6

// Sizes of the chart, in its own units.
const (
	plotLeft, plotTop = 44, 12 // room for numbers at the side, and above
	plotWidth         = 640
	plotHeight        = 180
	chartWidth        = plotLeft + plotWidth + 8
	chartHeight       = plotTop + plotHeight + 26
	gap               = 0.28 // of a day's room
	lowest            = 1.5  // piece that can still be seen
	labelDrop         = 18   // of the days' names below the plot
	tickDrop          = 4    // of a number below its line
	maxTicks          = 4
	maxNamed          = 10 // days that are named below the plot
)

// others is what the channels are called that have no colour of their own.
const others = "…"

// columns is a chart of what came in, a column for each day with a piece for
// each channel.
type columns struct {
	Width, Height int
	Left, Right   int
	Series        []series
	Days          []column
	Ticks         []tick
}

// series is a channel; Colour numbers its style.
type series struct {
	Channel string
	Colour  int
	Total   int
}

// column is a day; Pieces and Counts are in the order of the series.
type column struct {
	Label   string
	Named   bool // its label is shown in the drawing, too
	Middle  float64
	LabelY  int
	Pieces  []piece
	Counts  []int
	In, Out int
}

// piece is a rectangle.
type piece struct {
	X, Y, Width, Height float64
	Colour              int
	Words               string
}

// tick is a line across with its number.
type tick struct {
	Y, TextY float64
	Count    int
}

// volume lays out the chart of what came in.
func (p *pages) volume(f *figures) columns {
	c := columns{Width: chartWidth, Height: chartHeight, Left: plotLeft, Right: plotLeft + plotWidth, Series: seriesOf(f)}
	place := map[string]int{}
	for i, s := range c.Series {
		place[s.Channel] = i
	}
	days, most := len(f.days)-1, 0
	for i := range days {
		d := column{Label: p.day(f.days[i]), Counts: make([]int, len(c.Series))}
		for _, t := range f.traffic[i] {
			at, ok := place[t.Channel]
			if !ok {
				at = len(c.Series) - 1
			}
			d.Counts[at] += t.In
			d.In += t.In
			d.Out += t.Out
		}
		most = max(most, d.In)
		c.Days = append(c.Days, d)
	}
	step := tickStep(most)
	top := max((most+step-1)/step, 1) * step
	for n := 0; n <= top; n += step {
		y := plotTop + plotHeight*(1-float64(n)/float64(top))
		c.Ticks = append(c.Ticks, tick{Y: y, TextY: y + tickDrop, Count: n})
	}
	room := float64(plotWidth) / float64(days)
	every := (days + maxNamed - 1) / maxNamed
	for i := range c.Days {
		d := &c.Days[i]
		left := plotLeft + room*float64(i)
		d.Middle, d.LabelY, d.Named = left+room/2, plotTop+plotHeight+labelDrop, (days-1-i)%every == 0
		y := float64(plotTop + plotHeight)
		for s, n := range d.Counts {
			if n == 0 {
				continue
			}
			h := max(plotHeight*float64(n)/float64(top), lowest)
			y -= h
			d.Pieces = append(d.Pieces, piece{
				X: left + room*gap/2, Y: y, Width: room * (1 - gap), Height: h, Colour: c.Series[s].Colour,
				Words: fmt.Sprintf("%s · %s · %d", d.Label, c.Series[s].Channel, n),
			})
		}
	}
	return c
}

// seriesOf returns the channels, the one with most messages first.
func seriesOf(f *figures) []series {
	total := map[string]int{}
	for _, day := range f.traffic {
		for _, t := range day {
			total[t.Channel] += t.In
		}
	}
	names := slices.SortedFunc(maps.Keys(total), func(a, b string) int { return cmp.Or(cmp.Compare(total[b], total[a]), cmp.Compare(a, b)) })
	var all []series
	for i, n := range names {
		if i >= maxSeries {
			all[maxSeries-1].Channel = others
			all[maxSeries-1].Total += total[n]
			continue
		}
		all = append(all, series{Channel: n, Colour: i, Total: total[n]})
	}
	return all
}

// tickStep is a round number of which a few make up most.
func tickStep(most int) int {
	for unit := 1; ; unit *= 10 {
		for _, n := range []int{1, 2, 5} {
			if n*unit*maxTicks >= most {
				return n * unit
			}
		}
	}
}

// day names a day as the language does.
func (p *pages) day(at time.Time) string {
	if p.lang == "en" {
		return at.Format("2 Jan")
	}
	return at.Format("1月2日")
}
