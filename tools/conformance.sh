#!/bin/sh
# Runs what stands behind the ports against what stands in for AWS and for a public
# authority: the suite that every cloud passes, names, secrets and metrics against
# moto, the certificates against pebble, a whole fleet on EC2 with a real agent
# and a real database for each of moto's instances, and what goes to GitHub against
# the description that it publishes. moto is installed into build/venv;
# each part gets one of its own, as it slows down with what it holds.
set -eu
cd "$(dirname "$0")/.."
GO="${GO:-go}" TAGS="${TAGS:-gms_pure_go}" PYTHON="${PYTHON:-python3}"
moto=5.2.5
venv=build/venv
stamp="$venv/moto-$moto"
work=$(mktemp -d)
server=

stop() {
	if [ -n "$server" ]; then
		kill "$server" 2>/dev/null || true
		wait "$server" 2>/dev/null || true
		server=
	fi
}

finish() {
	status=$?
	trap - EXIT
	stop
	rm -rf "$work"
	exit "$status"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

if [ ! -e "$stamp" ]; then
	echo "conformance: installing moto $moto into $venv"
	rm -rf "$venv"
	mkdir -p "$(dirname "$venv")"
	"$PYTHON" -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check "moto[server]==$moto"
	: >"$stamp"
fi

# start has a fresh moto answer. It listens before it answers; its own page says when
# it does.
start() {
	# Below what is given to connections, one of which could have it before moto listens.
	port=$("$venv/bin/python" -c '
import random, socket
while True:
    try:
        s = socket.socket()
        s.bind(("127.0.0.1", random.randrange(10000, 15000)))
        break
    except OSError:
        s.close()
print(s.getsockname()[1])')
	"$venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$work/moto.log" 2>&1 &
	server=$!
	"$venv/bin/python" - "$port" "$server" <<'PY' || { cat "$work/moto.log" >&2; exit 1; }
import os, sys, time, urllib.request
port, pid = sys.argv[1], int(sys.argv[2])
end = time.monotonic() + 60
while True:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/data.json", timeout=5).read()
        break
    except OSError as e:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            sys.exit("moto ended while starting")
        if time.monotonic() > end:
            sys.exit(f"moto does not answer on port {port}: {e}")
        time.sleep(0.1)
PY
	export MAINSTAY_TEST_MOTO="http://127.0.0.1:$port"
}

export MAINSTAY_TEST_PEBBLE="$PWD/build/pebble" MAINSTAY_TEST_BUILD="$PWD/build"

# try runs tests with a moto of their own.
try() {
	start
	run "$@"
	stop
}

# run runs tests and prints what they say of requests.
run() {
	echo "conformance: $*"
	"$GO" test -tags "$TAGS" -count=1 -v "$@" >"$work/test.log" 2>&1 || {
		cat "$work/test.log"
		exit 1
	}
	grep -E '^--- |^ *--- (FAIL|SKIP)|requests of|examples of|kinds of events|requests that|deployments serve|per 100|^ok' "$work/test.log"
}

try -timeout 10m -run '^(TestWorldIsACloud|TestPort|TestConformance|TestAdapterOverIt)$' ./reconciler/sim ./reconciler/local ./reconciler/ec2/...
try -timeout 10m -skip "^TestConformance$" ./reconciler/ec2 ./reconciler/mototest/...
try -timeout 10m ./reconciler/route53 ./reconciler/secretsmanager ./reconciler/acme ./agent/cloudwatch
try -timeout 5m -run EC2 ./cmd/mainstay
sh tools/github.sh
export MAINSTAY_TEST_GITHUB="$PWD/build/github"
run -timeout 5m ./webhooks/...
run -timeout 5m -run 'TestGitHub$|TestGitHubApproval' ./cmd/mainstay/e2e
# By itself: it starts some seventy programs, and is bounded in time.
try -timeout 15m -run TestEC2 ./cmd/mainstay/e2e
