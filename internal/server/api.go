package server

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/deskbridge/deskbridge/normalize"
)

const (
	specPath = "/v1/openapi.json"
	// maxJSON bounds the body of an API call that is no upload.
	maxJSON = 6 << 20
)

// list is one page.
type list[T any] struct {
	Items []T     `json:"items" nullable:"false"`
	Next  *string `json:"next" doc:"Pass it as after (or before) for the page that follows; null at the end."`
}

// page makes a list of at most limit items out of limit+1 that were asked for.
func page[T any](items []T, limit int, cursor func(T) string) list[T] {
	l := list[T]{Items: items}
	if l.Items == nil {
		l.Items = []T{}
	}
	if len(items) > limit {
		l.Items = items[:limit]
		next := cursor(items[limit-1])
		l.Next = &next
	}
	return l
}

// body is an answer that is JSON alone.
type body[T any] struct{ Body T }

func answer[T any](v T, err error) (*body[T], error) {
	if err != nil {
		return nil, err
	}
	return &body[T]{v}, nil
}

// LimitParam is in every list. It is exported for huma, which sees no other
// embedded fields.
type LimitParam struct {
	Limit int `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many items at most."`
}

// api registers the REST API and its description on mux.
func (s *Server) api(mux *http.ServeMux) {
	a := humago.New(mux, apiConfig())
	s.customersAPI(a)
	s.conversationsAPI(a)
	s.messagesAPI(a)
	s.mediaAPI(a)
	s.eventsAPI(a)
	spec := describe(a.OpenAPI())
	mux.HandleFunc("GET "+specPath, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(spec)
	})
}

func apiConfig() huma.Config {
	c := huma.Config{OpenAPI: &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Deskbridge", Version: "1",
			Description: "One timeline per customer over all channels: read it, answer on it, follow what happens. " +
				"Ids and cursors are opaque strings. Errors are problem JSON (RFC 9457). " +
				"503 is a failure of ours: try again. Fields may be added; ignore those that you do not know.",
		},
		Components: &huma.Components{
			Schemas:         huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
			SecuritySchemes: map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer", Description: "Made by: deskbridge token create NAME"}},
		},
		Security: []map[string][]string{{"token": {}}},
	}}
	c.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	c.DefaultFormat = "application/json"
	c.RejectUnknownQueryParameters = true
	return c
}

// operation fills in what all calls have in common.
func operation(method, path, id, summary string, more ...func(*huma.Operation)) huma.Operation {
	o := huma.Operation{
		Method: method, Path: path, OperationID: id, Summary: summary,
		MaxBodyBytes: maxJSON, BodyReadTimeout: bodyTimeout,
	}
	for _, f := range more {
		f(&o)
	}
	return o
}

func describedAs(text string) func(*huma.Operation) {
	return func(o *huma.Operation) { o.Description = text }
}

func answering(status int) func(*huma.Operation) {
	return func(o *huma.Operation) { o.DefaultStatus = status }
}

// requestBodies are the schemas of what clients send.
var requestBodies = []string{"AnswerBody", "WriteBody", "MergeInBody", "LabelBody"}

// describe completes the description where Go's types say too little, and
// returns it as JSON.
func describe(o *huma.OpenAPI) []byte {
	schemas := o.Components.Schemas
	oneOf := make([]*huma.Schema, 0, len(eventData))
	for _, t := range eventData {
		oneOf = append(oneOf, schemas.Schema(t, true, ""))
	}
	if event := schemas.Map()["Event"]; event != nil {
		event.Properties["data"] = &huma.Schema{OneOf: oneOf, Description: "By type: the message, the conversation, the merge, the opt-out or the account."}
		event.Properties["type"].Enum = enum(normalize.EventTypes)
	}
	for name, s := range schemas.Map() {
		// Clients must live with fields that a later version adds; a request
		// with a key that we do not know is refused.
		if !slices.Contains(requestBodies, name) {
			s.AdditionalProperties = nil
		}
		if window := s.Properties["reply_window"]; window != nil {
			s.Properties["reply_window"] = &huma.Schema{
				OneOf:       []*huma.Schema{{Ref: window.Ref}, {Type: "null"}},
				Description: "How long an answer is taken; null where there is no such limit.",
			}
		}
	}
	b, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		panic(err) // our own types cannot be described: a mistake in the program
	}
	return append(b, '\n')
}

func enum[T ~string](values []T) []any {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return all
}

// slowly gives the writer of a long answer another while before each write.
type slowly struct {
	http.ResponseWriter
	control *http.ResponseController
}

func newSlowly(w http.ResponseWriter) *slowly {
	return &slowly{w, http.NewResponseController(w)}
}

func (s *slowly) Write(b []byte) (int, error) {
	// Not all writers have deadlines; those of real connections do.
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	return s.ResponseWriter.Write(b)
}
