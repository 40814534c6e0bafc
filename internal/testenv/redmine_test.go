package testenv

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestRedmineKeepsItsIssues(t *testing.T) {
	r := StartRedmine(t)
	id := r.Anna.Create("The printer is on fire", "*Help*")
	r.Anna.Note(id, "On my way.", "extinguisher.txt")
	r.Bert.PrivateNote(id, "Insured?")
	r.Anna.Close(id)
	// Redmine keeps in memory what it has yet to mail.
	WaitFor(t, deadline, "mail to a colleague", func() bool { return slices.Contains(r.Mailed(), "bert@example.test") })

	r.Stop()
	if resp, err := http.Get(r.URL); err == nil {
		_ = resp.Body.Close()
		t.Fatal("after a stop Redmine still answers")
	}
	r.Start()

	issue := r.Bert.Issue(id)
	if issue == nil || !issue.Status.Closed || len(issue.Journals) != 3 || len(issue.Attachments) != 1 {
		t.Fatalf("after a stop and a start: %+v", issue)
	}
	if j := issue.Journals[0]; j.User.Name != r.Anna.Name || j.Notes != "On my way." || j.Private {
		t.Errorf("the first note: %+v", j)
	}
	if j := issue.Journals[1]; !j.Private {
		t.Errorf("the private note: %+v", j)
	}
	if got := r.Bert.File(issue.Attachments[0]); got != "extinguisher.txt" {
		t.Errorf("the file holds %q", got)
	}
	if page := r.Anna.Page(id); !strings.Contains(page, "<strong>Help</strong>") {
		t.Error("the page does not show the description as Textile")
	}
	r.Set("text_formatting", "common_mark")
	WaitFor(t, deadline, "the setting to hold", func() bool { return strings.Contains(r.Anna.Page(id), "<em>Help</em>") })
	r.Admin.Delete(id)
	if r.Anna.Issue(id) != nil || len(r.Anna.Issues()) != 0 {
		t.Error("the issue is still there")
	}
}
