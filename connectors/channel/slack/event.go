package slack

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// callback is the outer event: https://docs.slack.dev/apis/events-api/
type callback struct {
	Type                string          `json:"type"`
	TeamID              string          `json:"team_id"`
	ContextTeamID       string          `json:"context_team_id"`
	ContextEnterpriseID string          `json:"context_enterprise_id"`
	APIAppID            string          `json:"api_app_id"`
	EventID             string          `json:"event_id"`
	Event               json.RawMessage `json:"event"`
	// Authorizations has the installation through which we see the event: in
	// a shared channel team_id may be the other workspace's.
	Authorizations []struct {
		EnterpriseID string `json:"enterprise_id"`
		TeamID       string `json:"team_id"`
		UserID       string `json:"user_id"`
		IsBot        bool   `json:"is_bot"`
	} `json:"authorizations"`
	ExternallyShared bool   `json:"is_ext_shared_channel"`
	Challenge        string `json:"challenge"`
}

// home is the workspace and the organisation in which the app is installed.
func (c *callback) home() (team, enterprise string) {
	team, enterprise = c.ContextTeamID, c.ContextEnterpriseID
	if len(c.Authorizations) > 0 {
		team = first(c.Authorizations[0].TeamID, team)
		enterprise = first(c.Authorizations[0].EnterpriseID, enterprise)
	}
	return first(team, c.TeamID), enterprise
}

// self is the member that the app is, where the event says so.
func (c *callback) self() string {
	if len(c.Authorizations) > 0 && c.Authorizations[0].IsBot {
		return c.Authorizations[0].UserID
	}
	return ""
}

// event is an inner event: a message or a reaction.
// https://docs.slack.dev/reference/events/message
type event struct {
	Type     string `json:"type"`
	Subtype  string `json:"subtype"`
	Channel  string `json:"channel"`
	User     string `json:"user"`
	BotID    string `json:"bot_id"`
	AppID    string `json:"app_id"`
	Username string `json:"username"`
	Text     string `json:"text"`

	TS           string `json:"ts"`
	EventTS      string `json:"event_ts"`
	ThreadTS     string `json:"thread_ts"`
	DeletedTS    string `json:"deleted_ts"`
	ParentUserID string `json:"parent_user_id"`

	// Team is the author's; in shared channels it is UserTeam, which may be
	// an organisation, and SourceTeam.
	Team       string `json:"team"`
	UserTeam   string `json:"user_team"`
	SourceTeam string `json:"source_team"`

	BotProfile *struct {
		AppID string `json:"app_id"`
	} `json:"bot_profile"`
	UserProfile *struct {
		RealName        string `json:"real_name"`
		DisplayName     string `json:"display_name"`
		Name            string `json:"name"`
		Team            string `json:"team"`
		Restricted      bool   `json:"is_restricted"`
		UltraRestricted bool   `json:"is_ultra_restricted"`
	} `json:"user_profile"`
	Metadata *struct {
		EventType string `json:"event_type"`
	} `json:"metadata"`
	Edited *struct {
		TS string `json:"ts"`
	} `json:"edited"`

	Files       []file       `json:"files"`
	Attachments []attachment `json:"attachments"`

	Message  *event `json:"message"`
	Previous *event `json:"previous_message"`

	Reaction string `json:"reaction"`
	Item     struct {
		Type    string `json:"type"`
		Channel string `json:"channel"`
		TS      string `json:"ts"`
	} `json:"item"`
}

// file is https://docs.slack.dev/reference/objects/file-object
type file struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Title      string `json:"title"`
	MimeType   string `json:"mimetype"`
	Mode       string `json:"mode"`
	Access     string `json:"file_access"`
	External   bool   `json:"is_external"`
	Size       int64  `json:"size"`
	URLPrivate string `json:"url_private"`
	Download   string `json:"url_private_download"`
}

// attachment is what stands below a message: previews, and messages that
// somebody passes on.
type attachment struct {
	Share      bool   `json:"is_share"`
	MsgUnfurl  bool   `json:"is_msg_unfurl"`
	AuthorName string `json:"author_name"`
	Text       string `json:"text"`
	FromURL    string `json:"from_url"`
	Files      []file `json:"files"`
}

// name is what the author calls themself, where the event says so.
func (e *event) name() string {
	if p := e.UserProfile; p != nil {
		return first(p.DisplayName, p.RealName, p.Name)
	}
	return ""
}

// guest tells that the author is a guest of our own workspace.
func (e *event) guest() bool {
	return e.UserProfile != nil && (e.UserProfile.Restricted || e.UserProfile.UltraRestricted)
}

// team of the author; that of the app where the event does not say.
func (e *event) team(home string) string {
	t := first(e.UserTeam, e.SourceTeam, e.Team)
	if t == "" && e.UserProfile != nil {
		t = e.UserProfile.Team
	}
	return first(t, home)
}

var (
	errTimestamp = errors.New("bad_ts: no timestamp of a message, such as 1700000000.000100")
	errChannel   = errors.New("bad_channel: no id of a channel")
)

// parseTS reads the timestamp that names a message within its channel.
func parseTS(ts string) (time.Time, error) {
	whole, fraction, ok := strings.Cut(ts, ".")
	seconds, err1 := strconv.ParseUint(whole, 10, 40)
	micros, err2 := strconv.ParseUint(fraction, 10, 32)
	if !ok || err1 != nil || err2 != nil || len(fraction) != 6 || len(whole) > 11 {
		return time.Time{}, errTimestamp
	}
	return time.Unix(int64(seconds), int64(micros)*1000).UTC(), nil
}

// place names a message over all channels of the account: "C0123:1700000000.000100".
// It is the external id of messages.
func place(channel, ts string) (string, error) {
	if !anyChannelID.MatchString(channel) {
		return "", errChannel
	}
	if _, err := parseTS(ts); err != nil {
		return "", err
	}
	return channel + ":" + ts, nil
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
