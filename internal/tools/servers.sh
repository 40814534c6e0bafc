#!/usr/bin/env bash
# Installs what the tests need and is missing: Dovecot, Postfix, PostgreSQL,
# Request Tracker and Redmine to talk to, Chromium to look at the inbox, systemd-analyze, a C compiler for the race
# detector. It says so first, starts no service, and does nothing where all of
# it is there. Each test starts servers of its own from these programs.
set -euo pipefail

have() {
	local p
	command -v "$1" >/dev/null 2>&1 && return 0
	for p in /usr/sbin/"$1" /usr/lib/dovecot/"$1" /usr/libexec/dovecot/"$1" /usr/lib/postgresql/*/bin/"$1" /usr/share/request-tracker5/libexec/"$1" /usr/share/redmine/bin/"$1"; do
		[ -x "$p" ] && return 0
	done
	return 1
}

# program, Debian packages, service
needs=(
	"imap-login dovecot-imapd dovecot"
	"sievec dovecot-sieve -"
	"postfix postfix postfix"
	"initdb postgresql postgresql"
	"systemd-analyze systemd -"
	"chromium chromium -"
	"rt-setup-database-5 request-tracker5,rt5-db-sqlite -"
	"rt-server rt5-standalone request-tracker5"
	"starman starman -"
	"redmine-instances redmine,redmine-sqlite -"
	"puma puma -"
	"gcc gcc,libc6-dev -"
)

missing=() packages=() services=()
for need in "${needs[@]}"; do
	read -r program package service <<<"$need"
	have "$program" && continue
	missing+=("$program")
	packages+=(${package//,/ })
	[ "$service" = - ] || services+=("$service")
done

if [ ${#missing[@]} -eq 0 ]; then
	echo "tests: every program that the tests need is installed"
	exit 0
fi
echo "tests: missing here: ${missing[*]}"

if ! command -v apt-get >/dev/null 2>&1; then
	echo "tests: there is no apt-get; please install Dovecot with IMAP and Sieve, Postfix, PostgreSQL, Request Tracker 5 and Redmine 5 with SQLite, Puma, Chromium, systemd-analyze and gcc by hand" >&2
	exit 1
fi
root=()
if [ "$(id -u)" -ne 0 ]; then
	if command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
		root=(sudo)
	else
		echo "tests: please run as root: apt-get install --no-install-recommends ${packages[*]}" >&2
		exit 1
	fi
fi
echo "tests: installing with apt-get: ${packages[*]}"

# Debian starts a service when it is installed, unless this file says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap '"${root[@]}" rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee $policy >/dev/null
	"${root[@]}" chmod 755 $policy
fi
# Both would make a database for the machine, which nobody needs.
printf '%s boolean false\n' "request-tracker5 request-tracker5/dbconfig-install" "redmine redmine/instances/default/dbconfig-install" | "${root[@]}" debconf-set-selections
# The network may falter, and the machine may be at an update of its own.
patient=(-o Acquire::Retries=5 -o DPkg::Lock::Timeout=600)
"${root[@]}" apt-get "${patient[@]}" update -q
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "${patient[@]}" install -y -q --no-install-recommends "${packages[@]}" </dev/null
# Nor shall they start at the next boot.
if [ -d /run/systemd/system ] && [ ${#services[@]} -gt 0 ]; then
	"${root[@]}" systemctl disable --quiet "${services[@]}"
fi
