package freshdesk

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
)

// The largest sum of a request's files, and the largest request.
const (
	maxFiles   = 20 << 20
	maxRequest = maxFiles + 4<<20
)

// params are the fields that a request may have; which of them an endpoint
// takes is its own matter.
type params struct {
	Subject          string         `json:"subject,omitempty"`
	Description      string         `json:"description,omitempty"`
	Name             string         `json:"name,omitempty"`
	Email            string         `json:"email,omitempty"`
	Phone            string         `json:"phone,omitempty"`
	UniqueExternalID string         `json:"unique_external_id,omitempty"`
	RequesterID      int64          `json:"requester_id,omitempty"`
	Status           int            `json:"status,omitempty"`
	Priority         int            `json:"priority,omitempty"`
	Source           int            `json:"source,omitempty"`
	Tags             []string       `json:"tags,omitempty"`
	CustomFields     map[string]any `json:"custom_fields,omitempty"`
	Body             string         `json:"body,omitempty"`
	Private          *bool          `json:"private,omitempty"`
	Incoming         bool           `json:"incoming,omitempty"`
	UserID           int64          `json:"user_id,omitempty"`
	PrimaryID        int64          `json:"primary_id,omitempty"`
	TicketIDs        []int64        `json:"ticket_ids,omitempty"`

	files []Attachment
}

// read takes a request apart, in JSON or as a form.
func (s *Server) read(w http.ResponseWriter, r *http.Request) (*params, bool) {
	kind, attributes, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	body := http.MaxBytesReader(w, r.Body, maxRequest)
	var p params
	var err error
	switch kind {
	case "application/json":
		d := json.NewDecoder(body)
		d.DisallowUnknownFields()
		err = d.Decode(&p)
	case "multipart/form-data":
		err = p.form(multipart.NewReader(body, attributes["boundary"]))
	default:
		reply(w, 415, map[string]any{"code": "invalid_content_type", "message": "Content-Type header is set to " + kind + ". It should be application/json."})
		return nil, false
	}
	if f, ok := errors.AsType[*fieldError](err); ok {
		invalid(w, f)
		return nil, false
	}
	if err != nil {
		if name, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
			invalid(w, &fieldError{strings.Trim(name, `"`), "invalid_field", "Unexpected/invalid field in request"})
			return nil, false
		}
		reply(w, 400, map[string]any{"code": "invalid_json", "message": "Request body has invalid json format: " + err.Error()})
		return nil, false
	}
	sum := 0
	for _, f := range p.files {
		sum += len(f.Content)
	}
	if sum > maxFiles {
		invalid(w, &fieldError{"attachments", "invalid_size", "Invalid attachment size " + strconv.Itoa(sum>>20) + " MB. Should be within 20 MB"})
		return nil, false
	}
	for _, tag := range p.Tags {
		if len(tag) > 32 || strings.Contains(tag, ",") {
			invalid(w, &fieldError{"tags", "invalid_value", "It should only contain elements that have maximum of 32 characters"})
			return nil, false
		}
	}
	return &p, true
}

func (f *fieldError) Error() string { return f.field + ": " + f.message }

// form reads the fields of a form by way of their JSON.
func (p *params) form(m *multipart.Reader) error {
	fields := map[string]any{}
	var list []string // of tags
	for {
		part, err := m.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return err
		}
		switch name := part.FormName(); name {
		case "attachments[]":
			p.files = append(p.files, Attachment{
				Name: part.FileName(), ContentType: cmp.Or(part.Header.Get("Content-Type"), "application/octet-stream"), Content: content,
			})
		case "tags[]":
			list = append(list, string(content))
			fields["tags"] = list
		case "private", "incoming", "status", "priority", "source", "user_id", "requester_id":
			fields[name] = json.RawMessage(content)
		default:
			fields[name] = string(content)
		}
	}
	b, err := json.Marshal(fields)
	if err != nil {
		return &fieldError{"form", "datatype_mismatch", "a value is not of its type"}
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(p)
}
