package vendors

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/twilio"
)

// retry is Twilio's pause before it calls again, which the address in its
// console asks for.
const retry = 5 * time.Second

// Credentials of the account with Twilio.
const (
	TwilioSID   = "AC0123456789abcdef0123456789abcdef"
	TwilioToken = "0123456789abcdef0123456789abcdef"
)

// openTwilio opens a Twilio whose customers write SMS.
func openTwilio(o Options, name string) (*Line, error) {
	const ours = "+15005550006"
	opts := twilio.Options{AccountSID: TwilioSID, AuthToken: TwilioToken, Senders: []string{ours}, Pause: retry, First: begin()}
	// Twilio signs the address, which is the daemon's.
	if o.Via != "" {
		opts.Target = "http://" + o.Via
		o.Via = ""
	}
	opts.Hook = o.hook(name) + "#rc=5&rp=5xx,ct,rt"
	s, err := twilio.Start(opts)
	if err != nil {
		return nil, err
	}
	rate := ", rate: 200"
	if o.Strict {
		rate = ""
	}
	phone := func(i int) string { return fmt.Sprintf("+4930%07d", 1000000+i) }
	var twice atomic.Bool
	troubles := overHTTP(&s.Faults, "/Messages.json", `{"code":20429,"message":"Too Many Requests","status":429}`)
	troubles[Repeat] = func() { twice.Store(true) }
	// What Twilio reports of a message comes in any order, too.
	troubles[Shuffle] = func() {
		s.Deliver(func(twilio.Message) []twilio.Report { return []twilio.Report{{Status: "delivered"}, {Status: "sent"}} })
	}
	receive := func(ctx context.Context, in twilio.Inbound) error {
		sid, err := s.Receive(ctx, in)
		if err == nil && twice.Swap(false) {
			in.SID = sid
			_, err = s.Receive(ctx, in)
		}
		return err
	}
	return &Line{
		Name:    name,
		Config:  fmt.Sprintf("account_sid: %s, auth_token: %q, from: %q, api_url: %q%s", TwilioSID, TwilioToken, ours, s.URL(), rate),
		Address: func(i int) (string, string) { return "phone", phone(i) },
		Write: func(ctx context.Context, i int, text string) error {
			return receive(ctx, twilio.Inbound{From: phone(i), To: ours, Body: text})
		},
		Show: func(ctx context.Context, i int, jpeg []byte) error {
			return receive(ctx, twilio.Inbound{From: phone(i), To: ours, Media: []twilio.Medium{{ContentType: "image/jpeg", Content: jpeg}}})
		},
		Got: func() (list []Got) {
			for _, m := range s.Messages() {
				var i int
				if _, err := fmt.Sscanf(m.To, "+4930%d", &i); err != nil {
					i = 1000000 - 1
				}
				got := Got{Customer: i - 1000000, Text: m.Body, At: m.Created}
				for _, link := range m.Media {
					got.Link = link
				}
				list = append(list, got)
			}
			return list
		},
		Faults:   &s.Faults,
		Troubles: troubles,
		Calm:     s.Faults.Clear,
		close:    s.Close,
	}, nil
}
