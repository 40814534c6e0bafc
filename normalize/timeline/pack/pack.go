// Package pack compresses what a store keeps of each input and message.
//
// Up to a few kilobytes deflate is smallest. Beyond, Zstandard takes less than
// half of its time and packs nearly as well, and mail has most of its bytes in
// texts of that length.
package pack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
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
	Zstd           // RFC 8878
	S2
)

const (
	// zstdFrom is the length in bytes from which Zstandard is used.
	zstdFrom = 2 << 10
	// zstdWindow bounds how far back it looks, and so what it holds in memory.
	zstdWindow = 256 << 10
	// deflateLevel takes half the time of the standard library's fastest, and
	// packs better.
	deflateLevel = 3
	// most bounds what damaged bytes can unfold to.
	most = 1 << 30
)

var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(io.Discard, deflateLevel) // fails for an unknown level only
	return w
}}

// zstdWriter serves as many goroutines at once as there are processors.
var zstdWriter = sync.OnceValue(func() *zstd.Encoder {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)),
		zstd.WithWindowSize(zstdWindow), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic("pack: " + err.Error()) // an option is out of its bounds
	}
	return w
})

// Append packs b, appends that to dst and says how it is packed: plain where
// nothing is gained.
func Append(dst, b []byte) ([]byte, Format) {
	begin, format := len(dst), Deflate
	if len(b) >= zstdFrom {
		format = S2
		most := s2.MaxEncodedLen(len(b))
		dst = slices.Grow(dst, most)
		dst = dst[:begin+len(s2.Encode(dst[begin:begin+most], b))]
	} else {
		dst = appendDeflated(dst, b)
	}
	if len(dst)-begin >= len(b) {
		return append(dst[:begin], b...), Plain
	}
	return dst, format
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
	case S2:
		return s2.Decode(nil, b)
	case Zstd:
		return zstdReader().DecodeAll(b, nil)
	}
	return nil, fmt.Errorf("packed in an unknown format %d", format)
}

var errTooLarge = errors.New("it unfolds to more than is ever packed")

func AppendZ(dst, b []byte) ([]byte, Format) {
	begin, format := len(dst), Deflate
	if len(b) >= zstdFrom {
		format, dst = Zstd, zstdWriter().EncodeAll(b, dst)
	} else {
		dst = appendDeflated(dst, b)
	}
	if len(dst)-begin >= len(b) {
		return append(dst[:begin], b...), Plain
	}
	return dst, format
}
