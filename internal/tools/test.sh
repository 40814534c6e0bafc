#!/usr/bin/env bash
# The whole check of the project: `make test`.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v go >/dev/null 2>&1; then
	echo "tests: Go is not installed; see https://go.dev/dl/ (version: $(sed -n 's/^go //p' go.mod) or newer)" >&2
	exit 1
fi
cat <<'WORDS'
tests: they talk to real servers (Dovecot, Postfix, PostgreSQL, Request
Tracker, Redmine), started in temporary folders on loopback ports and stopped again. What is missing of their
programs is installed with apt-get now; no service of this machine is touched.
WORDS
internal/tools/servers.sh

step() { printf '\n== %s\n' "$*"; }

step gofmt
unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
	printf 'not formatted; run gofmt -w:\n%s\n' "$unformatted" >&2
	exit 1
fi

step go vet
go vet ./...

step go test -race
# A missing server is a failure, and what could not be tested for another
# reason is listed at the end. Results are not taken from the cache, which
# cannot see the servers. internal/e2e takes longest and mostly waits, so it
# comes first, and all others are tested beside it.
skipped=$(mktemp)
trap 'rm -f "$skipped"' EXIT
status=0
CGO_ENABLED=1 DESKBRIDGE_TEST_REQUIRE=1 DESKBRIDGE_TEST_SKIPPED=$skipped \
	go test -race -count=1 -timeout=40m ./internal/e2e ./... || status=$?

if [ $status -eq 0 ]; then
	step fuzz targets, 5 seconds each
	internal/tools/fuzz.sh 5s || status=$?
fi

if [ -s "$skipped" ]; then
	printf '\nNOT TESTED:\n'
	sort -u "$skipped"
fi
if [ $status -eq 0 ]; then
	printf '\ntests: all passed\n'
else
	printf '\ntests: FAILED\n' >&2
fi
exit $status
