// Package all brings in every connector; each registers itself.
package all

import (
	_ "github.com/deskbridge/deskbridge/connectors/channel/email"      // channel
	_ "github.com/deskbridge/deskbridge/connectors/channel/slack"      // channel
	_ "github.com/deskbridge/deskbridge/connectors/channel/telegram"   // channel
	_ "github.com/deskbridge/deskbridge/connectors/channel/twilio"     // channel
	_ "github.com/deskbridge/deskbridge/connectors/channel/wechat"     // channel
	_ "github.com/deskbridge/deskbridge/connectors/channel/wecomkf"    // channel
	_ "github.com/deskbridge/deskbridge/connectors/helpdesk/chatwoot"  // helpdesk
	_ "github.com/deskbridge/deskbridge/connectors/helpdesk/freshdesk" // helpdesk
	_ "github.com/deskbridge/deskbridge/connectors/helpdesk/inbox"     // helpdesk
	_ "github.com/deskbridge/deskbridge/connectors/helpdesk/redmine"   // helpdesk
	_ "github.com/deskbridge/deskbridge/connectors/helpdesk/rt"        // helpdesk
	_ "github.com/deskbridge/deskbridge/connectors/helpdesk/webhook"   // helpdesk
	_ "github.com/deskbridge/deskbridge/connectors/helpdesk/zammad"    // helpdesk
	_ "github.com/deskbridge/deskbridge/connectors/helpdesk/zendesk"   // helpdesk
)
