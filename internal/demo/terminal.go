package demo

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Interactive reports whether somebody sits in front of both.
func Interactive(in io.Reader, out io.Writer) bool {
	for _, f := range []any{in, out} {
		file, ok := f.(*os.File)
		if !ok {
			return false
		}
		if _, err := unix.IoctlGetTermios(int(file.Fd()), getTermios); err != nil {
			return false
		}
	}
	return os.Getenv("TERM") != "dumb"
}

// byKey lets a terminal send each key at once, without showing it; Ctrl-C
// stays what it is. The function that is returned undoes that.
func byKey(f *os.File) (restore func(), err error) {
	before, err := unix.IoctlGetTermios(int(f.Fd()), getTermios)
	if err != nil {
		return nil, err
	}
	t := *before
	t.Lflag &^= unix.ICANON | unix.ECHO
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(int(f.Fd()), setTermios, &t); err != nil {
		return nil, err
	}
	return func() { _ = unix.IoctlSetTermios(int(f.Fd()), setTermios, before) }, nil
}
