package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/deskbridge/deskbridge/connectors/kit/password"
)

type passwordCmd struct{}

// minPassword is how long a password must be, in characters: the least that
// NIST SP 800-63B allows.
const minPassword = 8

// Run reads a password, without showing it where a person types it, who then
// types it twice.
func (c *passwordCmd) Run(e *env) error {
	in := bufio.NewReader(io.LimitReader(e.in, 4*password.MaxLength))
	typed := false
	if f, ok := e.in.(*os.File); ok {
		if restore, ok := silence(f); ok {
			defer restore()
			typed = true
		}
	}
	first, err := e.secretLine(in, typed, "Password: ")
	if err != nil {
		return err
	}
	if utf8.RuneCountInString(first) < minPassword {
		return fmt.Errorf("a password has at least %d characters", minPassword)
	}
	if typed {
		switch again, err := e.secretLine(in, typed, "Once more: "); {
		case err != nil:
			return err
		case again != first:
			return errors.New("the two are not the same")
		}
	}
	hash, err := password.New(first)
	if err != nil {
		return err
	}
	e.say("%s", hash)
	return nil
}

// secretLine reads a line, for which a person is asked. It returns at once when
// the command is interrupted, so that the terminal shows again what is typed.
func (e *env) secretLine(in *bufio.Reader, ask bool, prompt string) (string, error) {
	if ask {
		_, _ = fmt.Fprint(e.err, prompt)
		defer func() { _, _ = fmt.Fprintln(e.err) }()
	}
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		line, err := in.ReadString('\n')
		read <- answer{line, err}
	}()
	select {
	case <-e.ctx.Done():
		return "", errors.New("interrupted")
	case a := <-read:
		if a.err != nil && !errors.Is(a.err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", a.err)
		}
		return strings.TrimRight(a.line, "\r\n"), nil
	}
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
