package testenv

import (
	"os"
	"path/filepath"
	"strings"
)

// redmineFiles are the files of an instance (Debian's multi-tenancy: an
// instance is a folder with config, log, files and tmp). HERE stands for it.
var redmineFiles = map[string]string{
	"config/database.yml": `production:
  adapter: sqlite3
  database: HERE/redmine.db
  timeout: 20000
`,
	// What Redmine would mail is written into files, one for each recipient.
	"config/configuration.yml": `default:
  email_delivery:
    delivery_method: :file
    file_settings:
      location: HERE/mail
`,
	// A bundle of our own, since the one of the system has neither Puma nor,
	// where no instance was set up, a database.
	"Gemfile": `eval_gemfile "/usr/share/redmine/Gemfile"
gem "puma"
gem "sqlite3" unless dependencies.any? { |d| d.name == "sqlite3" }
`,
	// The database is made by the first start: this takes two seconds.
	"config.ru": `require "/usr/share/redmine/config/environment"
require "HERE/seed" unless ActiveRecord::Base.connection.table_exists?("settings")
run Rails.application
`,
	"seed.rb": `Dir.chdir(Rails.root)
ActiveRecord::Migration.verbose = false
database = ActiveRecord::Base.connection
database.execute("PRAGMA synchronous=OFF")
database.migration_context.migrate
ActiveRecord::Base.descendants.each(&:reset_column_information)
Redmine::DefaultData::Loader.load("en")

Setting.rest_api_enabled = "1"
Setting.login_required = "1"
Setting.mail_from = "redmine@example.test"
Setting.bcc_recipients = "0" if Setting.respond_to?(:bcc_recipients=)

project = Project.new(name: "Support", identifier: "support", is_public: false)
project.trackers = Tracker.all
project.enabled_module_names = %w[issue_tracking]
project.save!

role = Role.new(name: "Deskbridge", issues_visibility: "all", assignable: false)
role.permissions = %i[view_issues add_issues edit_issues add_issue_notes view_private_notes set_notes_private]
role.save!
states = IssueStatus.pluck(:id)
Tracker.pluck(:id).each do |tracker|
  states.product(states) { |a, b| WorkflowTransition.create!(role: role, tracker_id: tracker, old_status_id: a, new_status_id: b) unless a == b }
  states.each { |s| WorkflowTransition.create!(role: role, tracker_id: tracker, old_status_id: 0, new_status_id: s) }
end

# Redmine tells people of their new keys and addresses.
background, ActiveJob::Base.queue_adapter = ActiveJob::Base.queue_adapter, :inline
ActionMailer::Base.perform_deliveries = false
def person(login, first, last, key, **more)
  u = User.find_by(login: login) || User.new(login: login)
  u.assign_attributes(firstname: first, lastname: last, mail: "#{login}@example.test", language: "en", must_change_passwd: false, status: User::STATUS_ACTIVE, **more)
  u.password = u.password_confirmation = "not for use"
  u.save!
  Token.where(user_id: u.id, action: "api").delete_all
  Token.create!(user: u, action: "api").update_column(:value, key)
  u
end

manager = Role.find_by!(name: "Manager")
keys = File.read("HERE/keys").split
person("admin", "Ada", "Admin", keys[0], admin: true)
Member.create!(project: project, principal: person("anna", "Anna", "Agent", keys[1]), roles: [manager])
Member.create!(project: project, principal: person("bert", "Bert", "Boss", keys[2]), roles: [manager])
Member.create!(project: project, principal: person("deskbridge", "Desk", "Bridge", keys[3], mail_notification: "none"), roles: [role])
ActiveJob::Base.queue_adapter = background
ActionMailer::Base.perform_deliveries = true
%w[Customer Channel Address].each do |name|
  IssueCustomField.create!(name: name, field_format: "string", is_for_all: true, is_filter: true, trackers: Tracker.all)
end
`,
}

// writeRedmine fills the folder of an instance.
func writeRedmine(here string, own func(string) error, keys []string) error {
	for _, dir := range []string{"", "config", "log", "files", "tmp", "mail", "public", "public/plugin_assets"} {
		if err := os.MkdirAll(filepath.Join(here, dir), 0o755); err != nil {
			return err
		}
		if err := own(filepath.Join(here, dir)); err != nil {
			return err
		}
	}
	files := map[string]string{"config/secret_key.txt": strings.Join(keys, ""), "keys": strings.Join(keys, " ")}
	for name, content := range redmineFiles {
		files[name] = strings.ReplaceAll(content, "HERE", here)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(here, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
