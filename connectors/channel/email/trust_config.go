package email

import "strings"

// Values of verify_dkim.
const (
	dkimAuto = "auto"
	dkimOff  = "off"
)

func (c *Config) validateTrust(bad func(key, format string, args ...any)) {
	for _, id := range c.TrustedAuthserv {
		if strings.Trim(id, ".") == "" || strings.ContainsAny(id, " \t;=\"()<>@") {
			bad("trusted_authserv", "%q is not the name of a mail server such as mx.example.com", id)
		}
	}
	if c.DKIM != nil {
		c.DKIM.validate(c.Address, bad)
	}
}
