#!/usr/bin/env bash
# Runs mainstay ci run with the inputs of the action, which are in the environment.
# It ends with mainstay's exit code: 3 is a refusal.
set -euo pipefail

work="${RUNNER_TEMP:-$(mktemp -d)}"
program="$INPUT_PROGRAM"

if [ -n "$INPUT_URL" ]; then
	case "$INPUT_URL" in
	https://*) ;;
	*)
		echo "::error::the program is fetched over https alone; the input url is $INPUT_URL"
		exit 2
		;;
	esac
	if ! [[ "$INPUT_SHA256" =~ ^[0-9a-f]{64}$ ]]; then
		echo "::error::give the checksum of the program with the input sha256"
		exit 2
	fi
	program="$work/mainstay"
	curl --fail --silent --show-error --location --proto '=https' --output "$program" "$INPUT_URL"
	echo "$INPUT_SHA256  $program" | sha256sum --check --quiet
	chmod +x "$program"
fi
if ! command -v "$program" >/dev/null; then
	echo "::error::there is no program $program on this runner; give the inputs url and sha256, or install it before"
	exit 2
fi

args=(ci run --hub "$INPUT_HUB" --files "$INPUT_FILES" -o json)
[ -z "$INPUT_HUB_USER" ] || args+=(--hub-user "$INPUT_HUB_USER")
[ -z "$INPUT_BASE" ] || args+=(--base "$INPUT_BASE")
[ -z "$INPUT_ACK" ] || args+=(--ack "$INPUT_ACK")

report="$work/mainstay-review.json"
status=0
MAINSTAY_HUB_PASSWORD="$INPUT_HUB_PASSWORD" "$program" "${args[@]}" >"$report" || status=$?

passed=false
[ "$status" -ne 0 ] || passed=true
plan=$(sed -n 's/^ *"hash": "\([0-9a-f]*\)".*/\1/p' "$report" | head -n 1)
{
	echo "passed=$passed"
	echo "plan=$plan"
	echo "report=$report"
} >>"$GITHUB_OUTPUT"
exit "$status"
