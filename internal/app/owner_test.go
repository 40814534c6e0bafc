package app

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

func TestOwnersThatAreGone(t *testing.T) {
	me := newOwner()
	if goneOwner(me) {
		t.Errorf("%s runs this test", me)
	}
	if processSpace() == "" {
		t.Skip("not tested: taking over from a dead process, since this system has no /proc to tell it from")
	}
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	other := strings.Join([]string{processSpace(), strconv.Itoa(cmd.Process.Pid), processStart(cmd.Process.Pid), "x"}, "/")
	if goneOwner(other) {
		t.Errorf("%s is running", other)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if !goneOwner(other) {
		t.Errorf("%s was killed", other)
	}
	for _, elsewhere := range []string{"", "3f0c", strings.Replace(other, "pid:", "pid:9", 1), "boot/" + other} {
		if goneOwner(elsewhere) {
			t.Errorf("%q is none of this machine's processes, so nothing is known of it", elsewhere)
		}
	}
}

func TestOwnersAreNamedToPeople(t *testing.T) {
	if processSpace() != "" {
		if got, want := OwnerName(newOwner()), "process "+strconv.Itoa(os.Getpid())+" of this machine"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for owner, want := range map[string]string{
		"boot/pid:[1]/77/123/random": "process 77 of another machine or container", "3f0c": "3f0c", "": "",
	} {
		if got := OwnerName(owner); got != want {
			t.Errorf("%q: %q, want %q", owner, got, want)
		}
	}
}
