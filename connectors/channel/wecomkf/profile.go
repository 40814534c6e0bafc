package wecomkf

import (
	"context"

	"github.com/silenceper/wechat/v2/work/kf"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
	"github.com/deskbridge/deskbridge/normalize"
)

// forbidden are the codes of an app that may not see who customers are. It can
// serve them all the same, and files be fetched.
var forbidden = map[string]bool{"48002": true, "60011": true, "301002": true}

// Profile returns the customer's name in WeChat. Where the company has bound
// its account of WeChat's open platform, the unionid names the same person on
// its official accounts (developer.work.weixin.qq.com/document/path/95159).
func (w *WecomKf) Profile(ctx context.Context, a normalize.Address) (*channel.Profile, error) {
	user, err := w.userOf(a)
	if err != nil {
		return nil, err
	}
	var answer struct {
		List []kf.CustomerSchema `json:"customer_list"`
	}
	err = w.api.Call(ctx, tencent.Request{
		Path: "/cgi-bin/kf/customer/batchget", Out: &answer,
		In: kf.CustomerBatchGetOptions{ExternalUserIDList: []string{user}},
	})
	if e := connectors.Classify(err); err != nil && forbidden[e.Code] {
		return nil, &connectors.Error{Class: connectors.Unsupported, Code: e.Code, Detail: e.Detail}
	}
	if err != nil {
		return nil, err
	}
	p := &channel.Profile{}
	for _, c := range answer.List {
		if c.ExternalUserID != user {
			continue
		}
		p.Name = c.NickName
		if c.UnionID != "" {
			p.Evidence = append(p.Evidence, channel.Evidence{
				Address: normalize.Address{Kind: "wechat_unionid", Value: c.UnionID}, Verified: true,
			})
		}
	}
	return p, nil
}
