package wecom

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// refusal is an errcode
// (developer.work.weixin.qq.com/document/path/90313).
type refusal struct {
	Code    int    `json:"errcode"`
	Message string `json:"errmsg"`
}

// deny returns a refusal in the vendor's manner.
func deny(code int, message string) *refusal {
	return &refusal{code, message + ", hint: [1700000000000000000], from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=" + strconv.Itoa(code)}
}

// maxRequest bounds a request of the API, files included.
const maxRequest = 64 << 20

func (s *Server) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cgi-bin/gettoken", s.getToken)
	for path, f := range map[string]func(body []byte) (any, *refusal){
		"/cgi-bin/kf/account/list":        s.accountList,
		"/cgi-bin/kf/sync_msg":            s.syncMsg,
		"/cgi-bin/kf/send_msg":            s.sendMsg,
		"/cgi-bin/kf/send_msg_on_event":   s.sendOnEvent,
		"/cgi-bin/kf/recall_msg":          s.recallMsg,
		"/cgi-bin/kf/service_state/get":   s.stateGet,
		"/cgi-bin/kf/service_state/trans": s.stateTrans,
		"/cgi-bin/kf/customer/batchget":   s.batchGet,
	} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
			if err != nil {
				return
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.counts[path]++
			if no := s.admit(r); no != nil {
				answer(w, no)
				return
			}
			result, no := f(body)
			if no != nil {
				answer(w, no)
				return
			}
			answer(w, result)
		})
	}
	mux.HandleFunc("POST /cgi-bin/media/upload", s.upload)
	mux.HandleFunc("GET /cgi-bin/media/get", s.download)
	return mux
}

// answer refuses, or says ok with the fields of v.
func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // a mistake in the simulator
	}
	if _, refused := v.(*refusal); !refused {
		rest := strings.TrimPrefix(string(body), "{")
		if rest != "}" {
			rest = "," + rest
		}
		body = []byte(`{"errcode":0,"errmsg":"ok"` + rest)
	}
	_, _ = w.Write(body)
}

// read takes a request's JSON.
func read(body []byte, v any) *refusal {
	if err := json.Unmarshal(body, v); err != nil {
		return deny(40058, "Warning: wrong json format")
	}
	return nil
}

// admit checks the access token.
func (s *Server) admit(r *http.Request) *refusal {
	if s.distrusted {
		return deny(60020, "not allow to access from your ip")
	}
	token := r.URL.Query().Get("access_token")
	until, known := s.access[token]
	switch {
	case token == "":
		return deny(41001, "access_token missing")
	case !known:
		return deny(40014, "invalid access_token")
	case !s.o.Now().Before(until):
		return deny(42001, "access_token expired")
	}
	return nil
}

// getToken repeats the token that is good, as WeCom does.
func (s *Server) getToken(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[r.URL.Path]++
	q := r.URL.Query()
	switch {
	case q.Get("corpid") != s.o.CorpID:
		answer(w, deny(40013, "invalid corpid"))
		return
	case q.Get("corpsecret") != s.o.Secret:
		answer(w, deny(40001, "invalid credential"))
		return
	case s.distrusted:
		answer(w, deny(60020, "not allow to access from your ip"))
		return
	}
	now := s.o.Now()
	for token, until := range s.access {
		if left := until.Sub(now); left > 0 {
			answer(w, map[string]any{"access_token": token, "expires_in": int(left / time.Second)})
			return
		}
	}
	token := s.id("access-token-")
	s.access[token] = now.Add(accessLife)
	answer(w, map[string]any{"access_token": token, "expires_in": int(accessLife / time.Second)})
}

func (s *Server) accountList(body []byte) (any, *refusal) {
	var in struct{ Offset, Limit int }
	if no := read(body, &in); no != nil {
		return nil, no
	}
	list := []map[string]any{}
	for i, id := range s.o.OpenKfIDs {
		if i >= in.Offset && len(list) < in.Limit {
			list = append(list, map[string]any{"open_kfid": id, "name": fmt.Sprintf("Service %d", i+1), "avatar": "", "manage_privilege": true})
		}
	}
	return map[string]any{"account_list": list}, nil
}

func (s *Server) batchGet(body []byte) (any, *refusal) {
	var in struct {
		List []string `json:"external_userid_list"`
	}
	if no := read(body, &in); no != nil {
		return nil, no
	}
	found, unknown := []map[string]any{}, []string{}
	for _, id := range in.List {
		u, ok := s.users[id]
		if !ok {
			unknown = append(unknown, id)
			continue
		}
		found = append(found, map[string]any{"external_userid": id, "nickname": u.Nickname, "avatar": "", "gender": 0, "unionid": u.UnionID})
	}
	return map[string]any{"customer_list": found, "invalid_external_userid": unknown}, nil
}
