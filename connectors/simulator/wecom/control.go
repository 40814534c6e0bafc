package wecom

import (
	"maps"
	"slices"
	"time"
)

// Content is what somebody says: the type, and what stands under its name.
type Content struct {
	Type string
	Body map[string]any
}

// Text is a text.
func Text(says string) Content { return Content{"text", map[string]any{"content": says}} }

// Media is a file under its media id; see PutMedia.
func Media(msgType, mediaID string) Content {
	return Content{msgType, map[string]any{"media_id": mediaID}}
}

// Origins of an entry.
const (
	customer = 3
	system   = 4
	servicer = 5
)

// Write lets a customer write to an account, and returns the message's id.
func (s *Server) Write(kfID, user string, c Content) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meet(kfID, user).wrote(s.o.Now(), s.o.Answers)
	return s.say(kfID, user, customer, "", c)
}

// WriteAsServicer lets an employee write in WeCom's own app.
func (s *Server) WriteAsServicer(kfID, user, employee string, c Content) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.say(kfID, user, servicer, employee, c)
}

func (s *Server) say(kfID, user string, origin int, employee string, c Content) string {
	id := s.id("msgid-that-is-longer-than-32-bytes-")
	entry := map[string]any{
		"msgid": id, "open_kfid": kfID, "external_userid": user, "send_time": s.o.Now().Unix(),
		"origin": origin, "msgtype": c.Type, c.Type: c.Body,
	}
	if employee != "" {
		entry["servicer_userid"] = employee
	}
	s.list(kfID, entry)
	return id
}

// Enter lets a customer open the chat. The event has a welcome code if they
// were not greeted and did not write within 48 hours.
func (s *Server) Enter(kfID, user string) (welcomeCode string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	content := map[string]any{"event_type": "enter_session", "open_kfid": kfID, "external_userid": user, "scene": "website", "scene_param": ""}
	if c := s.meet(kfID, user); now.Sub(c.greeted) >= windowTime && now.Sub(c.last) >= windowTime {
		welcomeCode = s.id("welcome-code-")
		s.codes[welcomeCode] = &code{user: user, kfID: kfID, until: now.Add(20 * time.Second)}
		content["welcome_code"] = welcomeCode
	}
	s.happen(kfID, content)
	return welcomeCode
}

// happen lists an event.
func (s *Server) happen(kfID string, content map[string]any) string {
	id := s.id("event-")
	s.list(kfID, map[string]any{"msgid": id, "send_time": s.o.Now().Unix(), "origin": system, "msgtype": "event", "event": content})
	return id
}

// Happen lists any event, of which the account is filled in.
func (s *Server) Happen(kfID string, content map[string]any) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	content = maps.Clone(content)
	content["open_kfid"] = kfID
	return s.happen(kfID, content)
}

// Recall lets a customer take a message back.
func (s *Server) Recall(kfID, user, id string) {
	s.Happen(kfID, map[string]any{"event_type": "user_recall_msg", "external_userid": user, "recall_msgid": id})
}

// Fail reports that a message which the API had taken was not delivered.
func (s *Server) Fail(kfID, user, id string, failType int) {
	s.Happen(kfID, map[string]any{"event_type": "msg_send_fail", "external_userid": user, "fail_msgid": id, "fail_type": failType})
}

// SetState lets servicers and the console change the state of a conversation.
func (s *Server) SetState(kfID, user string, state State, employee string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.meet(kfID, user)
	c.state, c.servicer = state, employee
}

// State returns the state of a conversation.
func (s *Server) State(kfID, user string) State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.meet(kfID, user).stateAt(s.o.Now())
}

// Relist lists the last entry of an account again, as WeCom sometimes does.
func (s *Server) Relist(kfID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if all := s.log[kfID]; len(all) > 0 {
		s.list(kfID, all[len(all)-1].entry)
	}
}

// PutMedia keeps a file that a customer sends, and returns its media id.
func (s *Server) PutMedia(msgType, name, contentType string, data []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.id("1received-media-")
	s.media[id] = medium{msgType, name, contentType, data, s.o.Now()}
	return id
}

// SetUser says how batchget shows a customer.
func (s *Server) SetUser(user string, u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[user] = u
}

// Record returns what the API sent, in order.
func (s *Server) Record() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// Requests returns how often a path of the API was called.
func (s *Server) Requests(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[path]
}

// RevokeAccess makes all access tokens invalid.
func (s *Server) RevokeAccess() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
}

// ExpireCalls makes the tokens of all calls run out.
func (s *Server) ExpireCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.called)
}

// Distrust takes the address of our machine off the list of trusted ones, or
// puts it on again.
func (s *Server) Distrust(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.distrusted = on
}

// EmptyPages lets the next n pages be empty although there is more.
func (s *Server) EmptyPages(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.empty = n
}

// Shuffle lets the entries of each page come in any order.
func (s *Server) Shuffle(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shuffled = on
}
