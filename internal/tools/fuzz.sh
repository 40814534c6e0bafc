#!/usr/bin/env bash
# Runs every fuzz target for a while: fuzz.sh [TIME], one minute each by default.
set -euo pipefail
cd "$(dirname "$0")/../.."
time=${1:-1m}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# A run's end may come while an input is made smaller, which is therefore kept short.
fuzz() {
	go test -run='^$' -fuzz="^$2\$" -fuzztime="$time" -fuzzminimizetime=10x "./$1" >"$log" 2>&1 </dev/null
}

# ended tells whether the log shows the engine's own deadline and nothing else:
# no failing input, no panic, no message of the target. Before Go 1.27 the engine
# now and then reports the end of its time so (go.dev/issue/75804).
ended() {
	grep -qE '^ +context deadline exceeded$' "$log" &&
		! grep -vE '^(fuzz: elapsed: .*|warning: .*|--- FAIL: Fuzz[A-Za-z0-9_]* \([0-9.]+s\)| +context deadline exceeded|FAIL|FAIL[[:space:]].*|exit status 1|)$' "$log" >/dev/null
}

count=0
repeated=()
while read -r dir; do
	names=$(go test -list '^Fuzz' "./$dir")
	for target in $(grep '^Fuzz' <<<"$names"); do
		echo "$dir $target"
		count=$((count + 1))
		for _ in 1 2 3 4 5; do
			fuzz "$dir" "$target" && continue 2
			ended || break
			echo "fuzz: $target in $dir was ended by the deadline of the fuzz engine without a finding: once more"
			repeated+=("$dir $target")
		done
		cat "$log" >&2
		echo "fuzz: $target in $dir failed" >&2
		exit 1
	done
done < <(find . -name '*_test.go' -not -path './.git/*' -exec grep -l '^func Fuzz' {} + | xargs -r -n1 dirname | sort -u | sed 's|^\./||')
echo "fuzz: $count targets, nothing found"
if ((${#repeated[@]})); then
	printf 'fuzz: repeated: %s\n' "${repeated[@]}"
fi
