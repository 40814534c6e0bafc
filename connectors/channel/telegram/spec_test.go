package telegram

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/connectortest"
	"github.com/deskbridge/deskbridge/normalize"
)

// Every request that we make is one that the Bot API describes.
func TestOurRequestsAreAsTelegramDescribesThem(t *testing.T) {
	d := connectortest.Describe(t, "telegram-openapi.json", func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/file/") })
	vendor, bot := start(t, modePoll)
	bot.http.Transport = d.Wrap(bot.http.Transport)
	vendor.Text(ann, "hello")
	ctx := t.Context()
	if _, err := bot.Probe(ctx); err != nil {
		t.Fatal(err)
	}
	if err := bot.poll(ctx, &source{batches: make(chan normalize.Batch, 10)}); err != nil {
		t.Fatal(err)
	}
	to := normalize.Address{Kind: KindTelegram, Value: "7100001"}
	media := func(kind normalize.PartKind, contentType string) normalize.Part {
		return normalize.Part{Kind: kind, Media: &normalize.Media{Name: "file", ContentType: contentType}}
	}
	for _, p := range []normalize.Part{
		{Kind: normalize.PartText, Text: "Hello", HTML: "<p>Hello <b>Ann</b></p>"},
		media(normalize.PartImage, "image/jpeg"), media(normalize.PartAudio, "audio/mpeg"), media(normalize.PartAudio, "audio/ogg"), media(normalize.PartVideo, "video/mp4"),
		media(normalize.PartFile, "application/pdf"), media(normalize.PartSticker, "image/webp"),
		{Kind: normalize.PartLocation, Location: &normalize.Location{Latitude: 1, Longitude: 2}},
		{Kind: normalize.PartLocation, Location: &normalize.Location{Latitude: 1, Longitude: 2, Name: "Here"}},
		{Kind: normalize.PartContact, Contact: &normalize.Contact{Name: "Support", Addresses: []normalize.Address{{Kind: normalize.KindPhone, Value: "+4930901820"}}}},
	} {
		sent, err := bot.Send(ctx, &channel.Outbound{
			Message: &normalize.Message{Thread: normalize.Thread{ID: "7100001/5", ReplyTo: "-1/7"}}, Parts: []normalize.Part{p}, Recipients: []normalize.Address{to},
			Begin: func(context.Context) error { return nil },
			Open: func(context.Context, *normalize.Media) (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader("content")), nil
			},
		})
		if err != nil {
			t.Fatalf("%s: %v", p.Kind, err)
		}
		if err := bot.Recall(ctx, nil, sent.ExternalID); err != nil {
			t.Fatal(err)
		}
	}
	if err := bot.Typing(ctx, normalize.Thread{}, to); err != nil {
		t.Fatal(err)
	}
	if f, err := bot.Fetch(ctx, vendor.AddFile("a", []byte("x"))); err != nil || f.Body.Close() != nil {
		t.Fatal(err)
	}
	if err := bot.setWebhook(ctx); err != nil {
		t.Fatal(err)
	}
	if err := bot.leaveWebhook(ctx); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{
		"getMe", "getUpdates", "sendMessage", "sendPhoto", "sendAudio", "sendVoice", "sendVideo", "sendDocument", "sendSticker", "sendLocation", "sendVenue",
		"sendContact", "deleteMessage", "sendChatAction", "getFile", "setWebhook", "getWebhookInfo", "deleteWebhook",
	} {
		d.Expect("POST /bot{token}/" + method)
	}
}
