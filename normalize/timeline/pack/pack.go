// Package pack compresses what a store keeps of each input and message.
//
// Up to a few kilobytes deflate is smallest. Beyond, S2 takes a sixth of its time
// and makes a mail a quarter larger: where a mailbox is caught up, time is what
// counts.
package pack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// Format is how bytes are packed.
type Format byte

// The formats. Their numbers stand in stores, and what was packed is kept for
// years, so each stays readable.
const (
	Plain   Format = iota
	Deflate        // RFC 1951
	Zstd           // RFC 8878; no longer written
	S2             // one block, https://github.com/klauspost/compress/tree/master/s2
)

const (
	// s2From is the length in bytes from which S2 is used.
	s2From = 2 << 10
	// deflateLevel takes half the time of the standard library's fastest, and
	// packs better.
	deflateLevel = 3
	// scratchMost bounds what is kept for the next input.
	scratchMost = 256 << 10
	// most bounds what damaged bytes can unfold to.
	most = 1 << 30
)

var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(io.Discard, deflateLevel) // fails for an unknown level only
	return w
}}

// Append packs b, appends that to dst and says how it is packed: plain where
// nothing is gained.
func Append(dst, b []byte) ([]byte, Format) {
	begin, format := len(dst), Deflate
	if len(b) >= s2From {
		format, dst = S2, appendS2(dst, b)
	} else {
		dst = appendDeflated(dst, b)
	}
	if len(dst)-begin >= len(b) {
		return append(dst[:begin], b...), Plain
	}
	return dst, format
}

// scratches are as long as S2 wants its output to be, which is longer than b.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

func appendS2(dst, b []byte) []byte {
	scratch, ok := scratches.Get().(*[]byte)
	if !ok {
		panic("pack: the pool of scratches holds something else")
	}
	*scratch = s2.Encode(*scratch, b)
	dst = append(dst, *scratch...)
	if *scratch = (*scratch)[:cap(*scratch)]; len(*scratch) <= scratchMost {
		scratches.Put(scratch)
	}
	return dst
}

func appendDeflated(dst, b []byte) []byte {
	out := bytes.NewBuffer(dst)
	w, ok := deflaters.Get().(*flate.Writer)
	if !ok {
		panic("pack: the pool of compressors holds something else")
	}
	defer deflaters.Put(w)
	w.Reset(out)
	// Writing to memory cannot fail.
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

var zstdReader = sync.OnceValue(func() *zstd.Decoder {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(most))
	if err != nil {
		panic("pack: " + err.Error()) // an option is out of its bounds
	}
	return r
})

// Unpack returns what was packed. What unfolds to more than 1 GiB is an error:
// it is damaged.
func Unpack(b []byte, format Format) ([]byte, error) {
	switch format {
	case Plain:
		return b, nil
	case Deflate:
		out, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b)), most+1))
		if err == nil && len(out) > most {
			err = errTooLarge
		}
		return out, err
	case Zstd:
		return zstdReader().DecodeAll(b, nil)
	case S2:
		if n, err := s2.DecodedLen(b); err == nil && n > most {
			return nil, errTooLarge
		}
		return s2.Decode(nil, b)
	}
	return nil, fmt.Errorf("packed in an unknown format %d", format)
}

var errTooLarge = errors.New("it unfolds to more than is ever packed")
