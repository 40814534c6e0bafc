package text

import (
	"slices"
	"testing"
)

func TestRemoteImagesAreShownOnRequest(t *testing.T) {
	clean := SanitizeHTML(`<p title="data-remote-src">Hi <img src="https://a.example/1.png?x=1&amp;y=&quot;2" alt="one"><img src="//b.example/2.gif">
		<img src="https://a.example/1.png?x=1&amp;y=&quot;2"><img src="cid:x"><img data-remote-src="https://c.example/" src="javascript:1"></p>`,
		func(string) (string, bool) { return "data:image/png;base64,AA==", true })
	want := []string{`https://a.example/1.png?x=1&y="2`, "https://b.example/2.gif", "https://c.example/"}
	if have := RemoteImages(clean); !slices.Equal(have, want) {
		t.Fatalf("%q of %s", have, clean)
	}
	shown := ShowImages(clean, map[string]string{want[0]: "data:image/png;base64,BB=="})
	again := `<p title="data-remote-src">Hi <img src="data:image/png;base64,BB==" alt="one"><img data-remote-src="https://b.example/2.gif">
		<img src="data:image/png;base64,BB=="><img src="data:image/png;base64,AA=="><img data-remote-src="https://c.example/"></p>`
	if shown != again {
		t.Errorf("%s", shown)
	}
	if same := ShowImages(clean, nil); same != clean {
		t.Errorf("with none: %s", same)
	}
}
