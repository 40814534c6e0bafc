package mail

import (
	"bytes"
	"crypto/subtle"
	"errors"

	"github.com/emersion/go-sasl"
)

// mechanisms are those that both servers offer.
var mechanisms = []string{sasl.Plain, sasl.Login, "XOAUTH2"}

var (
	errLogin     = errors.New("wrong user name, password or token")
	errMechanism = errors.New("no such mechanism")
)

// login checks a password and returns its account.
func (s *Server) login(p Proto, name, password string) (*account, error) {
	return s.check(p, name, password, func(u User) string { return u.Password })
}

// loginToken checks an OAuth access token and returns its account.
func (s *Server) loginToken(p Proto, name, token string) (*account, error) {
	return s.check(p, name, token, func(u User) string { return u.Token })
}

func (s *Server) check(p Proto, name, secret string, want func(User) string) (*account, error) {
	a := s.account(name)
	good := a != nil && want(a.User) != "" && subtle.ConstantTimeCompare([]byte(want(a.User)), []byte(secret)) == 1
	if !good || s.strike(RefuseLogin, p, "") != nil {
		s.count(func(c *Counts) { c.LoginsRefused++ })
		return nil, errLogin
	}
	s.count(func(c *Counts) { c.Logins++ })
	return a, nil
}

// authenticate runs a mechanism; done gets the account. A refusal is answered
// with failure, the error that the protocol has for it.
func (s *Server) authenticate(p Proto, mechanism string, failure error, done func(*account)) (sasl.Server, error) {
	accept := func(a *account, err error) error {
		if err != nil {
			return failure
		}
		done(a)
		return nil
	}
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, name, password string) error { return accept(s.login(p, name, password)) }), nil
	case sasl.Login:
		return &loginServer{accept: func(name, password string) error { return accept(s.login(p, name, password)) }}, nil
	case "XOAUTH2":
		return &xoauth2Server{failure: failure, accept: func(name, token string) error { return accept(s.loginToken(p, name, token)) }}, nil
	}
	return nil, errMechanism
}

// loginServer is the LOGIN mechanism (draft-murchison-sasl-login): the user
// name, which may come as initial response, then the password.
type loginServer struct {
	accept func(name, password string) error
	asked  bool // for the password
	name   string
}

func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	switch {
	case response == nil:
		return []byte("Username:"), false, nil
	case !l.asked:
		l.asked, l.name = true, string(response)
		return []byte("Password:"), false, nil
	}
	err := l.accept(l.name, string(response))
	return nil, err == nil, err
}

// xoauth2Server is the XOAUTH2 mechanism as Google documents it: a refusal is
// a challenge that holds JSON, which the client answers with an empty line,
// and only then the failure.
type xoauth2Server struct {
	accept  func(name, token string) error
	failure error
	refused bool
}

func (x *xoauth2Server) Next(response []byte) ([]byte, bool, error) {
	if response == nil {
		return []byte{}, false, nil
	}
	if x.refused {
		return nil, false, x.failure
	}
	var name, token string
	for field := range bytes.SplitSeq(response, []byte{1}) {
		if v, ok := bytes.CutPrefix(field, []byte("user=")); ok {
			name = string(v)
		} else if v, ok := bytes.CutPrefix(field, []byte("auth=Bearer ")); ok {
			token = string(v)
		}
	}
	if x.refused = x.accept(name, token) != nil; x.refused {
		return []byte(`{"status":"400","schemes":"Bearer","scope":"https://mail.example/"}`), false, nil
	}
	return nil, true, nil
}
