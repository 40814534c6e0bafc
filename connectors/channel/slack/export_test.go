package slack

import "time"

// Hurry makes the account impatient.
func (s *Slack) Hurry(minute, silent time.Duration) { s.minute, s.silent = minute, silent }
