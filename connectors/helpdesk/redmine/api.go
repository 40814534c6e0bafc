package redmine

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/deskbridge/deskbridge/connectors"
	"github.com/deskbridge/deskbridge/connectors/kit"
)

func newREST(c *Config, d connectors.Deps) *kit.REST {
	api := &kit.REST{
		Product: "Redmine", URL: c.base(), Clock: d.Clock,
		Mend:      "api_key, that its user is active, and that the REST web service is enabled (Administration, Settings, API)",
		Authorize: func(r *http.Request) { r.Header.Set("X-Redmine-API-Key", c.APIKey.Reveal()) },
		Words:     complaints, Refused: refused,
	}
	api.Use(d.HTTP)
	return api
}

// refused gives refusals a meaning that concern more than the one request.
func refused(_ kit.RESTCall, status int, _ []byte) error {
	switch status {
	case http.StatusForbidden:
		return connectors.Errorf(connectors.AccountDown, "403", "the user of api_key may not do this: check its role in the project, and that the project is not closed")
	case http.StatusNotFound:
		return connectors.Errorf(connectors.AccountDown, "404", "Redmine does not find it: check url")
	}
	return nil
}

// complaints are what Redmine finds wrong with a request.
func complaints(body []byte) string {
	var what struct{ Errors []string }
	if json.Unmarshal(body, &what) != nil {
		return ""
	}
	return strings.Join(what.Errors, "; ")
}

// get asks for something.
func (r *Redmine) get(ctx context.Context, path string, out any) error {
	return r.json(ctx, http.MethodGet, path, nil, out)
}

// json makes a call with a body of JSON, if any, and decodes the answer into
// out, if there is one.
func (r *Redmine) json(ctx context.Context, method, path string, in, out any) error {
	_, err := r.api.Do(ctx, kit.RESTCall{Method: method, Path: path, JSON: in, Into: out})
	return err
}
