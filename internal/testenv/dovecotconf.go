package testenv

import "text/template"

// dovecotConf keeps every path in the server's own folder. The login processes
// are not put in a chroot, so that the server also runs without root; nothing
// is delayed after a wrong password, so that tests need not wait.
var dovecotConf = template.Must(template.New("dovecot.conf").Parse(`
{{- if .Since24 -}}
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
{{end -}}
base_dir = {{.Dir}}/run
state_dir = {{.Dir}}/state
log_path = {{.Log}}
protocols = imap
listen = 127.0.0.1
default_internal_user = {{.Internal}}
default_internal_group = {{.InternalGroup}}
default_login_user = {{.Login}}
first_valid_uid = 1
first_valid_gid = 1
ssl = yes
auth_mechanisms = plain login
auth_failure_delay = 0
{{if .Since24 -}}
ssl_server_cert_file = {{.Cert}}
ssl_server_key_file = {{.Key}}
auth_username_format = %{user | lower}
mail_driver = maildir
mail_path = ~/Maildir
passdb passwd-file {
  passwd_file_path = {{.Users}}
}
userdb passwd-file {
  passwd_file_path = {{.Users}}
}
{{- else -}}
ssl_cert = <{{.Cert}}
ssl_key = <{{.Key}}
auth_username_format = %Lu
mail_location = maildir:~/Maildir
passdb {
  driver = passwd-file
  args = {{.Users}}
}
userdb {
  driver = passwd-file
  args = {{.Users}}
}
{{- end}}
protocol imap {
  mail_max_userip_connections = 500
}
namespace inbox {
  inbox = yes
  separator = /
  mailbox Sent {
    auto = subscribe
    special_use = \Sent
  }
  mailbox Drafts {
    auto = subscribe
    special_use = \Drafts
  }
  mailbox Trash {
    auto = subscribe
    special_use = \Trash
  }
  mailbox Junk {
    auto = subscribe
    special_use = \Junk
  }
}
service imap-login {
  chroot =
  inet_listener imap {
    port = {{.Port}}
  }
  inet_listener imaps {
    port = {{.TLSPort}}
    ssl = yes
  }
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
service imap {
  process_limit = 500
}
service auth {
  unix_listener {{.Auth}} {
    mode = 0666
  }
}
`))
