#!/bin/sh
# Checks deploy/ with the tools that its users have: packer, cfn-lint, parliament,
# systemd-analyze, promtool, shellcheck. They are installed below build/ at the first
# run, at pinned versions; packer's is the last under the MPL. A check whose tool is
# not to be had is said at the end, in capitals, and never passed over in silence.
#   tools/deploy.sh [scripts|stacks|units|alerts|images|files]...
set -eu
cd "$(dirname "$0")/.."
GO="${GO:-go}" PYTHON="${PYTHON:-python3}"
tools=$PWD/build/tools
venv=build/venv-deploy
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
skipped=
# Packer asks its maker for news, and Python writes beside what it reads.
export CHECKPOINT_DISABLE=1 PACKER_PLUGIN_PATH="$work/plugins" PACKER_CONFIG_DIR="$work" PYTHONDONTWRITEBYTECODE=1

say() { echo "deploy: $*"; }
fail() {
	echo "deploy: $*" >&2
	exit 1
}
skip() {
	echo "deploy: SKIPPED: $*" >&2
	skipped="$skipped
  $*"
}

install_python() {
	stamp="$venv/$(cksum <tools/deploy/requirements.txt | cut -d ' ' -f 1)"
	if [ -e "$stamp" ]; then
		return
	fi
	say "installing cfn-lint, parliament and shellcheck into $venv"
	rm -rf "$venv"
	"$PYTHON" -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement tools/deploy/requirements.txt
	: >"$stamp"
}

install_go() { # name, package, tags
	if [ -x "$tools/$1" ] && [ "$tools/$1" -nt "tools/$1/go.sum" ]; then
		return
	fi
	say "building $1 (the first time takes some minutes)"
	mkdir -p "$tools"
	(cd "tools/$1" && "$GO" build -tags "$3" -ldflags '-s -w' -o "$tools/$1" "$2")
}

install_systemd() {
	if command -v systemd-analyze >/dev/null; then
		return
	fi
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		say "installing systemd, for systemd-analyze"
		apt-get update -q >"$work/apt" 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends systemd >>"$work/apt" 2>&1 || true
	fi
}

check_images() {
	say "packer fmt, validate -syntax-only"
	"$tools/packer" fmt -check -diff deploy/ami || fail "run: build/tools/packer fmt deploy/ami"
	"$tools/packer" validate -syntax-only -var-file=deploy/ami/example.pkrvars.hcl deploy/ami >"$work/out" || fail "$(cat "$work/out")"
	say "packer validate, of both roles on both architectures"
	# This packer has the plugin for AWS in it, so what asks to fetch one is left out.
	# Nothing is asked of AWS: the keys are nobody's.
	mkdir -p "$work/deploy"
	cp -r deploy/ami deploy/systemd deploy/cloudwatch "$work/deploy"
	rm "$work/deploy/ami/plugins.pkr.hcl"
	: >"$work/program"
	for role in machine reconciler; do
		for arch in arm64 amd64; do
			AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none AWS_EC2_METADATA_DISABLED=true \
				"$tools/packer" validate -var-file=deploy/ami/example.pkrvars.hcl -var "program=$work/program" \
				-var "role=$role" -var "arch=$arch" "$work/deploy/ami" >"$work/out" 2>&1 || fail "$role, $arch: $(cat "$work/out")"
		done
	done
}

check_stacks() {
	say "cfn-lint"
	"$venv/bin/cfn-lint" --include-checks I --non-zero-exit-code informational -- deploy/cloudformation/*.yaml
	say "parliament"
	"$venv/bin/python" -W ignore::UserWarning tools/deploy/policies.py deploy/iam/*.json
}

# The units' programs are made up in a root of their own, empty but executable.
check_units() {
	if ! command -v systemd-analyze >/dev/null; then
		skip "the units: systemd-analyze is missing; install the package systemd"
		return
	fi
	say "systemd-analyze verify"
	root="$work/root"
	mkdir -p "$root/etc/systemd/system" "$root/usr/lib/systemd"
	for dir in /usr/lib/systemd/system /lib/systemd/system; do
		if [ -d "$dir" ] && [ ! -e "$root/usr/lib/systemd/system" ]; then
			cp -r "$dir" "$root/usr/lib/systemd/system"
		fi
	done
	ln -s usr/lib "$root/lib"
	cp deploy/systemd/* "$root/etc/systemd/system/"
	sed -n 's/^Exec[A-Za-z]*=[-@:+!]*\(\/[^ ]*\).*/\1/p' deploy/systemd/* | sort -u | while read -r program; do
		mkdir -p "$root$(dirname "$program")"
		: >"$root$program"
		chmod +x "$root$program"
	done
	for unit in deploy/systemd/*; do
		name=$(basename "$unit")
		result=0
		systemd-analyze verify --man=no --root="$root" "$root/etc/systemd/system/$name" >"$work/out" 2>&1 || result=$?
		# What it only warns of (a key that it does not know) it would pass over on the
		# machine too. Of the system's own units, which ours pull in, it may say anything.
		if grep -F "$name" "$work/out" >"$work/ours" || [ "$result" != 0 ]; then
			fail "$name: $(cat "$work/out")"
		fi
	done
}

check_alerts() {
	say "promtool check rules, test rules"
	"$tools/promtool" check rules --lint=all --lint-fatal deploy/prometheus/rules.yml >"$work/out" 2>&1 || fail "$(cat "$work/out")"
	"$tools/promtool" test rules deploy/prometheus/rules_test.yml >"$work/out" 2>&1 || fail "$(cat "$work/out")"
}

check_scripts() {
	say "shellcheck"
	"$venv/bin/shellcheck" deploy/ami/scripts/*.sh deploy/ami/files/cloudwatch-config deploy/ami/files/hub-password tools/deploy.sh ci/action/review.sh tools/github.sh tools/conformance.sh
}

check_files() {
	say "JSON, and each file against the others"
	find deploy -name '*.json' | while read -r file; do
		"$venv/bin/python" -m json.tool "$file" >/dev/null || fail "$file is not JSON"
	done
	"$GO" test -count=1 ./deploy
}

install_python
install_go promtool github.com/prometheus/prometheus/cmd/promtool remove_all_sd
install_go packer github.com/hashicorp/packer ''
install_systemd
[ $# -gt 0 ] || set -- scripts stacks units alerts images files
for check in "$@"; do
	"check_$check"
done
if [ -n "$skipped" ]; then
	say "done, but NOT ALL WAS CHECKED:$skipped" >&2
else
	say "done"
fi
