package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/deskbridge/deskbridge/connectors/kit/password"
)

type passwordCmd struct{}

// Run reads a password, without showing it where a person types it.
func (c *passwordCmd) Run(e *env) error {
	if f, ok := e.in.(*os.File); ok {
		if restore, ok := silence(f); ok {
			defer restore()
			_, _ = fmt.Fprint(e.err, "Password: ")
			defer func() { _, _ = fmt.Fprintln(e.err) }()
		}
	}
	line, err := bufio.NewReader(io.LimitReader(e.in, 2*password.MaxLength)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the password: %w", err)
	}
	hash, err := password.New(strings.TrimRight(line, "\r\n"))
	if err != nil {
		return err
	}
	e.say("%s", hash)
	return nil
}

// silence turns off the echo of a terminal; false where f is none.
func silence(f *os.File) (restore func(), ok bool) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, false
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &quiet); err != nil {
		return nil, false
	}
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, before) }, true
}
