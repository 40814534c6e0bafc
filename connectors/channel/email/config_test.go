package email

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/deskbridge/deskbridge/configs"
)

func TestConfigValidate(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Config)
		keys   []string
	}{
		{name: "good", change: func(*Config) {}},
		{name: "no address", change: func(c *Config) { c.Address = "support" }, keys: []string{"address"}},
		{name: "a name in the address", change: func(c *Config) { c.Address = "Desk <a@b.test>" }, keys: []string{"address"}},
		{name: "bad alias", change: func(c *Config) { c.Aliases = []string{"x"} }, keys: []string{"aliases"}},
		{name: "no secret", change: func(c *Config) { c.IMAP.Password = "" }, keys: []string{"imap.password"}},
		{name: "two secrets", change: func(c *Config) { c.SMTP.OAuth2 = &OAuth2{TokenURL: "https://x"} }, keys: []string{"smtp.password"}},
		{name: "no hosts", change: func(c *Config) { c.IMAP.Host, c.SMTP.Host = "", "" }, keys: []string{"imap.host", "smtp.host"}},
		{name: "port", change: func(c *Config) { c.IMAP.Port = 70000 }, keys: []string{"imap.port"}},
		{name: "interval", change: func(c *Config) { c.IMAP.PollInterval = 0 }, keys: []string{"imap.poll_interval"}},
		{name: "ca without tls", change: func(c *Config) { c.SMTP.CAFile = "ca.pem" }, keys: []string{"smtp.ca_file"}},
		{name: "a line end in the name", change: func(c *Config) { c.FromName = "a\nBcc: x" }, keys: []string{"from_name"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := plainConfig(t, "127.0.0.1:143", "127.0.0.1:25")
			tc.change(c)
			var keys []string
			for _, err := range c.Validate() {
				var k *configs.KeyError
				if !errors.As(err, &k) {
					t.Fatalf("%v names no key", err)
				}
				keys = append(keys, k.Key)
			}
			slices.Sort(keys)
			if !slices.Equal(keys, tc.keys) {
				t.Errorf("errors on %v, want %v", keys, tc.keys)
			}
		})
	}
}

func TestPortsFollowTLS(t *testing.T) {
	for tls, want := range map[string][2]int{tlsImplicit: {993, 465}, tlsStart: {143, 587}, tlsNone: {143, 587}} {
		c := newConfig()
		c.IMAP.TLS, c.SMTP.TLS = tls, tls
		if got := [2]int{c.IMAP.endpoint(c).port, c.SMTP.endpoint(c).port}; got != want {
			t.Errorf("%s: %v", tls, got)
		}
	}
}

func TestCAFileIsRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	c := plainConfig(t, "127.0.0.1:993", "127.0.0.1:465")
	c.IMAP.TLS, c.IMAP.CAFile = tlsImplicit, file
	if _, err := New(c, deps()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file gives %v", err)
	}
	if err := os.WriteFile(file, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(c, deps()); err == nil {
		t.Error("a file without a certificate is taken")
	}
}
