package mail

import (
	"net"
	"strings"
	"sync"
)

// listener knows every connection, so that Close and Disconnect reach those
// that the protocol libraries have not registered yet.
type listener struct {
	net.Listener
	server  *Server
	proto   Proto
	once    sync.Once
	serving chan struct{} // closed by the first Accept
}

func newListener(ln net.Listener, s *Server, p Proto) *listener {
	return &listener{Listener: ln, server: s, proto: p, serving: make(chan struct{})}
}

func (l *listener) Accept() (net.Conn, error) {
	l.once.Do(func() { close(l.serving) })
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	s := l.server
	c := &conn{Conn: nc, server: s, proto: l.proto, gone: make(chan struct{}), left: -1}
	if f := s.strike(Cut, l.proto, ""); f != nil {
		c.left = f.Bytes
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c] = struct{}{}
	if l.proto == SMTP {
		s.counts.SMTPConnections++
	} else {
		s.counts.IMAPConnections++
	}
	return c, nil
}

// conn applies the faults that need no knowledge of the protocol.
type conn struct {
	net.Conn
	server *Server
	proto  Proto

	once sync.Once
	gone chan struct{} // closed by Close

	mu      sync.Mutex
	greeted bool
	left    int // bytes until the connection is cut; -1 is never
}

func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.gone)
		c.server.mu.Lock()
		delete(c.server.conns, c)
		c.server.mu.Unlock()
	})
	return c.Conn.Close()
}

func (c *conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server.strike(Hang, c.proto, "") != nil {
		<-c.gone
		return 0, net.ErrClosed
	}
	if !c.greeted {
		c.greeted = true
		if f := c.server.strike(LongGreeting, c.proto, ""); f != nil {
			if _, err := c.Conn.Write(c.filler(f.Bytes)); err != nil {
				return 0, err
			}
		}
	}
	if c.left < 0 || c.left > len(b) {
		if c.left > 0 {
			c.left -= len(b)
		}
		return c.Conn.Write(b)
	}
	n, err := c.Conn.Write(b[:c.left])
	if err == nil {
		err = net.ErrClosed
	}
	_ = c.Close()
	return n, err
}

// filler is one legal line of greeting of n bytes.
func (c *conn) filler(n int) []byte {
	start := "* OK "
	if c.proto == SMTP {
		start = "220-"
	}
	return []byte(start + strings.Repeat("x", max(0, n-len(start)-2)) + "\r\n")
}

// Disconnect closes all open connections of a server, as a restart would.
func (s *Server) Disconnect(p Proto) { s.disconnect(p) }

// disconnect closes the connections of one server, or of both for "".
func (s *Server) disconnect(p Proto) {
	s.mu.Lock()
	var doomed []*conn
	for c := range s.conns {
		if p == "" || c.proto == p {
			doomed = append(doomed, c)
		}
	}
	s.mu.Unlock()
	for _, c := range doomed {
		_ = c.Close()
	}
}
