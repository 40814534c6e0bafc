package telegram

import "slices"

// Revoke lets Telegram refuse the bot's token, or take it again.
func (s *Server) Revoke(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked = yes
}

func (s *Server) isRevoked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revoked
}

// Twice lets the next n calls of the webhook be made two times.
func (s *Server) Twice(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.twice += n
}

// Deaf lets Telegram miss that the next n calls of the webhook were taken, so
// that it makes them again.
func (s *Server) Deaf(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf += n
}

// Hold keeps updates back from the webhook until Release. Polls get them as
// ever.
func (s *Server) Hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holding = true
}

// Release ends Hold. Reversed, the last update goes first, as can happen where
// several calls of a webhook are under way at once.
func (s *Server) Release(reverse bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holding = false; reverse && s.hook.URL != "" {
		slices.Reverse(s.queue)
	}
	s.wake()
}
