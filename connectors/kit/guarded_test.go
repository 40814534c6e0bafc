package kit_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/deskbridge/deskbridge/connectors/kit"
)

func TestGuardedClientStaysOutOfPrivateNetworks(t *testing.T) {
	called := false
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer srv.Close()
	c := kit.GuardedClient(2 * time.Second)
	for _, url := range []string{
		srv.URL, "http://localhost:80/", "http://169.254.169.254/latest/meta-data", "http://[::1]:80/",
		"http://[::ffff:127.0.0.1]:80/", "http://0.0.0.0:80/", "http://100.64.0.1/", "http://2130706433/",
	} {
		res, err := c.Get(url)
		if err == nil {
			_ = res.Body.Close()
			t.Errorf("%s was fetched", url)
		}
	}
	if called {
		t.Error("the request reached a loopback server")
	}
}
