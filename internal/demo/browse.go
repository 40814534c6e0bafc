package demo

import (
	"errors"
	"os/exec"
	"syscall"
)

// browsers are the programs that open an address, of which a system has one.
var browsers = []string{"xdg-open", "open", "wslview"}

// browse opens an address in the browser of this machine, which goes on when
// the demo ends.
func browse(address string) error {
	for _, name := range browsers {
		program, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		cmd := exec.Command(program, address) //nolint:noctx // it outlives the demo
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			return err
		}
		return cmd.Process.Release()
	}
	return errors.New("there is no xdg-open or open here")
}
