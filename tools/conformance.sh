#!/bin/sh
# Runs what stands behind the ports against what stands in for AWS: the suite that
# every cloud passes, names and secrets against moto, which is installed into
# build/venv and runs only as long as this does; and the certificates against pebble
# of build/pebble, which each test starts for itself. Then a whole fleet of the
# programs in build/: mainstay serve, and an agent and a database for each instance.
set -eu
cd "$(dirname "$0")/.."
GO="${GO:-go}" TAGS="${TAGS:-gms_pure_go}" PYTHON="${PYTHON:-python3}"
moto=5.2.5
venv=build/venv
stamp="$venv/moto-$moto"
work=$(mktemp -d)
server=

finish() {
	status=$?
	trap - EXIT
	if [ -n "$server" ]; then
		kill "$server" 2>/dev/null || true
		wait "$server" 2>/dev/null || true
	fi
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

port=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$work/moto.log" 2>&1 &
server=$!

# The server listens before it answers; its own page says when it does.
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

echo "conformance: moto $moto on 127.0.0.1:$port"
export MAINSTAY_TEST_MOTO="http://127.0.0.1:$port" MAINSTAY_TEST_PEBBLE="$PWD/build/pebble" MAINSTAY_TEST_BUILD="$PWD/build"

try() {
	"$GO" test -tags "$TAGS" -count=1 -v "$@" >"$work/test.log" 2>&1 || {
		cat "$work/test.log"
		exit 1
	}
	grep -E '^ *--- |requests of|deployments serve|^ok' "$work/test.log"
}

try -timeout 10m ./reconciler/ec2/... ./reconciler/route53 ./reconciler/secretsmanager ./reconciler/acme ./agent/cloudwatch
# By itself: it starts some seventy programs, and is bounded in time.
try -timeout 5m -run TestEC2 ./cmd/mainstay/e2e
