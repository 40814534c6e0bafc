#!/usr/bin/env bash
# Runs every fuzz target for a while: fuzz.sh [TIME], one minute each by default.
set -euo pipefail
cd "$(dirname "$0")/../.."
time=${1:-1m}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
count=0
while read -r dir; do
	names=$(go test -list '^Fuzz' "./$dir")
	for target in $(grep '^Fuzz' <<<"$names"); do
		echo "$dir $target"
		go test -run='^$' -fuzz="^$target\$" -fuzztime="$time" "./$dir" >"$log" 2>&1 </dev/null || {
			cat "$log" >&2
			echo "fuzz: $target in $dir found a failure" >&2
			exit 1
		}
		count=$((count + 1))
	done
done < <(find . -name '*_test.go' -not -path './.git/*' -exec grep -l '^func Fuzz' {} + | xargs -r -n1 dirname | sort -u | sed 's|^\./||')
echo "fuzz: $count targets, nothing found"
