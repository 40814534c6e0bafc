package testenv

import "text/template"

// postfixMain keeps every path in the server's own folder, and all mail on the
// loopback interface: what is not for a local user goes to the error transport.
var postfixMain = template.Must(template.New("main.cf").Parse(`
compatibility_level = 3.6
queue_directory = {{.Dir}}/queue
data_directory = {{.Dir}}/data
maillog_file = {{.Log}}
maillog_file_prefixes = {{.Dir}}
mail_owner = postfix
setgid_group = postdrop

inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
myhostname = mail.example.test
mydomain = example.test
myorigin = example.test
mydestination =
mynetworks =
relay_domains =
relay_transport = error:5.4.4 this server has no way to other domains
default_transport = error:5.4.4 this server has no way to other domains
local_transport = error:5.1.1 no local users
alias_maps =
alias_database =
local_recipient_maps =

virtual_mailbox_domains = example.test, customers.test, {{.SentDomain}}
virtual_mailbox_maps = hash:{{.Conf}}/mailboxes
virtual_mailbox_base = {{.Homes}}
virtual_uid_maps = static:{{.UID}}
virtual_gid_maps = static:{{.GID}}
virtual_mailbox_limit = 0
message_size_limit = 26214400
recipient_delimiter = +
transport_maps = hash:{{.Conf}}/transports
sender_bcc_maps = hash:{{.Conf}}/copies
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access hash:{{.Conf}}/access

smtpd_tls_cert_file = {{.Cert}}
smtpd_tls_key_file = {{.Key}}
smtpd_tls_security_level = may
smtpd_sasl_type = dovecot
smtpd_sasl_path = {{.Auth}}
smtpd_sasl_security_options = noanonymous
broken_sasl_auth_clients = no

minimal_backoff_time = 2s
maximal_backoff_time = 4s
queue_run_delay = 2s
delay_warning_time = 1s
smtpd_error_sleep_time = 0
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
smtpd_client_auth_rate_limit = 0
biff = no
`))

// postfixMaster runs no service in a chroot. The service bouncer is a program
// that refuses what it is given, as a server further on the way would: smtpd
// itself refuses a recipient whose transport is the error mailer. The service
// lda is Dovecot's delivery agent.
var postfixMaster = template.Must(template.New("master.cf").Parse(`
127.0.0.1:{{.MXPort}} inet n - n - - smtpd
127.0.0.1:{{.Port}} inet n - n - - smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=may
  -o smtpd_sasl_auth_enable=yes
  -o { smtpd_recipient_restrictions = check_recipient_access hash:{{.Conf}}/access, permit_sasl_authenticated, reject }
127.0.0.1:{{.TLSPort}} inet n - n - - smtpd
  -o syslog_name=postfix/submissions
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o { smtpd_recipient_restrictions = check_recipient_access hash:{{.Conf}}/access, permit_sasl_authenticated, reject }
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
bouncer unix - n n - - pipe
  flags=q user=nobody argv=/bin/sh {{.Conf}}/bounce.sh ${nexthop}
lda unix - n n - - pipe
  flags=DRhu user=nobody argv=/bin/sh {{.Conf}}/lda.sh {{.Homes}} {{.Conf}}/lda.conf ${sender} ${recipient}
discard unix - - n - - discard
smtp unix - - n - - smtp
relay unix - - n - - smtp
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`))

// bounceScript says why, with exit status EX_UNAVAILABLE (sysexits.h).
const bounceScript = `cat >/dev/null
echo "$1"
exit 69
`
