package testenv

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"os"
	"slices"
)

// Picture writes what the page shows into a PNG file, in the 256 colours that
// suit it best: a third of the size, and no difference to the eye.
func (b *Browser) Picture(file string) {
	b.t.Helper()
	var r struct{ Data string }
	b.call(b.page, "Page.captureScreenshot", map[string]any{"format": "png"}, &r)
	shot, err := base64.StdEncoding.DecodeString(r.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	full, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		b.t.Fatal(err)
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, reduced(full)); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// shade is a colour of a picture and how often it is there.
type shade struct {
	rgb [3]uint8
	n   int
}

// reduced returns the picture in 256 colours, chosen by median cut.
func reduced(full image.Image) *image.Paletted {
	at := full.Bounds()
	counted := map[[3]uint8]int{}
	each := func(f func(x, y int, rgb [3]uint8)) {
		for y := at.Min.Y; y < at.Max.Y; y++ {
			for x := at.Min.X; x < at.Max.X; x++ {
				r, g, b, _ := full.At(x, y).RGBA()
				f(x, y, [3]uint8{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8)})
			}
		}
	}
	each(func(_, _ int, rgb [3]uint8) { counted[rgb]++ })
	var all []shade
	for rgb, n := range counted {
		all = append(all, shade{rgb, n})
	}
	// The same picture makes the same file.
	slices.SortFunc(all, func(a, b shade) int { return slices.Compare(a.rgb[:], b.rgb[:]) })
	boxes := [][]shade{all}
	for len(boxes) < 256 {
		i, channel, width := widest(boxes)
		if width == 0 {
			break
		}
		low, high := cut(boxes[i], channel)
		boxes[i] = low
		boxes = append(boxes, high)
	}
	out := image.NewPaletted(at, nil)
	index := map[[3]uint8]uint8{}
	for i, box := range boxes {
		out.Palette = append(out.Palette, mean(box))
		for _, s := range box {
			index[s.rgb] = uint8(i)
		}
	}
	each(func(x, y int, rgb [3]uint8) { out.SetColorIndex(x, y, index[rgb]) })
	return out
}

// widest returns the box, and the channel of it, in which colours differ most.
func widest(boxes [][]shade) (box, channel, width int) {
	for i, b := range boxes {
		for c := range 3 {
			low, high := 255, 0
			for _, s := range b {
				low, high = min(low, int(s.rgb[c])), max(high, int(s.rgb[c]))
			}
			if high-low > width {
				box, channel, width = i, c, high-low
			}
		}
	}
	return box, channel, width
}

// cut halves a box in the middle of a channel's range, so that rare colours,
// such as a small mark's, keep a box of their own.
func cut(box []shade, channel int) (low, high []shade) {
	slices.SortStableFunc(box, func(a, b shade) int { return cmp.Compare(a.rgb[channel], b.rgb[channel]) })
	middle := (int(box[0].rgb[channel]) + int(box[len(box)-1].rgb[channel]) + 1) / 2
	at := slices.IndexFunc(box, func(s shade) bool { return int(s.rgb[channel]) >= middle })
	return box[:at:at], box[at:]
}

// mean is the colour that stands for a box.
func mean(box []shade) color.Color {
	var sum [3]int
	total := 0
	for _, s := range box {
		for c := range 3 {
			sum[c] += int(s.rgb[c]) * s.n
		}
		total += s.n
	}
	return color.RGBA{uint8(sum[0] / total), uint8(sum[1] / total), uint8(sum[2] / total), 255}
}
