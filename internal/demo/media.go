package demo

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"math"
	"net/http"
	"strings"

	"github.com/deskbridge/deskbridge/internal/demo/stage"
)

// drawing is a picture that a customer takes, drawn by what a point of it
// shows; x and y lie between -1 and 1.
func drawing(name string, at func(x, y float64) color.RGBA) *stage.File {
	const width, height = 480, 360
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for py := range height {
		for px := range width {
			img.SetRGBA(px, py, at(float64(px)/width*2-1, float64(py)/height*2-1))
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err) // a buffer takes everything
	}
	return &stage.File{Name: name, ContentType: "image/png", Content: b.Bytes()}
}

// ground is what lies behind: a table in the light of a window.
func ground(x, y float64) color.RGBA {
	light := 0.5 - 0.25*x - 0.25*y
	return color.RGBA{uint8(176 + 44*light), uint8(160 + 44*light), uint8(140 + 44*light), 255}
}

// coat is a rain coat on its hanger.
func coat() *stage.File {
	return drawing("coat.png", func(x, y float64) color.RGBA {
		blue := color.RGBA{36, 84, uint8(150 + 30*y), 255}
		switch {
		case math.Abs(x) < 0.015 && y > -0.5 && y < 0.8: // the zip
			return color.RGBA{235, 235, 240, 255}
		case math.Hypot(x, y+0.52) < 0.2: // the hood
			return color.RGBA{28, 68, 128, 255}
		case y > -0.5 && y < 0.8 && math.Abs(x) < 0.3+0.12*(y+0.5):
			return blue
		case y > -0.5 && y < 0.45 && math.Abs(math.Abs(x)-0.38-0.3*(y+0.5)) < 0.1: // the sleeves
			return color.RGBA{30, 74, uint8(138 + 30*y), 255}
		}
		return ground(x, y)
	})
}

// umbrella is one with a broken rib.
func umbrella() *stage.File {
	return drawing("umbrella.png", func(x, y float64) color.RGBA {
		r := math.Hypot(x/0.8, (y-0.1)/0.75)
		switch {
		case y < 0.1 && r < 1 && x > 0.42 && y > -0.35 && x > 0.75+y: // it hangs down
			return ground(x, y)
		case y < 0.1 && r < 1:
			shade := uint8(40 * math.Abs(math.Sin(8*math.Atan2(y-0.1, x))))
			return color.RGBA{190 + shade, 50, 60, 255}
		case math.Abs(x) < 0.015 && y >= 0.1 && y < 0.75, math.Abs(math.Hypot(x-0.08, y-0.75)-0.08) < 0.015 && y > 0.75:
			return color.RGBA{60, 45, 35, 255}
		case x > 0.3 && x < 0.75 && math.Abs(y-(2.1*x-0.9)) < 0.02: // the rib
			return color.RGBA{70, 70, 78, 255}
		}
		return ground(x, y)
	})
}

// seam is a close look at a jacket.
func seam() *stage.File {
	return drawing("seam.png", func(x, y float64) color.RGBA {
		weave := uint8(12 * math.Abs(math.Sin(90*x)*math.Sin(70*y)))
		d := y - 0.35*x
		switch {
		case math.Abs(d) < 0.03:
			return color.RGBA{40, 60, 48, 255}
		case math.Abs(math.Abs(d)-0.12) < 0.02 && math.Sin(40*x) > 0: // the stitches
			return color.RGBA{236, 226, 190, 255}
		}
		return color.RGBA{74 + weave, 112 + weave, 88 + weave, 255}
	})
}

// murmur is what the answering machine records: a voice, as far as a few
// tones go, as long as the words; nil for none (RIFF WAVE, 8 bit, 8 kHz).
func murmur(words string) []byte {
	spoken := strings.Fields(words)
	if len(spoken) == 0 {
		return nil
	}
	const rate, word = 8000, 2400 // samples a second and a word
	var sound []byte
	for i, w := range spoken[:min(len(spoken), 60)] {
		pitch := 120 + 15*float64((i*7+len(w)*5)%6)
		for n := range word {
			at := float64(n) / rate
			loud := 40 * math.Sin(math.Pi*float64(n)/word)
			sound = append(sound, byte(128+loud*(0.6*math.Sin(2*math.Pi*pitch*at)+0.4*math.Sin(4*math.Pi*pitch*at))))
		}
	}
	var b bytes.Buffer
	size := func(n int) { _ = binary.Write(&b, binary.LittleEndian, uint32(n)) }
	b.WriteString("RIFF")
	size(36 + len(sound))
	b.WriteString("WAVEfmt ")
	size(16)
	for _, field := range []uint16{1, 1} { // PCM, one channel
		_ = binary.Write(&b, binary.LittleEndian, field)
	}
	size(rate)
	size(rate)
	for _, field := range []uint16{1, 8} { // bytes of a sample, bits
		_ = binary.Write(&b, binary.LittleEndian, field)
	}
	b.WriteString("data")
	size(len(sound))
	b.Write(sound)
	return b.Bytes()
}

// named is a file that has come without its name.
func named(content []byte) stage.File {
	kind := http.DetectContentType(content)
	name := "file"
	if ending, is := strings.CutPrefix(kind, "image/"); is {
		name = "picture." + ending
	}
	return stage.File{Name: name, ContentType: kind, Content: content}
}
