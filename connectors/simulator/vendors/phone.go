package vendors

import (
	"context"
	"fmt"

	"github.com/deskbridge/deskbridge/connectors/simulator/twilio"
)

// openTwilio opens a Twilio whose customers write SMS.
func openTwilio(o Options, name string) (*Line, error) {
	const sid, token, ours = "AC0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef", "+15005550006"
	s, err := twilio.Start(twilio.Options{AccountSID: sid, AuthToken: token, Senders: []string{ours}, Hook: o.hook(name)})
	if err != nil {
		return nil, err
	}
	phone := func(i int) string { return fmt.Sprintf("+4930%07d", 1000000+i) }
	return &Line{
		Name:    name,
		Config:  fmt.Sprintf("account_sid: %s, auth_token: %q, from: %q, api_url: %q", sid, token, ours, s.URL()),
		Address: func(i int) (string, string) { return "phone", phone(i) },
		Write: func(ctx context.Context, i int, text string) error {
			_, err := s.Receive(ctx, twilio.Inbound{From: phone(i), To: ours, Body: text})
			return err
		},
		Got: func() (list []Got) {
			for _, m := range s.Messages() {
				var i int
				if _, err := fmt.Sscanf(m.To, "+4930%d", &i); err != nil {
					i = 1000000 - 1
				}
				list = append(list, Got{i - 1000000, m.Body, m.Created})
			}
			return list
		},
		Faults: &s.Faults,
		close:  s.Close,
	}, nil
}
