package testenv

import "testing"

// FreePort returns a loopback port that nobody listens on, for a server of the
// test that has to be named before it starts.
func FreePort(t testing.TB) int {
	t.Helper()
	ports, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	return ports[0]
}
