package email

import (
	"fmt"
	"net"
	"testing"

	"github.com/deskbridge/deskbridge/connectors/connectortest"
	"github.com/deskbridge/deskbridge/connectors/simulator/mail"
)

// TestChannel runs what the suite asks of every channel. How mail is sent, and
// what goes wrong with that, the other tests show, since it is no HTTP.
func TestChannel(t *testing.T) {
	const address, password = "desk@desk.example", "password-of-the-desk"
	s, err := mail.Start(mail.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.AddUser(mail.User{Address: address, Password: password})
	config := "address: " + address + "\nverify_dkim: \"off\"\n"
	for key, addr := range map[string]string{"imap": s.IMAPAddr(), "smtp": s.SMTPAddr()} {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		config += fmt.Sprintf("%s: {host: %s, port: %s, tls: none, password: %q}\n", key, host, port, password)
	}
	connectortest.Run(t, connectortest.Suite{Type: Type, Config: config})
}
