package email

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/deskbridge/deskbridge/internal/testenv"
	"github.com/deskbridge/deskbridge/normalize"
)

// expectation is what another parser, libsisimai, says of a fixture. It is an
// oracle and not gospel: it calls a delay a failure when it knows the cause.
type expectation struct {
	File    string
	Bounces []struct {
		Action, Recipient, Reason, FeedbackType string
		Status                                  string `json:"deliverystatus"`
		Soft                                    int    `json:"softbounce"`
	}
}

// outcome is what a report says of one recipient, in a word.
func (x expectation) outcomes() (who []string, status string) {
	for _, b := range x.Bounces {
		status = "failed"
		switch {
		case b.Reason == "feedback":
			status = "complaint"
			if b.FeedbackType == "auth-failure" {
				status = "none"
			}
		case b.Reason == "vacation":
			return nil, "message"
		case b.Reason == "delivered":
			status = "delivered"
		case b.Action == "delayed":
			status = "delayed"
		}
		if !strings.HasPrefix(b.Recipient, "undisclosed-recipient") {
			who = append(who, strings.ToLower(b.Recipient))
		}
	}
	if len(x.Bounces) == 0 {
		status = "message"
	}
	slices.Sort(who)
	return slices.Compact(who), status
}

// noticed returns where the mail ended, which is what the oracle names: with
// the final recipient of a report, if that is another than whom it was for.
func noticed(n *notice) (who []string, status string, first normalize.Receipt) {
	if n == nil {
		return nil, "message", first
	}
	status = "none"
	for i, r := range n.receipts {
		if i == 0 {
			first = r
		}
		switch {
		case r.Code == complaintCode:
			status = "complaint"
		case r.Status == normalize.StatusFailed:
			status = "failed"
		case r.Status == normalize.StatusAccepted:
			status = "delayed"
		default:
			status = string(r.Status)
		}
		switch {
		case !r.Final.IsZero():
			who = append(who, r.Final.Value)
		case !r.Recipient.IsZero():
			who = append(who, r.Recipient.Value)
		}
	}
	slices.Sort(who)
	return slices.Compact(who), status, first
}

// TestBouncesOfOthers measures the reader by fixtures of many mail systems.
func TestBouncesOfOthers(t *testing.T) {
	dir := corpus(t, "bounces")
	file, err := os.ReadFile(filepath.Join(dir, "expected.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var all, agree, codes, sameCode, judged, sameHardness int
	for lines := bufio.NewScanner(bytes.NewReader(file)); lines.Scan(); {
		var want expectation
		if err := json.Unmarshal(lines.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(dir, want.File))
		if err != nil {
			t.Fatal(err)
		}
		root, err := readTree(raw)
		if err != nil {
			t.Logf("%s: unreadable: %v", want.File, err)
			continue
		}
		all++
		n := readNotice(root)
		who, status, first := noticed(n)
		wantWho, wantStatus := want.outcomes()
		if status == "none" || status == "message" {
			who, wantWho = nil, nil
		}
		if status == wantStatus && slices.Equal(who, wantWho) {
			agree++
		} else {
			t.Logf("%s: got %s %v, the oracle says %s %v (%v)", want.File, status, who, wantStatus, wantWho, want.Bounces)
		}
		if len(want.Bounces) != 1 || status != "failed" && status != "delayed" {
			continue
		}
		b := want.Bounces[0]
		if b.Status != "" && !strings.Contains(b.Status, ".0.9") { // made up by the oracle
			if codes++; b.Status == first.Code {
				sameCode++
			} else {
				t.Logf("%s: code %s, the oracle says %s (%s); %s", want.File, first.Code, b.Status, b.Reason, first.Detail)
			}
		}
		if judged++; first.Unreachable == (b.Soft == 0) {
			sameHardness++
		} else {
			t.Logf("%s: unreachable %v by %s, the oracle says %s; %s", want.File, first.Unreachable, first.Code, b.Reason, first.Detail)
		}
	}
	t.Logf("recipient and status agree for %d of %d, exact codes for %d of %d, hard or soft for %d of %d",
		agree, all, sameCode, codes, sameHardness, judged)
	// What has been reached, so that it is not lost again.
	if agree*1000 < all*952 {
		t.Errorf("recipient and status agree for %d of %d only", agree, all)
	}
}

// corpus is a folder of fixtures that are not part of the project.
func corpus(t *testing.T, folder string) string {
	t.Helper()
	dir := os.Getenv("DESKBRIDGE_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	dir = filepath.Join(dir, folder)
	if _, err := os.Stat(dir); err != nil {
		testenv.NotTested(t, "there is no "+dir+"; DESKBRIDGE_CORPUS names the folder of fixtures by others")
	}
	return dir
}
