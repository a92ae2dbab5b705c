#!/bin/sh
# The static checks of `make check`, cheapest first, so that a slip shows early.
set -eu
cd "$(dirname "$0")/.."
GO="${GO:-go}" TAGS="${TAGS:-gms_pure_go}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "check: gofmt"
files=$(git ls-files --cached --others --exclude-standard '*.go')
unformatted=$(gofmt -l $files)
if [ -n "$unformatted" ]; then
	echo "not formatted; run gofmt -w on:" >&2
	echo "$unformatted" >&2
	exit 1
fi

echo "check: go vet"
"$GO" vet -tags "$TAGS" ./...

echo "check: staticcheck"
"$GO" tool -modfile=tools/dev/go.mod staticcheck -tags "$TAGS" ./...

echo "check: generated code is what its sources give"
sh tools/generate.sh "$work"
for file in "$work"/*.go; do
	cmp -s "$file" "agent/agentpb/$(basename "$file")" || {
		echo "agent/agentpb/$(basename "$file") is out of date; run make generate and commit it" >&2
		exit 1
	}
done

echo "check: import rules"
"$GO" test -tags "$TAGS" -run '^TestImportRules$|^TestPackageDocs$' .

echo "check: known vulnerabilities"
if ! "$GO" tool -modfile=tools/dev/go.mod govulncheck -tags "$TAGS" ./... >"$work/vuln" 2>&1; then
	# Only a database that cannot be read is let through: it says nothing about the
	# code, and a machine without a way out could otherwise never check anything.
	if grep -Eq 'fetching vulnerabilities|vuln\.go\.dev.*(dial|lookup|refused|timeout|Forbidden|403|40[0-9]|50[0-9])|HTTP GET .*returned' "$work/vuln"; then
		echo "check: SKIPPED: govulncheck cannot reach its database: $(tail -n 1 "$work/vuln")"
	else
		cat "$work/vuln" >&2
		exit 1
	fi
fi
echo "check: done"
