package wechat

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// token is an access token, good until a time.
type token struct {
	value string
	until time.Time
}

const (
	overlap     = 5 * time.Minute // the old token's, when a new one is issued in time
	forcePause  = 30 * time.Second
	forcePerDay = 20
)

// refusal is an errcode with its errmsg.
type refusal struct {
	Code    int    `json:"errcode"`
	Message string `json:"errmsg"`
}

func (v *Vendor) stableToken(w http.ResponseWriter, r *http.Request) {
	var in struct {
		GrantType string `json:"grant_type"`
		AppID     string `json:"appid"`
		Secret    string `json:"secret"`
		Force     bool   `json:"force_refresh"`
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch err := json.NewDecoder(io.LimitReader(r.Body, 64<<10)).Decode(&in); {
	case err != nil:
		answer(w, refusal{47001, "data format error"})
	case in.GrantType != "client_credential":
		answer(w, refusal{40002, "invalid grant_type"})
	case in.AppID != v.o.AppID:
		answer(w, refusal{40013, "invalid appid"})
	case in.Secret != v.o.AppSecret:
		answer(w, refusal{40125, "invalid appsecret"})
	default:
		if in.Force && !v.force() {
			answer(w, refusal{45009, "reach max api daily quota limit"})
			return
		}
		now := v.o.Now()
		if n := len(v.tokens); n == 0 || v.tokens[n-1].until.Sub(now) < min(overlap, v.o.TokenLife/2) {
			v.issued++
			v.tokens = append(v.tokens, token{"AT_" + rand.Text(), now.Add(v.o.TokenLife)})
		}
		current := v.tokens[len(v.tokens)-1]
		answer(w, map[string]any{"access_token": current.value, "expires_in": int(current.until.Sub(now) / time.Second)})
	}
}

// force ends all tokens, where that is allowed again; v.mu is held.
func (v *Vendor) force() bool {
	now := v.o.Now()
	today := 0
	for _, at := range v.forced {
		if now.Sub(at) < forcePause {
			return false
		}
		if now.Sub(at) < 24*time.Hour {
			today++
		}
	}
	if today >= forcePerDay {
		return false
	}
	v.forced = append(v.forced, now)
	v.tokens = nil
	return true
}

// Revoke ends all tokens at once, as a new AppSecret does.
func (v *Vendor) Revoke() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tokens = nil
}

// Issued is how many tokens were issued.
func (v *Vendor) Issued() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.issued
}

// authorized lets those through who have a good token.
func (v *Vendor) authorized(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		given := r.URL.Query().Get("access_token")
		v.mu.Lock()
		code := refusal{40001, "invalid credential, access_token is invalid or not latest"}
		for _, t := range v.tokens {
			if t.value == given {
				if code = (refusal{}); !v.o.Now().Before(t.until) {
					code = refusal{42001, "access_token expired"}
				}
			}
		}
		v.mu.Unlock()
		switch {
		case given == "":
			answer(w, refusal{41001, "access_token missing"})
		case code.Code != 0:
			answer(w, code)
		default:
			h(w, r)
		}
	}
}

func answer(w http.ResponseWriter, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; encoding=utf-8")
	_, _ = w.Write(b)
}

func (v *Vendor) callbackIP(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{"ip_list": []string{"127.0.0.1"}})
}
