package app

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// newOwner names this process among all that may hold leases:
// "boot/pid namespace/pid/start of the process/random". The first four let a
// later process of the same machine see that this one is gone, so that it need
// not wait for the leases of a killed predecessor to run out. Where the machine
// does not tell them, only the random part is there, and waiting it is.
func newOwner() string {
	where, start := processSpace(), processStart(os.Getpid())
	if where == "" || start == "" {
		return uuid.NewString()
	}
	return fmt.Sprintf("%s/%d/%s/%s", where, os.Getpid(), start, uuid.NewString())
}

// OwnerName names an owner to a person.
func OwnerName(owner string) string {
	f := strings.Split(owner, "/")
	switch {
	case len(f) != 5:
		return owner
	case strings.HasPrefix(owner, processSpace()+"/"):
		return "process " + f[2] + " of this machine"
	}
	return "process " + f[2] + " of another machine or container"
}

// goneOwner reports whether owner is a process of this machine that does not
// run any more.
func goneOwner(owner string) bool {
	rest, ok := strings.CutPrefix(owner, processSpace()+"/")
	f := strings.Split(rest, "/")
	if !ok || len(f) != 3 {
		return false
	}
	pid, err := strconv.Atoi(f[0])
	return err == nil && processStart(pid) != f[1]
}

// processSpace names what a process id is unique in; "" where unknown.
func processSpace() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + "/" + ns
}

// processStart returns when a process began, in the kernel's ticks; "" where
// there is none. It tells a process from a later one with the same id.
func processStart(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The second field, a name in brackets, may hold anything.
	_, rest, ok := strings.Cut(string(b[max(0, strings.LastIndexByte(string(b), ')')):]), ") ")
	f := strings.Fields(rest)
	const start = 19 // field 22 of proc(5), the third being the first after the name
	if !ok || len(f) <= start {
		return ""
	}
	return f[start]
}
