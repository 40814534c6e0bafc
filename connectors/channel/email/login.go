package email

import (
	"context"

	"github.com/deskbridge/deskbridge/connectors"
)

// Login implements connectors.Loginer. Where both servers are configured alike,
// one consent does for both.
func (e *Email) Login(ctx context.Context, show func(connectors.LoginPrompt)) error {
	if e.imap.oauth == nil && e.smtp.oauth == nil {
		return connectors.Errorf(connectors.AccountDown, "", "the account has no section oauth2, so there is nothing to log in to")
	}
	if e.imap.oauth != nil {
		if err := e.imap.oauth.Consent(ctx, show); err != nil {
			return err
		}
	}
	if e.smtp.oauth != nil && e.smtp.oauth != e.imap.oauth {
		return e.smtp.oauth.Consent(ctx, show)
	}
	return nil
}
