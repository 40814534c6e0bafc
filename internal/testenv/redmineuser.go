package testenv

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// RedmineUser is a person at work in Redmine.
type RedmineUser struct {
	r    *Redmine
	Name string
	key  string
}

// RedmineIssue is an issue as its readers see it.
type RedmineIssue struct {
	ID          int    `json:"id"`
	Subject     string `json:"subject"`
	Description string `json:"description"`
	Project     struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	} `json:"project"`
	Status struct {
		Name   string `json:"name"`
		Closed bool   `json:"is_closed"`
	} `json:"status"`
	Fields []struct {
		Name  string `json:"name"`
		Value any    `json:"value"`
	} `json:"custom_fields"`
	Journals    []RedmineJournal `json:"journals"`
	Attachments []RedmineFile    `json:"attachments"`
	Created     time.Time        `json:"created_on"`
	Updated     time.Time        `json:"updated_on"`
}

// RedmineJournal is a step in the history of an issue: a note, changes, or both.
type RedmineJournal struct {
	ID   int `json:"id"`
	User struct {
		Name string `json:"name"`
	} `json:"user"`
	Notes   string `json:"notes"`
	Private bool   `json:"private_notes"`
	Details []struct {
		Property string `json:"property"`
		Name     string `json:"name"`
		Old      string `json:"old_value"`
		New      string `json:"new_value"`
	} `json:"details"`
}

// RedmineFile is a file of an issue.
type RedmineFile struct {
	ID   int    `json:"id"`
	Name string `json:"filename"`
	Size int64  `json:"filesize"`
	Type string `json:"content_type"`
	URL  string `json:"content_url"`
}

// Issues returns the ids of all issues of the project, oldest first.
func (u *RedmineUser) Issues() []int {
	u.r.t.Helper()
	var list struct{ Issues []RedmineIssue }
	u.do(http.MethodGet, "/issues.json?status_id=*&sort=id&limit=100&project_id="+u.r.Project, nil, &list)
	ids := make([]int, len(list.Issues))
	for i, issue := range list.Issues {
		ids[i] = issue.ID
	}
	return ids
}

// Issue returns an issue with its history, oldest first, or nil where there is
// none (any more).
func (u *RedmineUser) Issue(id int) *RedmineIssue {
	u.r.t.Helper()
	var found struct{ Issue RedmineIssue }
	if u.do(http.MethodGet, fmt.Sprintf("/issues/%d.json?include=journals,attachments", id), nil, &found) == http.StatusNotFound {
		return nil
	}
	return &found.Issue
}

// Page returns the HTML page of an issue.
func (u *RedmineUser) Page(id int) string {
	u.r.t.Helper()
	_, body := u.request(http.MethodGet, fmt.Sprintf("/issues/%d", id), "", nil)
	return string(body)
}

// File returns the content of a file of an issue.
func (u *RedmineUser) File(f RedmineFile) string {
	u.r.t.Helper()
	status, body := u.request(http.MethodGet, fmt.Sprintf("/attachments/download/%d/%s", f.ID, url.PathEscape(f.Name)), "", nil)
	if status != http.StatusOK {
		u.r.t.Fatalf("the file %s: status %d", f.Name, status)
	}
	return string(body)
}

// Create makes an issue that is nobody's ticket.
func (u *RedmineUser) Create(subject, description string) int {
	u.r.t.Helper()
	var made struct{ Issue RedmineIssue }
	u.do(http.MethodPost, "/issues.json", map[string]any{"project_id": u.r.Project, "subject": subject, "description": description}, &made)
	return made.Issue.ID
}

// Note writes a public note, with files whose content is their name, and
// returns the id of its journal.
func (u *RedmineUser) Note(id int, text string, files ...string) int {
	u.r.t.Helper()
	change := map[string]any{"notes": text}
	var uploads []map[string]string
	for _, name := range files {
		uploads = append(uploads, map[string]string{"token": u.upload(name), "filename": name})
	}
	if uploads != nil {
		change["uploads"] = uploads
	}
	return u.Change(id, change)
}

// PrivateNote writes a note that only agents may read.
func (u *RedmineUser) PrivateNote(id int, text string) int {
	u.r.t.Helper()
	return u.Change(id, map[string]any{"notes": text, "private_notes": true})
}

// Close closes an issue.
func (u *RedmineUser) Close(id int) { u.r.t.Helper(); u.Change(id, map[string]any{"status_id": 5}) }

// Reopen takes up a closed issue again.
func (u *RedmineUser) Reopen(id int) { u.r.t.Helper(); u.Change(id, map[string]any{"status_id": 2}) }

// Change edits an issue in one step, and returns the id of its last journal.
func (u *RedmineUser) Change(id int, change map[string]any) int {
	u.r.t.Helper()
	u.do(http.MethodPut, fmt.Sprintf("/issues/%d.json", id), change, nil)
	last := 0
	for _, j := range u.Issue(id).Journals {
		last = max(last, j.ID)
	}
	return last
}

// Project makes a project without members and returns its number. Everybody
// sees a public one.
func (u *RedmineUser) Project(identifier string, public bool) int {
	u.r.t.Helper()
	body, err := json.Marshal(map[string]any{"project": map[string]any{"name": identifier, "identifier": identifier, "is_public": public, "tracker_ids": []int{1, 2, 3}}})
	if err != nil {
		u.r.t.Fatal(err)
	}
	status, answer := u.request(http.MethodPost, "/projects.json", "application/json", body)
	var made struct{ Project struct{ ID int } }
	if err := json.Unmarshal(answer, &made); err != nil || status != http.StatusCreated {
		u.r.t.Fatalf("project %s: status %d: %.500s", identifier, status, answer)
	}
	return made.Project.ID
}

// Delete removes an issue for good.
func (u *RedmineUser) Delete(id int) {
	u.r.t.Helper()
	u.do(http.MethodDelete, fmt.Sprintf("/issues/%d.json", id), nil, nil)
}

func (u *RedmineUser) upload(name string) string {
	u.r.t.Helper()
	status, body := u.request(http.MethodPost, "/uploads.json?filename="+url.QueryEscape(name), "application/octet-stream", []byte(name))
	var made struct{ Upload struct{ Token string } }
	if err := json.Unmarshal(body, &made); err != nil || status != http.StatusCreated {
		u.r.t.Fatalf("upload %s: status %d, %v", name, status, err)
	}
	return made.Upload.Token
}

// do makes a call with the fields of an issue, if any, and decodes its answer.
// A call may find nothing; any other refusal fails the test.
func (u *RedmineUser) do(method, path string, issue map[string]any, out any) int {
	u.r.t.Helper()
	var body []byte
	if issue != nil {
		var err error
		if body, err = json.Marshal(map[string]any{"issue": issue}); err != nil {
			u.r.t.Fatal(err)
		}
	}
	status, answer := u.request(method, path, "application/json", body)
	switch {
	case status == http.StatusNotFound && method == http.MethodGet:
		return status
	case status >= 300:
		u.r.t.Fatalf("%s in Redmine: %s %s: status %d: %.500s", u.Name, method, path, status, answer)
	case out != nil:
		if err := json.Unmarshal(answer, out); err != nil {
			u.r.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return status
}

func (u *RedmineUser) request(method, path, contentType string, body []byte) (int, []byte) {
	u.r.t.Helper()
	resp, err := u.r.call(u.key, method, path, contentType, body)
	if err != nil {
		u.r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		u.r.t.Fatal(err)
	}
	return resp.StatusCode, answer
}
