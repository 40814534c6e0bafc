package app

import (
	"cmp"
	"context"
	"time"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/internal/store"
	"github.com/deskbridge/deskbridge/normalize"
	"github.com/deskbridge/deskbridge/normalize/timeline"
	"github.com/deskbridge/deskbridge/outbox/deliver"
)

// outlet is an open channel as the reply desk sees it.
type outlet struct {
	account normalize.Account
	channel channel.Channel
	links   timeline.Links
	now     func() time.Time
}

func (o outlet) Account() normalize.Account { return o.account }

func (o outlet) Address(typed string) normalize.Address {
	a, ok := o.channel.(channel.Addresser)
	if !ok {
		return normalize.Address{}
	}
	addr, err := a.Address(typed)
	if err != nil {
		return normalize.Address{}
	}
	return addr
}

func (o outlet) Plan(ctx context.Context, m, repliedTo *normalize.Message) (timeline.Plan, error) {
	return deliver.Plan(ctx, o.channel, m, repliedTo, o.links, o.now())
}

func (o outlet) Typing(ctx context.Context, t normalize.Thread, to normalize.Address) error {
	return deliver.Typing(ctx, o.channel, t, to)
}

func (o outlet) Recall(ctx context.Context, m *normalize.Message, p timeline.SentPart) error {
	return deliver.Recall(ctx, o.channel, m, p)
}

// perPeerHour is for kinds of channel that name no number of their own.
const perPeerHour = 300

func (o outlet) PerPeerHour() int {
	kind, _ := channel.Kinds.Get(o.account.Type)
	return cmp.Or(kind.Facts.PerPeerHour, perPeerHour)
}

var _ timeline.Outlet = outlet{}

// tokens names the bearer of an API token.
type tokens struct{ db *store.DB }

func (t tokens) TokenByHash(ctx context.Context, hash [32]byte) (string, error) {
	token, err := t.db.TokenByHash(ctx, hash)
	return token.Name, err
}
