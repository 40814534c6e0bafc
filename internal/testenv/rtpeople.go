package testenv

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
)

// RTPerson acts in Request Tracker as a user, through its REST 2.0 interface.
type RTPerson struct {
	rt   *RT
	name string
}

// As returns the person with this user name, such as "ann".
func (r *RT) As(name string) *RTPerson { return &RTPerson{rt: r, name: name} }

// Mail hands RT a mail as its mail gateway does, from whomever it says. One about
// a ticket has "[desk.test #1]" in its subject.
func (r *RT) Mail(raw []byte) {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), Need(r.t, "rt-mailgate-5", "rt5-clients"), "--url", r.URL, "--queue", RTQueue, "--action", "correspond")
	cmd.Stdin = bytes.NewReader(raw)
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("Request Tracker refuses a mail: %v\n%s", err, out)
	}
}

// RTFile is an attachment.
type RTFile struct {
	Name, Type string
	Content    []byte
}

// Create opens a ticket and returns its number.
func (p *RTPerson) Create(subject, text string) string {
	p.rt.t.Helper()
	var made struct{ ID string }
	p.do(http.MethodPost, "/ticket", map[string]any{"Queue": RTQueue, "Subject": subject, "Content": text}, &made)
	return made.ID
}

// Correspond answers the customer and returns the number of the transaction.
func (p *RTPerson) Correspond(ticket, text string, files ...RTFile) string {
	p.rt.t.Helper()
	return p.write("correspond", ticket, "text/plain", "", text, files)
}

// Resolve answers the customer and resolves the ticket at once.
func (p *RTPerson) Resolve(ticket, text string) string {
	p.rt.t.Helper()
	return p.write("correspond", ticket, "text/plain", "resolved", text, nil)
}

// CorrespondHTML answers as the web form with rich text does.
func (p *RTPerson) CorrespondHTML(ticket, html string, files ...RTFile) string {
	p.rt.t.Helper()
	return p.write("correspond", ticket, "text/html", "", html, files)
}

// Comment writes what only agents may read.
func (p *RTPerson) Comment(ticket, text string, files ...RTFile) string {
	p.rt.t.Helper()
	return p.write("comment", ticket, "text/plain", "", text, files)
}

func (p *RTPerson) write(how, ticket, contentType, status, text string, files []RTFile) string {
	p.rt.t.Helper()
	var list []map[string]string
	for _, f := range files {
		name := make([]rune, 0, len(f.Name)) // RT 5.0.3 fails on characters here, and takes bytes
		for _, b := range []byte(f.Name) {
			name = append(name, rune(b))
		}
		list = append(list, map[string]string{"FileName": string(name), "FileType": f.Type, "FileContent": base64.StdEncoding.EncodeToString(f.Content)})
	}
	body := map[string]any{"Content": text, "ContentType": contentType}
	if status != "" {
		body["Status"] = status
	}
	if len(list) > 0 {
		body["Attachments"] = list
	}
	at := p.do(http.MethodPost, "/ticket/"+ticket+"/"+how, body, nil)
	return at[strings.LastIndexByte(at, '/')+1:]
}

// CreateQueue makes a queue that only root sees.
func (p *RTPerson) CreateQueue(name string) {
	p.rt.t.Helper()
	p.do(http.MethodPost, "/queue", map[string]string{"Name": name}, nil)
}

// SetStatus sets a ticket's status: open, stalled, resolved, rejected, deleted.
func (p *RTPerson) SetStatus(ticket, status string) {
	p.rt.t.Helper()
	p.Update(ticket, "Status", status)
}

// Merge merges a ticket into another.
func (p *RTPerson) Merge(ticket, into string) {
	p.rt.t.Helper()
	p.Update(ticket, "MergeInto", into)
}

// Update sets a field of a ticket.
func (p *RTPerson) Update(ticket, field, value string) {
	p.rt.t.Helper()
	p.do(http.MethodPut, "/ticket/"+ticket, map[string]string{field: value}, nil)
}

// RTTicket is a ticket as a person sees it.
type RTTicket struct {
	ID, Subject, Status string
	Requestor           []struct{ ID string }
	RefersTo            []string
}

// Ticket reads a ticket; of one that was merged, the one that it went into.
func (p *RTPerson) Ticket(id string) RTTicket {
	p.rt.t.Helper()
	var t struct {
		RTTicket
		ID         json.Number
		Hyperlinks []struct {
			Ref, Type string
			URL       string `json:"_url"`
		} `json:"_hyperlinks"`
	}
	p.do(http.MethodGet, "/ticket/"+id, nil, &t)
	t.RTTicket.ID = t.ID.String()
	for _, l := range t.Hyperlinks {
		if l.Ref == "refers-to" {
			t.RefersTo = append(t.RefersTo, l.URL)
		}
	}
	return t.RTTicket
}

// Tickets returns the numbers of the tickets that a query in TicketSQL finds,
// in order. Deleted and merged ones are never among them.
func (p *RTPerson) Tickets(query string) []string {
	p.rt.t.Helper()
	var page struct{ Items []struct{ ID string } }
	p.do(http.MethodGet, "/tickets?per_page=100&orderby=id&query="+url.QueryEscape(query), nil, &page)
	var ids []string
	for _, item := range page.Items {
		ids = append(ids, item.ID)
	}
	return ids
}

// RTEntry is a transaction of a ticket with what it says.
type RTEntry struct {
	ID, Type, Creator  string
	OldValue, NewValue string
	Text               string // of its first text
	Files              []RTFile
}

// History returns a ticket's transactions, oldest first.
func (p *RTPerson) History(ticket string) []RTEntry {
	p.rt.t.Helper()
	var page struct {
		Items []struct {
			ID                 string
			Of                 string `json:"type"` // of the record, not of the transaction
			Type               string
			Creator            struct{ ID string }
			OldValue, NewValue string
			Hyperlinks         []struct {
				Ref string
				URL string `json:"_url"`
			} `json:"_hyperlinks"`
		}
	}
	p.do(http.MethodGet, "/ticket/"+ticket+"/history?per_page=100&orderby=id&fields=Type,Creator,OldValue,NewValue,_hyperlinks", nil, &page)
	var all []RTEntry
	for _, item := range page.Items {
		e := RTEntry{ID: item.ID, Type: item.Type, Creator: item.Creator.ID, OldValue: item.OldValue, NewValue: item.NewValue}
		for _, link := range item.Hyperlinks {
			if link.Ref == "attachment" {
				p.attachment(link.URL[strings.LastIndexByte(link.URL, '/')+1:], &e)
			}
		}
		all = append(all, e)
	}
	return all
}

func (p *RTPerson) attachment(id string, e *RTEntry) {
	p.rt.t.Helper()
	var a struct{ ContentType, Filename, Content string }
	p.do(http.MethodGet, "/attachment/"+id, nil, &a)
	content, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(a.Content, "\n", ""))
	switch {
	case err != nil:
		p.rt.t.Fatal(err)
	case a.Filename != "":
		e.Files = append(e.Files, RTFile{Name: a.Filename, Type: a.ContentType, Content: content})
	case e.Text == "" && strings.HasPrefix(a.ContentType, "text/"):
		e.Text = string(content)
	}
}

// do makes a request, reads the answer into out and returns the Location.
func (p *RTPerson) do(method, path string, body, out any) string {
	p.rt.t.Helper()
	location, err := p.try(method, path, body, out)
	if err != nil {
		p.rt.t.Fatalf("Request Tracker as %s: %s %s: %v", p.name, method, path, err)
	}
	return location
}

func (p *RTPerson) try(method, path string, body, out any) (string, error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return "", err
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(p.rt.t.Context(), method, p.rt.URL+"/REST/2.0"+path, content)
	if err != nil {
		return "", err
	}
	req.SetBasicAuth(p.name, RTPassword)
	req.Header.Set("Content-Type", "application/json")
	req.Close = true // tests look for goroutines left behind
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return "", err
	case res.StatusCode >= 300:
		return "", fmt.Errorf("%s: %s", res.Status, b)
	case out != nil:
		err = json.Unmarshal(b, out)
	}
	return res.Header.Get("Location"), err
}
