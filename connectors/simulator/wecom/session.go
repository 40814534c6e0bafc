package wecom

import (
	"slices"
	"time"
)

// State of a conversation.
type State int

// The states (developer.work.weixin.qq.com/document/path/94669).
const (
	StateNew State = iota
	StateAssistant
	StateWaiting
	StateServicer
	StateEnded
)

// session is what a customer and an account have with each other.
type session struct {
	user, kfID string
	state      State
	servicer   string
	last       time.Time // the customer's last message; zero for none
	left       int       // answers
	greeted    time.Time
}

// stateAt returns the state, which ends 48 hours after the last message.
func (c *session) stateAt(now time.Time) State {
	if now.Sub(c.last) >= windowTime {
		return StateEnded
	}
	return c.state
}

// wrote notes a message of the customer, which allows so many answers.
func (c *session) wrote(now time.Time, answers int) {
	if c.stateAt(now) == StateEnded {
		c.state, c.servicer = StateNew, ""
	}
	c.last, c.left = now, answers
}

// changes are those that the API allows.
var changes = map[State][]State{
	StateNew:       {StateAssistant, StateWaiting, StateServicer},
	StateAssistant: {StateWaiting, StateServicer, StateEnded},
	StateWaiting:   {StateServicer, StateEnded},
	StateServicer:  {StateServicer, StateEnded},
}

// code allows one message besides the five.
type code struct {
	user, kfID string
	until      time.Time
	used       bool
}

// session returns that of a customer, nil for none. The mutex is held.
func (s *Server) session(kfID, user string) *session { return s.sessions[kfID+"/"+user] }

// meet returns that of a customer and makes one where there is none.
func (s *Server) meet(kfID, user string) *session {
	c := s.session(kfID, user)
	if c == nil {
		c = &session{user: user, kfID: kfID, state: StateEnded}
		s.sessions[kfID+"/"+user] = c
		if _, ok := s.users[user]; !ok {
			s.users[user] = User{Nickname: user}
		}
	}
	return c
}

func (s *Server) stateGet(body []byte) (any, *refusal) {
	var in struct {
		OpenKfID string `json:"open_kfid"`
		User     string `json:"external_userid"`
	}
	if no := read(body, &in); no != nil {
		return nil, no
	}
	c := s.session(in.OpenKfID, in.User)
	if c == nil {
		return nil, deny(40096, "invalid external userid")
	}
	state := c.stateAt(s.o.Now())
	out := map[string]any{"service_state": state}
	if state == StateServicer {
		out["servicer_userid"] = c.servicer
	}
	return out, nil
}

func (s *Server) stateTrans(body []byte) (any, *refusal) {
	var in struct {
		OpenKfID string `json:"open_kfid"`
		User     string `json:"external_userid"`
		State    State  `json:"service_state"`
		Servicer string `json:"servicer_userid"`
	}
	if no := read(body, &in); no != nil {
		return nil, no
	}
	c := s.session(in.OpenKfID, in.User)
	now := s.o.Now()
	switch {
	case c == nil:
		return nil, deny(40096, "invalid external userid")
	case !slices.Contains(changes[c.stateAt(now)], in.State):
		return nil, deny(95016, "not allow to change to this state")
	case in.State == StateServicer && in.Servicer == "":
		return nil, deny(95014, "not a servicer")
	}
	c.state, c.servicer = in.State, in.Servicer
	return struct{}{}, nil
}
