package mail

import (
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// Proto is one of the two servers.
type Proto string

// The servers.
const (
	SMTP Proto = "smtp"
	IMAP Proto = "imap"
)

// FaultKind is a way to misbehave.
type FaultKind string

// The kinds, with the fields that each one heeds beside Times.
const (
	// RefuseRecipient answers RCPT with Code. (To, Code, Enhanced, Text)
	RefuseRecipient FaultKind = "refuse recipient"
	// RefuseMessage answers the final dot with Code. (Code, Enhanced, Text)
	RefuseMessage FaultKind = "refuse message"
	// RefuseLogin refuses good credentials. (Proto)
	RefuseLogin FaultKind = "refuse login"
	// Bounce accepts a recipient and sends a delivery status notification
	// afterwards. (To, Enhanced, Text, Pause before the report)
	Bounce FaultKind = "bounce"
	// CutBody closes the connection within the body of DATA. Nothing is taken.
	CutBody FaultKind = "cut body"
	// CutAfterDot closes the connection after the final dot and before the
	// answer. The mail is delivered, unless Lose.
	CutAfterDot FaultKind = "cut after dot"
	// HangAfterDot is silent after the final dot until the client goes. The
	// mail is delivered, unless Lose.
	HangAfterDot FaultKind = "hang after dot"
	// SlowBody reads the body of DATA one KiB at a time. (Pause between them)
	SlowBody FaultKind = "slow body"
	// Hang lets a connection go silent at its next answer. (Proto)
	Hang FaultKind = "hang"
	// Cut closes a new connection once it has sent so much. (Proto, Bytes)
	Cut FaultKind = "cut"
	// LongGreeting sends a line before the greeting. (Proto, Bytes)
	LongGreeting FaultKind = "long greeting"
)

// Fault is one order to misbehave.
type Fault struct {
	Kind  FaultKind
	Proto Proto  // both where empty
	To    string // the recipient it strikes; all where empty

	Code     int               // 550 where 0
	Enhanced smtp.EnhancedCode // fits Code where zero
	Text     string

	Bytes int
	Pause time.Duration
	Lose  bool
	// Times is how often it strikes; 0 is until Heal.
	Times int
}

// Break adds a fault. Of several that fit, the oldest strikes.
func (s *Server) Break(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Heal takes all faults away. Connections that hang stay so until they end.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// strike returns the fault of this kind that is due and uses it up by one;
// nil for none.
func (s *Server) strike(kind FaultKind, proto Proto, to string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.Kind != kind || f.Proto != "" && f.Proto != proto || f.To != "" && !strings.EqualFold(f.To, to) {
			continue
		}
		struck := *f
		if f.Times == 1 {
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
		} else if f.Times > 1 {
			f.Times--
		}
		s.counts.Faults++
		return &struck
	}
	return nil
}

// reply is the SMTP answer that a fault asks for.
func (f *Fault) reply() *smtp.SMTPError {
	e := &smtp.SMTPError{Code: f.Code, EnhancedCode: f.Enhanced, Message: f.Text}
	if e.Code == 0 {
		e.Code = 550
	}
	if e.EnhancedCode == (smtp.EnhancedCode{}) {
		e.EnhancedCode = smtp.EnhancedCode{e.Code / 100, 0, 0}
	}
	if e.Message == "" {
		e.Message = "Refused by order of the test"
	}
	return e
}
