package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/slack-go/slack"

	"github.com/deskbridge/deskbridge/connectors"
)

// fallbackWait is how long to wait where Slack asks to and does not say.
const fallbackWait = 10 * time.Second

// meaning says what has to happen after an error code of the Web API.
type meaning struct {
	class connectors.Class
	words string
}

const (
	reinstall = "; install the app again and put its new token into bot_token"
	notMember = "; invite it by /invite"
)

// meanings are the codes that the methods we call document
// (https://docs.slack.dev/reference/methods). A refusal that is not listed
// concerns the one request: nothing was done.
var meanings = map[string]meaning{
	// The account.
	"not_authed":                {connectors.AccountDown, "no token was sent: bot_token is empty"},
	"invalid_auth":              {connectors.AccountDown, "Slack does not take the token, or not from this network" + reinstall},
	"account_inactive":          {connectors.AccountDown, "the app or its workspace was removed" + reinstall},
	"token_revoked":             {connectors.AccountDown, "the token was revoked" + reinstall},
	"token_expired":             {connectors.AccountDown, "the token has expired: switch token rotation off" + reinstall},
	"not_allowed_token_type":    {connectors.AccountDown, "this is the wrong kind of token: bot_token begins with xoxb-, app_token with xapp-"},
	"missing_scope":             {connectors.AccountDown, "the app lacks a scope: add it under OAuth & Permissions and install the app again"},
	"accesslimited":             {connectors.AccountDown, "the workspace does not take calls from this network"},
	"two_factor_setup_required": {connectors.AccountDown, "the workspace wants two-factor authentication to be set up first"},
	"org_login_required":        {connectors.AccountDown, "the workspace is being moved into an organisation"},
	"team_access_not_granted":   {connectors.AccountDown, "the app was not granted access to the workspace: ask an administrator of the organisation"},
	"team_not_found":            {connectors.AccountDown, "the app is not installed in this workspace"},
	"enterprise_is_restricted":  {connectors.AccountDown, "the organisation does not let the app do this"},
	"ekm_access_denied":         {connectors.AccountDown, "administrators have suspended posting"},
	"method_deprecated":         {connectors.AccountDown, "Slack has withdrawn this method; a newer version of this program is needed"},
	"deprecated_endpoint":       {connectors.AccountDown, "Slack has withdrawn this method; a newer version of this program is needed"},
	"storage_limit_reached":     {connectors.Rejected, "the workspace has no room for files left"},

	// Later.
	"ratelimited":            {connectors.Throttled, "Slack asks to slow down"},
	"rate_limited":           {connectors.Throttled, "Slack asks to slow down"},
	"message_limit_exceeded": {connectors.Throttled, "the workspace sends more messages than its plan allows"},
	"service_unavailable":    {connectors.Transient, "Slack is not available"},
	"request_timeout":        {connectors.Transient, "the request reached Slack in part only"},
	"team_added_to_org":      {connectors.Transient, "the workspace is being moved into an organisation"},
	"file_update_failed":     {connectors.Transient, "Slack could not change the file"},

	// Slack says itself that part of it may have been done.
	"fatal_error":    {connectors.Ambiguous, "Slack failed and may have done it all the same"},
	"internal_error": {connectors.Ambiguous, "Slack failed and may have done it all the same"},

	// The place cannot be written to, which says nothing against the customer;
	// or the customer cannot.
	"channel_not_found":                        {connectors.Rejected, "the channel is gone or the app does not see it" + notMember},
	"invalid_channel":                          {connectors.Rejected, "the channel is gone or the app does not see it" + notMember},
	"not_in_channel":                           {connectors.Rejected, "the app is no member of the channel" + notMember},
	"no_permission":                            {connectors.Rejected, "the app may not do this here: check its scopes and that it is a member of the channel" + notMember},
	"access_denied":                            {connectors.Rejected, "the app may not do this here"},
	"is_archived":                              {connectors.Rejected, "the channel was archived"},
	"messages_tab_disabled":                    {connectors.Rejected, "direct messages to the app are off: allow them under App Home, Messages Tab"},
	"user_not_found":                           {connectors.Unreachable, "there is no such member"},
	"user_not_visible":                         {connectors.Unreachable, "the app does not see this member"},
	"user_disabled":                            {connectors.Unreachable, "the member's account was closed"},
	"cannot_dm_bot":                            {connectors.Unreachable, "this is a program, which takes no direct messages"},
	"invalid_user_combination":                 {connectors.Unreachable, "somebody of another organisation can only be written to from a channel that both are in"},
	"restricted_action":                        {connectors.Rejected, "a setting of the workspace forbids to post here"},
	"restricted_action_read_only_channel":      {connectors.Rejected, "nobody may post into this channel"},
	"restricted_action_thread_only_channel":    {connectors.Rejected, "this channel takes answers in threads only"},
	"restricted_action_non_threadable_channel": {connectors.Rejected, "this channel takes no answers in threads"},
	"restricted_action_thread_locked":          {connectors.Rejected, "the thread was locked"},
	"posting_to_channel_denied":                {connectors.Rejected, "the app may not post into this channel"},
	"cannot_reply_to_message":                  {connectors.Rejected, "the message takes no answers in a thread"},
	"external_channel_migrating":               {connectors.Transient, "the shared channel is being moved"},

	// This one, never.
	"msg_too_long":                              {connectors.Rejected, "the text is too long"},
	"msg_blocks_too_long":                       {connectors.Rejected, "the text is too long"},
	"no_text":                                   {connectors.Rejected, "there is no text"},
	"metadata_too_large":                        {connectors.Rejected, "Slack does not take our mark on the message"},
	"metadata_must_be_sent_from_app":            {connectors.AccountDown, "bot_token is no token of an app: it begins with xoxb-"},
	"invalid_metadata_format":                   {connectors.Rejected, "Slack does not take our mark on the message"},
	"invalid_metadata_schema":                   {connectors.Rejected, "Slack does not take our mark on the message"},
	"invalid_thread_ts":                         {connectors.Rejected, "the thread does not exist"},
	"thread_not_found":                          {connectors.Rejected, "the thread does not exist"},
	"file_uploads_disabled":                     {connectors.Rejected, "the workspace takes no files"},
	"file_upload_size_restricted":               {connectors.Rejected, "the file is larger than the workspace allows"},
	"slack_connect_file_upload_sharing_blocked": {connectors.Rejected, "one of the organisations forbids files in shared channels"},
	"slack_connect_blocked_file_type":           {connectors.Rejected, "one of the organisations forbids files of this type"},
	"slack_connect_file_link_sharing_blocked":   {connectors.Rejected, "one of the organisations forbids links to files"},
	"slack_connect_clip_sharing_blocked":        {connectors.Rejected, "one of the organisations forbids recordings"},
	"file_not_found":                            {connectors.Rejected, "Slack does not have the file any more"},
	"file_deleted":                              {connectors.Rejected, "the file was deleted"},
	"message_not_found":                         {connectors.Rejected, "the message is gone"},
	"cant_delete_message":                       {connectors.Rejected, "the app may not delete this message"},
	"compliance_exports_prevent_deletion":       {connectors.Rejected, "the workspace keeps all messages"},
	"method_not_supported_for_channel_type":     {connectors.Rejected, "this kind of channel does not take it"},
	"as_user_not_supported":                     {connectors.Rejected, "Slack did not understand the request"},
	"invalid_arguments":                         {connectors.Rejected, "Slack did not understand the request"},
	"invalid_arg_name":                          {connectors.Rejected, "Slack did not understand the request"},
	"invalid_array_arg":                         {connectors.Rejected, "Slack did not understand the request"},
	"invalid_charset":                           {connectors.Rejected, "Slack did not understand the request"},
	"invalid_form_data":                         {connectors.Rejected, "Slack did not understand the request"},
	"invalid_post_type":                         {connectors.Rejected, "Slack did not understand the request"},
	"missing_post_type":                         {connectors.Rejected, "Slack did not understand the request"},
	"missing_argument":                          {connectors.Rejected, "the file is empty, which Slack does not take"},
	"invalid_blocks":                            {connectors.Rejected, "Slack did not understand the request"},
	"too_many_attachments":                      {connectors.Rejected, "the message has more attachments than Slack takes"},
	"duplicate_channel_not_found":               {connectors.Rejected, "Slack did not understand the request"},
	"duplicate_message_not_found":               {connectors.Rejected, "Slack did not understand the request"},
}

// trouble gives an error of the Web API its class. doing tells that the
// request changes something, so that no answer leaves in doubt whether it was
// done.
func trouble(err error, doing bool) *connectors.Error {
	var own *connectors.Error
	var limit *slack.RateLimitedError
	var refusal slack.SlackErrorResponse
	var status slack.StatusCodeError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &limit):
		return &connectors.Error{Class: connectors.Throttled, Code: "ratelimited", Detail: "Slack asks to slow down", RetryAfter: limit.RetryAfter}
	case errors.As(err, &refusal):
		return refused(refusal, doing)
	case errors.As(err, &status):
		return answered(status.Code, doing)
	case errors.Is(err, errUnsent):
		return connectors.Errorf(connectors.Transient, "", "no connection to Slack: %w", err)
	case !doing:
		return connectors.Errorf(connectors.Transient, "", "no answer from Slack: %w", err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return connectors.Errorf(connectors.Ambiguous, "", "Slack did not answer in time, it may have taken the message: %w", err)
	}
	return connectors.Errorf(connectors.Ambiguous, "", "no answer of Slack that can be read, it may have taken the message: %w", err)
}

// refused is ok:false.
func refused(r slack.SlackErrorResponse, doing bool) *connectors.Error {
	m, known := meanings[r.Err]
	if !known {
		m = meaning{connectors.Rejected, "Slack refused it"}
	}
	e := &connectors.Error{Class: m.class, Code: r.Err, Detail: m.words}
	switch {
	case m.class == connectors.Throttled:
		e.RetryAfter = fallbackWait
	case m.class == connectors.Ambiguous && !doing:
		e.Class = connectors.Transient
	case r.Err == "missing_scope" && r.Needed != "":
		e.Detail = fmt.Sprintf("the app lacks the scope %.100q: add it under OAuth & Permissions and install the app again", r.Needed)
	}
	return e
}

// answered is a status of HTTP other than 200, of Slack or of what stands
// before it.
func answered(code int, doing bool) *connectors.Error {
	e := &connectors.Error{Class: connectors.Rejected, Code: strconv.Itoa(code), Detail: "Slack refused the request: " + http.StatusText(code)}
	switch {
	case code == http.StatusTooManyRequests:
		e.Class, e.Detail, e.RetryAfter = connectors.Throttled, "Slack asks to slow down", fallbackWait
	case code >= 500 && doing:
		e.Class, e.Detail = connectors.Ambiguous, "Slack failed and may have done it all the same"
	case code >= 500:
		e.Class, e.Detail = connectors.Transient, "Slack failed"
	case code == http.StatusRequestTimeout:
		e.Class, e.Detail = connectors.Transient, "the request reached Slack in part only"
	case code < 400, code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusNotFound, code == http.StatusProxyAuthRequired:
		e.Class, e.Detail = connectors.AccountDown, "what answers is not Slack's Web API: check api_url and the proxy"
	}
	return e
}

// asking is trouble with a request that changes nothing.
func asking(err error) error {
	if err == nil {
		return nil
	}
	return trouble(err, false)
}

// appTrouble is asking for requests with the app-level token.
func appTrouble(err error) error {
	e := trouble(err, false)
	if e.Class == connectors.AccountDown && e.Code != "missing_scope" {
		e.Detail = "Slack does not take app_token (xapp-...): make a new one with the scope connections:write, and see that Socket Mode is on"
	}
	return e
}
