#!/bin/sh
# Installs what GitHub publishes about itself into build/github: the description of
# its API, and examples of the payloads of its events. The tests find it there by
# MAINSTAY_TEST_GITHUB. Nothing of it is run.
set -eu
cd "$(dirname "$0")/.."
NPM="${NPM:-npm}"
# The description that the fake was made by. A newer one is a decision: GitHub takes
# fields away, and this shows it.
openapi=23.0.2
examples=7.6.1
dir=build/github
stamp="$dir/openapi-$openapi-examples-$examples"

if [ -e "$stamp" ]; then
	exit 0
fi
echo "github: installing @octokit/openapi $openapi and @octokit/webhooks-examples $examples into $dir"
rm -rf "$dir"
mkdir -p "$dir"
"$NPM" install --prefix "$dir" --silent --no-audit --no-fund --ignore-scripts --no-save "@octokit/openapi@$openapi" "@octokit/webhooks-examples@$examples"
# The package has every version of GitHub Enterprise besides, each as large.
find "$dir/node_modules/@octokit/openapi/generated" -name '*.json' ! -name api.github.com.json -exec rm {} +
: >"$stamp"
