#!/bin/sh
# Fuzzes every target of the project, one after another, each for FUZZTIME, and ends
# at the first finding with the command that repeats it. FUZZ chooses targets by a
# regular expression over "directory name". The targets are those that the tests
# declare, so that a new one is never forgotten here.
set -eu
cd "$(dirname "$0")/.."
GO="${GO:-go}" TAGS="${TAGS:-gms_pure_go}" FUZZTIME="${FUZZTIME:-20s}" FUZZ="${FUZZ:-.}"
# Two processes find what can be found in so little time, and leave a machine that
# does other things usable.
WORKERS="${WORKERS:-2}"
# Each input that is kept is made smaller by so many tries. By default it is a minute,
# in which nothing is looked for.
MINIMISE=200x
log=$(mktemp)
trap 'rm -f "$log"' EXIT

targets=$(git ls-files --cached --others --exclude-standard '*_test.go' | sort | xargs awk '
	/^func Fuzz[A-Za-z0-9_]*\(f \*testing\.F\) \{/ {
		dir = FILENAME
		sub("/[^/]*$", "", dir)
		sub(/^func /, "")
		sub(/\(.*/, "")
		print dir, $0
	}' | grep -E "$FUZZ") || {
	echo "fuzz: no target matches FUZZ=$FUZZ; targets are functions FuzzX(f *testing.F) in tests" >&2
	exit 1
}

# failed names the input that failed as go test -run knows it: one that was found just
# now is a file in testdata, and the others have names already.
failed() {
	sed -n -e 's|.*Failing input written to testdata/fuzz/||p' -e 's|.*failure while testing seed corpus entry: ||p' "$log" | head -n 1
}

# ended says that go test failed for no other reason than that the time was over, as it
# does now and then before Go 1.27 (https://go.dev/issue/75804).
ended() { test -z "$(failed)" && grep -q '^    context deadline exceeded$' "$log"; }

while read -r dir target <&3; do
	if ! "$GO" test -tags "$TAGS" -run '^$' -fuzz "^$target\$" -timeout 0 -fuzztime "$FUZZTIME" -fuzzminimizetime "$MINIMISE" -parallel "$WORKERS" "./$dir" >"$log" 2>&1 && ! ended; then
		cat "$log" >&2
		name=$(failed)
		echo "fuzz: $dir $target failed; mend it, and commit the new file below $dir/testdata/fuzz with the mending. This repeats it:" >&2
		echo "  $GO test -tags $TAGS -run '^${name:-$target}\$' ./$dir" >&2
		exit 1
	fi
	# None: the time was over before all known inputs were tried.
	tried=$(sed -n 's|^fuzz: elapsed: .*, execs: \([0-9]*\) .*|\1|p' "$log" | tail -n 1)
	echo "fuzz: $dir $target: ${tried:-no} executions"
done 3<<END
$targets
END
echo "fuzz: done"
