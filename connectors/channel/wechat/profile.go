package wechat

import (
	"context"
	"net/http"
	"net/url"

	"github.com/silenceper/wechat/v2/officialaccount/user"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/kit/tencent"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/text"
)

const pathUser = "/cgi-bin/user/info"

// Profile implements channel.Profiler. The vendor tells nicknames to few
// accounts since 2021; the remark is what the account's own people call the
// customer. The unionid is the same person's over all accounts of the company,
// and the vendor vouches for it
// (developers.weixin.qq.com/doc/offiaccount/User_Management/Get_users_basic_information_UnionID.html).
func (w *WeChat) Profile(ctx context.Context, a normalize.Address) (*channel.Profile, error) {
	openID, err := w.openID(a)
	if err != nil {
		return nil, err
	}
	var info user.Info
	err = w.client.Call(ctx, tencent.Request{
		Method: http.MethodGet, Path: pathUser, Query: url.Values{"openid": {openID}, "lang": {"zh_CN"}}, Out: &info,
	})
	if err != nil {
		return nil, optional(err)
	}
	p := &channel.Profile{Name: text.Truncate(info.Nickname, 100)}
	if p.Name == "" {
		p.Name = text.Truncate(info.Remark, 100)
	}
	if info.UnionID != "" {
		p.Evidence = []channel.Evidence{{
			Address: normalize.Address{Kind: KindUnionID, Value: info.UnionID}, Verified: true,
		}}
	}
	return p, nil
}
