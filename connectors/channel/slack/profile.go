package slack

import (
	"context"
	"net/mail"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/normalize"
)

// Profile asks users.info for a customer's name and mail address. The latter
// proves nothing, since the administrators of a workspace write what they
// want, except in our own workspace where the configuration says so.
func (s *Slack) Profile(ctx context.Context, a normalize.Address) (*channel.Profile, error) {
	match := typedAddress.FindStringSubmatch(a.Value)
	if a.Kind != KindSlack || match == nil {
		return nil, connectors.Errorf(connectors.Rejected, "", "%.60q is no address in Slack", a.Value)
	}
	u, err := s.api.GetUserInfoContext(ctx, match[2])
	if err != nil {
		return nil, asking(err)
	}
	p := &channel.Profile{Name: first(u.Profile.RealName, u.RealName, u.Profile.DisplayName, u.Name)}
	if address, err := mail.ParseAddress(u.Profile.Email); err == nil {
		e := channel.Evidence{Address: normalize.Email(address.Address, p.Name)}
		if s.cfg.TrustedWorkspace && !u.IsStranger {
			who, err := s.test(ctx)
			if err != nil {
				return nil, err
			}
			e.Verified = u.TeamID == who.TeamID && u.TeamID == match[1]
		}
		p.Evidence = append(p.Evidence, e)
	}
	return p, nil
}
