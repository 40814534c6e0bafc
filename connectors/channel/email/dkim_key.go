package email

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/deskbridge/deskbridge/configs"
)

// DKIM is the key that signs outgoing mail (RFC 6376).
type DKIM struct {
	Domain     string         `yaml:"domain" required:"true" example:"example.com" doc:"The domain that vouches for the mail: that of the address, or one of the same organisation."`
	Selector   string         `yaml:"selector" required:"true" example:"desk1" doc:"Name of the key; its public half stands in DNS as TXT record SELECTOR._domainkey.DOMAIN."`
	PrivateKey configs.Secret `yaml:"private_key" required:"true" example:"${file:/etc/deskbridge/dkim.pem}" doc:"The private key in PEM: RSA of 1024 to 4096 bits, or Ed25519."`
}

var (
	dnsName     = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	dnsSelector = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?)*$`)
)

func (d *DKIM) validate(address string, bad func(key, format string, args ...any)) {
	domain := asciiDomain(d.Domain)
	switch {
	case !dnsName.MatchString(domain) || len(domain) > keyNameSize:
		bad("dkim.domain", "%q is not a domain such as example.com", d.Domain)
	case plainAddress(address) && !aligned(domain, asciiDomain(address)):
		bad("dkim.domain", "a signature of %s says nothing of mail from %s; it takes the address's own domain", d.Domain, address)
	}
	if len(d.Selector) > 63 || !dnsSelector.MatchString(d.Selector) {
		bad("dkim.selector", "%q is not a name such as desk1", d.Selector)
	}
	if _, err := privateKey(d.PrivateKey.Reveal()); err != nil {
		bad("dkim.private_key", "%v", err)
	}
}

// privateKey reads a key for signing. Its errors say nothing of the key but
// its kind.
func privateKey(text string) (crypto.Signer, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New(`is no key in PEM, which begins with "-----BEGIN PRIVATE KEY-----"; a file is taken in by ${file:/path}`)
	}
	var key any
	var err error
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, errors.New("is locked with a passphrase; take it off with: openssl pkey -in locked.pem -out dkim.pem")
	case block.Type == "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case block.Type == "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case strings.HasSuffix(block.Type, "PUBLIC KEY"):
		return nil, errors.New("is the public half, which belongs into DNS; the private one is needed")
	default:
		return nil, fmt.Errorf(`holds a %q, and a "PRIVATE KEY" is needed; make one with: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out dkim.pem`, block.Type)
	}
	if err != nil {
		return nil, errors.New("cannot be read as a private key; it is damaged or of another kind")
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if bits := key.N.BitLen(); bits < 1024 || bits > 4096 { // RFC 8301 section 3.2
			return nil, fmt.Errorf("is an RSA key of %d bits; receivers take 1024 to 4096, and 2048 is usual", bits)
		}
		return key, nil
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, errors.New("is neither an RSA nor an Ed25519 key, and receivers know no others")
}
