package wechat

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Profile is what the vendor knows of a follower.
type Profile struct {
	Nickname, Remark, UnionID string
}

// customer is a follower, or somebody who was one.
type customer struct {
	Profile
	follows bool
	// The budgets of answers: of the last message, and of the last action.
	message, action budget
}

type budget struct {
	until time.Time
	left  int
}

// Windows as the vendor documents them
// (developers.weixin.qq.com/doc/service/en/guide/product/kf/intro.html).
const (
	messageWindow, messageAnswers = 48 * time.Hour, 5
	actionWindow, actionAnswers   = time.Minute, 3
)

// AddFollower makes somebody a follower whom nobody was told of.
func (v *Vendor) AddFollower(openID string, p Profile) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.customers[openID] = &customer{Profile: p, follows: true}
}

// Follow makes somebody a follower and tells the callback.
func (v *Vendor) Follow(ctx context.Context, openID string, p Profile) error {
	v.AddFollower(openID, p)
	return v.Happen(ctx, openID, Event{Name: "subscribe"})
}

// Unfollow ends that, and tells the callback. Nothing can be sent any more.
func (v *Vendor) Unfollow(ctx context.Context, openID string) error {
	v.mu.Lock()
	if c := v.customers[openID]; c != nil {
		c.follows, c.message, c.action = false, budget{}, budget{}
	}
	v.mu.Unlock()
	return v.Happen(ctx, openID, Event{Name: "unsubscribe"})
}

// Heard opens the reply window as if the follower had just written.
func (v *Vendor) Heard(openID string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c := v.customers[openID]; c != nil {
		c.message = budget{v.o.Now().Add(messageWindow), messageAnswers}
	}
}

// CloseWindow lets the vendor take no answer to a follower any more.
func (v *Vendor) CloseWindow(openID string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c := v.customers[openID]; c != nil {
		c.message, c.action = budget{}, budget{}
	}
}

// acted opens the short window of an action; v.mu is held.
func (v *Vendor) acted(openID string) {
	if c := v.customers[openID]; c != nil && c.follows {
		c.action = budget{v.o.Now().Add(actionWindow), actionAnswers}
	}
}

// spend takes one answer from the budgets of a follower, or says why there is
// none; v.mu is held.
func (v *Vendor) spend(openID string) refusal {
	c := v.customers[openID]
	if c == nil {
		return refusal{40003, "invalid openid"}
	}
	now, open := v.o.Now(), false
	for _, b := range []*budget{&c.message, &c.action} {
		if !now.Before(b.until) {
			continue
		}
		open = true
		if b.left > 0 {
			b.left--
			return refusal{}
		}
	}
	if open {
		return refusal{45047, "out of response count limit"}
	}
	return refusal{45015, "response out of time limit or subscription is canceled"}
}

func (v *Vendor) userInfo(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	openID := r.URL.Query().Get("openid")
	c := v.customers[openID]
	switch {
	case c == nil:
		answer(w, refusal{40003, "invalid openid"})
	case !c.follows:
		answer(w, map[string]any{"subscribe": 0, "openid": openID, "unionid": c.UnionID})
	default:
		answer(w, map[string]any{
			"subscribe": 1, "openid": openID, "nickname": c.Nickname, "sex": 0, "language": "zh_CN", "headimgurl": "",
			"subscribe_time": 1700000000, "unionid": c.UnionID, "remark": c.Remark, "groupid": 0, "tagid_list": []int{},
			"subscribe_scene": "ADD_SCENE_QR_CODE", "qr_scene": 0, "qr_scene_str": "",
		})
	}
}

var errUnknownCustomer = errors.New("nobody of this openid follows the account")
