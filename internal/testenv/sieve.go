package testenv

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"text/template"
)

// Sieve gives a user a script of rules (RFC 5228) such as a vacation answer,
// and lets Dovecot's own delivery agent put mail to this user into the mailbox
// from now on. What the script sends goes out by this server.
func (m *MTA) Sieve(user, script string) {
	m.t.Helper()
	Need(m.t, "sievec", "dovecot-sieve")
	agent := Need(m.t, "dovecot-lda", "dovecot-imapd")
	if err := m.setUpSieve(agent, user, script); err != nil {
		m.t.Fatal(err)
	}
	m.set(transportTable, user, "lda:")
}

func (m *MTA) setUpSieve(agent, user, script string) error {
	var conf bytes.Buffer
	values := map[string]any{
		"Since24": m.imap.since24(), "Dir": m.imap.box.dir, "Log": m.conf() + "/lda.log", "MXPort": m.MXPort,
	}
	if err := agentConf.Execute(&conf, values); err != nil {
		return err
	}
	rules := filepath.Join(m.imap.home(user), ".dovecot.sieve")
	log := filepath.Join(m.conf(), "lda.log")
	return errors.Join(
		os.WriteFile(filepath.Join(m.conf(), "lda.conf"), conf.Bytes(), 0o644),
		os.WriteFile(filepath.Join(m.conf(), "lda.sh"), []byte(agentScript+agent+agentArguments), 0o644),
		os.WriteFile(log, nil, 0o644), m.imap.mail.own(log),
		os.WriteFile(rules, []byte(script), 0o600), m.imap.mail.own(rules))
}

// agentScript runs the delivery agent as the mail user, so that it needs no
// socket of the server: $1 is the users' homes, $2 the configuration, $3 the
// sender, $4 the recipient.
const (
	agentScript    = "user=${4%%+*}; case $4 in *+*) user=$user@${4##*@};; esac\nexport USER=$user HOME=$1/$user\nexec "
	agentArguments = " -c \"$2\" -f \"$3\" -a \"$4\"\n"
)

var agentConf = template.Must(template.New("lda.conf").Parse(`
{{- if .Since24 -}}
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
{{end -}}
base_dir = {{.Dir}}/run
state_dir = {{.Dir}}/state
log_path = {{.Log}}
stats_writer_socket_path =
protocols =
hostname = mail.example.test
first_valid_uid = 1
first_valid_gid = 1
postmaster_address = postmaster@example.test
submission_host = 127.0.0.1:{{.MXPort}}
recipient_delimiter = +
{{if .Since24 -}}
mail_driver = maildir
mail_path = ~/Maildir
sieve_script personal {
  path = ~/.dovecot.sieve
}
protocol lda {
  mail_plugins {
    sieve = yes
  }
}
{{- else -}}
mail_location = maildir:~/Maildir
plugin {
  sieve = ~/.dovecot.sieve
}
protocol lda {
  mail_plugins = sieve
}
{{- end}}
namespace inbox {
  inbox = yes
  separator = /
}
`))
