package server

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// covered are the calls that some test made with success, as "GET /v1/events".
var covered sync.Map

var countLine = regexp.MustCompile(`(?m)^deskbridge_http_request_seconds_count\{method="(\w+)",route="([^"]+)",status="2\d\d"\}`)

func noteCovered(s *Server) {
	for _, m := range countLine.FindAllStringSubmatch(scrape(s), -1) {
		covered.Store(m[1]+" "+m[2], true)
	}
}

// TestMain fails the run of all tests when a documented call was never made.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && all() {
		code = uncovered()
	}
	os.Exit(code)
}

// all reports whether every test was asked for.
func all() bool {
	for _, name := range []string{"test.run", "test.skip", "test.fuzz", "test.list"} {
		if flag.Lookup(name).Value.String() != "" {
			return false
		}
	}
	return true
}

func uncovered() (code int) {
	b, err := os.ReadFile("../../docs/openapi.json")
	var doc struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err == nil {
		err = json.Unmarshal(b, &doc)
	}
	if err != nil || len(doc.Paths) == 0 {
		fmt.Println("docs/openapi.json:", err)
		return 1
	}
	for path, methods := range doc.Paths {
		for method := range methods {
			call := strings.ToUpper(method) + " " + path
			if _, ok := covered.Load(call); !ok {
				fmt.Println("documented, and never called with success by a test:", call)
				code = 1
			}
		}
	}
	return code
}
