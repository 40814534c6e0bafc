package password_test

import (
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/connectors/kit/password"
)

func TestAPasswordIsKnownByItsHash(t *testing.T) {
	s, err := password.New("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	again, err := password.New("correct horse")
	if err != nil || again == s || strings.Contains(s, "horse") {
		t.Fatalf("two hashes of one password: %q and %q, %v", s, again, err)
	}
	h, err := password.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	if !h.Is("correct horse") || h.Is("correct horsf") || h.Is("") || h.Is(strings.Repeat("x", password.MaxLength+1)) {
		t.Error("another password passes, or the right one does not")
	}
}

// "password" under "somesalt", of the reference implementation's test vectors.
const foreign = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$ZVrRXqxlLcWfcXCnMyv0m4Rpvh/bnCi7"

func TestHashesOfOtherProgramsAreRead(t *testing.T) {
	h, err := password.Parse(foreign)
	if err != nil {
		t.Fatal(err)
	}
	if !h.Is("password") || h.Is("not it") {
		t.Error("the password does not pass, or a wrong one does")
	}
}

func TestWhatIsNoHashIsRefused(t *testing.T) {
	for _, s := range []string{
		"", "secret", "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$" + strings.Repeat("A", 43),
		strings.Replace(foreign, "m=64", "m=4194304", 1), strings.Replace(foreign, "t=1", "t=999", 1),
		strings.Replace(foreign, "p=1", "p=0", 1), strings.Replace(foreign, "p=1", "p=1x", 1), foreign + "$", "$2y$10$abcdefghijklmnopqrstuv",
	} {
		if _, err := password.Parse(s); err == nil {
			t.Errorf("%q is taken for a hash", s)
		} else if s != "" && strings.Contains(err.Error(), s) {
			t.Errorf("the error repeats the value: %v", err)
		}
	}
}
