package vendors

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/wechat"
	"github.com/deskbridge/deskbridge/connectors/simulator/wecom"
)

func openWeChat(o Options, name string) (*Line, error) {
	opts := wechat.Options{Callback: o.hook(name), First: begin()}
	if !o.Strict {
		opts.Repeat, opts.Repeats = time.Second, 30
	}
	v, err := wechat.Start(opts)
	if err != nil {
		return nil, err
	}
	const prefix = "oCustomerOfTheTown"
	var followers sync.Map
	troubles := overHTTP(&v.Faults, "custom/send", "")
	troubles[Repeat] = func() { v.Double(1) }
	troubles[Deaf] = func() { v.Deaf(1) }
	troubles[Shuffle] = backwards(v)
	say := func(ctx context.Context, i int, m wechat.Message) error {
		id := prefix + strconv.Itoa(i)
		if _, known := followers.LoadOrStore(i, true); !known {
			v.AddFollower(id, wechat.Profile{Remark: "Customer " + strconv.Itoa(i)})
		}
		_, err := v.Say(ctx, id, m)
		return err
	}
	return &Line{
		Name: name,
		Config: fmt.Sprintf("app_id: %s, app_secret: %s, token: %s, encoding_aes_key: %s, api_url: %q",
			wechat.DefaultAppID, wechat.DefaultSecret, wechat.DefaultToken, wechat.DefaultAESKey, v.URL()),
		Address: func(i int) (string, string) { return "wechat", wechat.DefaultAppID + ":" + prefix + strconv.Itoa(i) },
		Write: func(ctx context.Context, i int, text string) error {
			return say(ctx, i, wechat.Message{Type: "text", Text: text})
		},
		Show: func(ctx context.Context, i int, jpeg []byte) error {
			return say(ctx, i, wechat.Message{Type: "image", File: wechat.File{Name: "photo.jpg", ContentType: "image/jpeg", Data: jpeg}})
		},
		Got: func() (list []Got) {
			for _, m := range v.Record() {
				list = append(list, Got{Customer: number(m.OpenID, prefix), Text: m.Text, At: m.At, File: m.File.Data})
			}
			return list
		},
		Faults:   &v.Faults,
		Troubles: troubles,
		Calm:     v.Faults.Clear,
		close:    v.Close,
	}, nil
}

func openWeCom(o Options, name string) (*Line, error) {
	opts := wecom.Options{Untokened: time.Millisecond, First: begin()}
	if !o.Strict {
		opts.Answers = 1 << 20
	}
	s, err := wecom.Start(opts)
	if err != nil {
		return nil, err
	}
	s.Connect(o.hook(name))
	const prefix = "wmCustomerOfTheTown"
	troubles := overHTTP(&s.Faults, "kf/send_msg", "")
	troubles[Repeat] = func() { s.Relist(wecom.DefaultKfID) }
	troubles[Deaf] = func() { s.Faults.AddOnce(fault.Fault{Path: "kf/sync_msg", Kind: fault.Lose}) }
	troubles[Shuffle] = func() { s.Shuffle(true); s.EmptyPages(1) }
	write := func(i int, c wecom.Content) {
		user := prefix + strconv.Itoa(i)
		s.SetUser(user, wecom.User{Nickname: "Customer " + strconv.Itoa(i)})
		s.Write(wecom.DefaultKfID, user, c)
	}
	return &Line{
		Name: name,
		Config: fmt.Sprintf("corp_id: %s, secret: %s, token: %s, encoding_aes_key: %s, open_kfids: [%s], api_url: %q",
			wecom.DefaultCorpID, wecom.DefaultSecret, wecom.DefaultToken, wecom.DefaultAESKey, wecom.DefaultKfID, s.URL()),
		Address: func(i int) (string, string) { return "wecom_kf", wecom.DefaultCorpID + ":" + prefix + strconv.Itoa(i) },
		Write: func(_ context.Context, i int, text string) error {
			write(i, wecom.Text(text))
			return nil
		},
		Show: func(_ context.Context, i int, jpeg []byte) error {
			write(i, wecom.Media("image", s.PutMedia("image", "photo.jpg", "image/jpeg", jpeg)))
			return nil
		},
		Got: func() (list []Got) {
			for _, m := range s.Record() {
				list = append(list, Got{Customer: number(m.User, prefix), Text: m.Text, At: m.At, File: m.File})
			}
			return list
		},
		Faults:   &s.Faults,
		Troubles: troubles,
		Calm:     s.Faults.Clear,
		close:    s.Close,
	}, nil
}

// number is that of a customer, or -1.
func number(id, prefix string) int {
	i, err := strconv.Atoi(strings.TrimPrefix(id, prefix))
	if err != nil {
		return -1
	}
	return i
}
