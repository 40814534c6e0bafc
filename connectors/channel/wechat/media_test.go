package wechat_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/channel"
	"github.com/deskbridge/deskbridge/connectors/channel/wechat"
	"github.com/deskbridge/deskbridge/connectors/simulator/fault"
	simulator "github.com/deskbridge/deskbridge/connectors/simulator/wechat"
	"github.com/deskbridge/deskbridge/normalize"
)

func TestFilesAreSent(t *testing.T) {
	r := start(t, simulator.Safe, nil)
	r.heard()
	video := file(normalize.PartVideo, "demo.mp4", "video/mp4", 3000)
	video.Text = "How it works"
	for _, p := range []normalize.Part{
		file(normalize.PartImage, "a.png", "image/png", 1000),
		file(normalize.PartAudio, "a.mp3", "audio/mpeg", 2000),
		video, video,
	} {
		if _, err := r.Send(t.Context(), r.outbound(p)); err != nil {
			t.Fatal(err)
		}
	}
	record := r.vendor.Record()
	for i, want := range []simulator.Sent{
		{Type: "image", File: simulator.File{Name: "image.png", Data: make([]byte, 1000)}},
		{Type: "voice", File: simulator.File{Name: "voice.mp3", Data: make([]byte, 2000)}},
		{Type: "video", File: simulator.File{Name: "video.mp4", Data: make([]byte, 3000)}, Title: "demo.mp4", Description: "How it works"},
		{Type: "video", File: simulator.File{Name: "video.mp4", Data: make([]byte, 3000)}, Title: "demo.mp4", Description: "How it works"},
	} {
		got := record[i]
		if got.Type != want.Type || got.File.Name != want.File.Name || len(got.File.Data) != len(want.File.Data) ||
			got.Title != want.Title || got.Description != want.Description {
			t.Errorf("%d: %+v", i, got)
		}
	}
}

func TestAnUploadThatFailsIsTriedAgain(t *testing.T) {
	r := start(t, simulator.Safe, nil)
	r.heard()
	r.vendor.Faults.Add(fault.Fault{Kind: fault.Lose, Path: "/media/upload"})
	o := r.outbound(file(normalize.PartImage, "a.png", "image/png", 1000))
	_, err := r.Send(t.Context(), o)
	class(t, "the answer to an upload is lost", err, connectors.Transient, "")
	if _, err := r.Send(t.Context(), o); err != nil { // it had not begun
		t.Fatal(err)
	}
	r.vendor.Faults.Add(fault.Fault{Kind: fault.Refuse, Path: "/media/upload", Status: 200, Body: `{"errcode":45007,"errmsg":"playtime out of limit"}`})
	_, err = r.Send(t.Context(), r.outbound(file(normalize.PartAudio, "a.amr", "audio/amr", 1000)))
	class(t, "61 seconds", err, connectors.Rejected, "45007")
}

func TestFilesAreFetched(t *testing.T) {
	r := start(t, simulator.Safe, nil)
	r.heard()
	for _, f := range []struct {
		kind string
		file simulator.File
	}{
		{"image", simulator.File{Name: "a.jpg", ContentType: "image/jpeg", Data: []byte("a picture")}},
		{"voice", simulator.File{Name: "a.amr", ContentType: "audio/amr", Data: []byte("a voice")}},
		{"video", simulator.File{Name: "a.mp4", ContentType: "video/mp4", Data: []byte("a video")}}, // by an address of its own
	} {
		if _, err := r.vendor.Say(t.Context(), customer, simulator.Message{Type: f.kind, File: f.file}); err != nil {
			t.Fatal(err)
		}
		got, err := r.Fetch(t.Context(), r.last(t).Parts[0].Media.Ref)
		if err != nil {
			t.Fatalf("%s: %v", f.kind, err)
		}
		b, err := io.ReadAll(got.Body)
		_ = got.Body.Close()
		if err != nil || string(b) != string(f.file.Data) || got.ContentType != f.file.ContentType || got.Size != int64(len(b)) {
			t.Errorf("%s: %q %+v %v", f.kind, b, got, err)
		}
	}
	if n := r.guarded.Load(); n != 0 {
		t.Errorf("%d requests to the vendor's own API were taken for foreign", n)
	}
}

func TestAPictureThatTheVendorHasLostIsHadFromItsAddress(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gone" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "image/jpeg")
		_, _ = io.WriteString(w, "still here")
	}))
	defer elsewhere.Close()
	r := start(t, simulator.Safe, nil)
	ref := func(id, address string) string { return url.Values{"id": {id}, "url": {address}}.Encode() }
	got, err := r.Fetch(t.Context(), ref("lost", elsewhere.URL+"/pic"))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(got.Body)
	_ = got.Body.Close()
	if string(b) != "still here" || r.guarded.Load() != 1 {
		t.Errorf("%q, %d guarded requests", b, r.guarded.Load())
	}
	_, err = r.Fetch(t.Context(), ref("lost", elsewhere.URL+"/gone"))
	class(t, "gone there as well", err, connectors.Rejected, "404")
	_, err = r.Fetch(t.Context(), ref("lost", "file:///etc/passwd"))
	class(t, "no address of the web", err, connectors.Rejected, "")
	_, err = r.Fetch(t.Context(), "id=lost")
	class(t, "a voice that is lost", err, connectors.Rejected, "40007")
	_, err = r.Fetch(t.Context(), "%")
	class(t, "no reference", err, connectors.Rejected, "")
}

func TestAMissingPermissionForMediaDoesNotStopTheAccount(t *testing.T) {
	r := start(t, simulator.Safe, nil)
	r.vendor.Faults.Add(
		fault.Fault{Kind: fault.Refuse, Path: "/media/get", Status: 200, Body: `{"errcode":48001,"errmsg":"api unauthorized"}`},
		fault.Fault{Kind: fault.Refuse, Path: "/user/info", Status: 200, Body: `{"errcode":48001,"errmsg":"api unauthorized"}`},
		fault.Fault{Kind: fault.Refuse, Path: "/custom/typing", Status: 200, Body: `{"errcode":48001,"errmsg":"api unauthorized"}`},
	)
	_, err := r.Fetch(t.Context(), "id=1")
	class(t, "media", err, connectors.Unsupported, "48001")
	_, err = r.Profile(t.Context(), to)
	class(t, "profile", err, connectors.Unsupported, "48001")
	err = r.Typing(t.Context(), normalize.Thread{}, to)
	class(t, "typing", err, connectors.Unsupported, "48001")
}

func TestTheVendorTellsWhoACustomerIs(t *testing.T) {
	r := start(t, simulator.Safe, nil)
	for _, c := range []struct {
		says simulator.Profile
		name string
	}{
		{simulator.Profile{Nickname: "李伟 🙂", Remark: "VIP", UnionID: "oUnion1"}, "李伟 🙂"},
		{simulator.Profile{Remark: "Mr. Li, order 17", UnionID: "oUnion1"}, "Mr. Li, order 17"},
	} {
		r.vendor.AddFollower(customer, c.says)
		p, err := r.Profile(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		want := channel.Evidence{Address: normalize.Address{Kind: wechat.KindUnionID, Value: "oUnion1"}, Verified: true}
		if p.Name != c.name || len(p.Evidence) != 1 || p.Evidence[0] != want {
			t.Errorf("%+v", p)
		}
	}
	r.vendor.AddFollower(customer, simulator.Profile{})
	if p, err := r.Profile(t.Context(), to); err != nil || p.Name != "" || p.Evidence != nil {
		t.Errorf("an account whose vendor tells nothing: %+v, %v", p, err)
	}
	_, err := r.Profile(t.Context(), normalize.Address{Kind: wechat.KindWeChat, Value: simulator.DefaultAppID + ":oNobody"})
	class(t, "nobody", err, connectors.Unreachable, "40003")
}

func TestASlowVendorHoldsNobodyUp(t *testing.T) {
	r := start(t, simulator.Safe, nil)
	if _, err := r.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.vendor.Faults.Add(fault.Fault{Kind: fault.SlowBody, Path: "/user/info", Delay: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := r.Profile(ctx, to)
	if err == nil || time.Since(begin) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}
