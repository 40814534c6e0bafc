package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	"github.com/deskbridge/deskbridge/connectors/simulator/wechat"
	"github.com/deskbridge/deskbridge/internal/testenv"
)

// TestMediaSurviveKills: pictures that the vendor keeps come in whole, though
// the daemon is killed again and again while it fetches them and the vendor
// breaks off.
func TestMediaSurviveKills(t *testing.T) {
	const li, pictures, kills = "oLi-Wei_0000000000000000001a", 12, 3
	atOnce(t, func(t *testing.T, storeURL func(*testing.T, string) string) {
		r := newRig(t, storeURL)
		vendor, err := wechat.Start(wechat.Options{Callback: "http://" + r.listen + "/webhooks/wx", Repeat: time.Second, Repeats: 60})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = vendor.Close() }()
		r.configure(fmt.Sprintf(`  - {name: wx, type: wechat, app_id: %s, app_secret: %s, token: %s, encoding_aes_key: %s, api_url: %q}`,
			wechat.DefaultAppID, wechat.DefaultSecret, wechat.DefaultToken, wechat.DefaultAESKey, vendor.URL()))
		vendor.AddFollower(li, wechat.Profile{Nickname: "李伟"})
		vendor.Faults.Add(
			fault.Fault{Path: "media/get", Kind: fault.Cut}, fault.Fault{Path: "media/get", Kind: fault.Refuse, Status: http.StatusBadGateway},
			fault.Fault{Path: "media/get", Kind: fault.SlowBody, Delay: 150 * time.Millisecond, Times: -1},
		)
		r.start()
		sent := map[string][]byte{}
		send := func(n int) {
			for range n {
				data := append([]byte("\xff\xd8\xff\xe0"), bytes.Repeat([]byte(fmt.Sprintf("picture %d ", len(sent))), 5000)...)
				id, err := vendor.Say(t.Context(), li, wechat.Message{Type: "image", File: wechat.File{Name: "a.jpg", ContentType: "image/jpeg", Data: data}})
				if err != nil {
					t.Fatal(err)
				}
				sent[id] = data
			}
		}
		for range kills {
			before := vendor.Faults.Struck()[fault.SlowBody]
			send(pictures / kills)
			testenv.WaitFor(t, testenv.Patience, "a picture to be on its way", func() bool { return vendor.Faults.Struck()[fault.SlowBody] > before })
			r.kill()
			r.start()
		}
		ids := map[string]string{}
		for _, e := range r.await("message.received", pictures) {
			ids[e.Data.ExternalID] = e.Data.ID
		}
		vendor.Faults.Clear()
		type picture struct {
			Parts []struct {
				Status string
				Media  struct {
					ID   string
					Size int
				}
			}
		}
		for id, data := range sent {
			var m picture
			testenv.WaitFor(t, testenv.Patience, "picture "+id, func() bool {
				m = picture{}
				r.must("GET", "/v1/messages/"+ids[id], nil, &m)
				return len(m.Parts) == 1 && m.Parts[0].Status == "received"
			})
			got, err := r.media(m.Parts[0].Media.ID)
			if err != nil || !bytes.Equal(got, data) || m.Parts[0].Media.Size != len(data) {
				t.Errorf("picture %s: %d bytes of %d, %v", id, len(got), len(data), err)
			}
		}
		if left := r.run("outbox", "list", "--lane", "fetch", "--stuck"); !strings.Contains(left, "no jobs") {
			t.Errorf("left over:\n%s", left)
		}
	})
}
