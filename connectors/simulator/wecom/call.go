package wecom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const answerWithin = 5 * time.Second

// call tells the app that an account has news. It is made in the background,
// again if it is not answered in time. The mutex is held.
func (s *Server) call(kfID string) {
	address := s.callback
	if address == "" || s.Context().Err() != nil {
		return
	}
	token := s.id("ENCcalltoken")
	s.called[token] = s.o.Now().Add(callLife)
	s.Go(func() {
		for attempt := 0; ; attempt++ {
			if s.post(address, s.news(kfID, token)) == nil || attempt == len(s.o.Retries) || !s.Pause(s.o.Retries[attempt]) {
				return
			}
		}
	})
}

// news is the content of a call: none but a token.
func (s *Server) news(kfID, token string) []byte {
	return fmt.Appendf(nil, `<xml><ToUserName><![CDATA[%s]]></ToUserName><CreateTime>%d</CreateTime><MsgType><![CDATA[event]]></MsgType>`+
		`<Event><![CDATA[kf_msg_or_event]]></Event><Token><![CDATA[%s]]></Token><OpenKfId><![CDATA[%s]]></OpenKfId></xml>`,
		s.o.CorpID, s.o.Now().Unix(), token, kfID)
}

// post makes one call.
func (s *Server) post(address string, plain []byte) error {
	sealed, q, err := s.signer.Seal(plain, s.o.Now())
	if err != nil {
		return err
	}
	body := fmt.Appendf(nil, `<xml><ToUserName><![CDATA[%s]]></ToUserName><AgentID>1000002</AgentID><Encrypt><![CDATA[%s]]></Encrypt></xml>`, s.o.CorpID, sealed)
	status, err := s.Post(address+"?"+q.Encode(), http.Header{"Content-Type": {"text/xml"}}, body)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d", status)
	}
	return err
}

// Verify does what the console does when an address is saved: it sends an
// echostr and wants to be told what is in it.
func (s *Server) Verify(ctx context.Context) error {
	s.mu.Lock()
	address := s.callback
	secret := s.id("echo")
	s.mu.Unlock()
	sealed, q, err := s.signer.Seal([]byte(secret), s.o.Now())
	if err != nil {
		return err
	}
	q.Set("echostr", sealed)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	res, err := s.Client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	switch {
	case err != nil:
		return err
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("status %d", res.StatusCode)
	case string(body) != secret:
		return errors.New("the address does not answer with what the echostr holds")
	}
	return nil
}
