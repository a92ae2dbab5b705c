#!/bin/sh
# Installs what GitHub publishes about itself into build/github: the description of
# its API, and examples of the payloads of its events. The tests find it there by
# MAINSTAY_TEST_GITHUB. Then it holds the action against the form that GitHub asks for.
set -eu
cd "$(dirname "$0")/.."
NPM="${NPM:-npm}"
# The description that the fake was made by. A newer one is a decision: GitHub takes
# fields away, and this shows it.
openapi=23.0.2
examples=7.6.1
validator=0.6.0
dir=build/github
stamp="$dir/openapi-$openapi-examples-$examples-validator-$validator"

if [ ! -e "$stamp" ]; then
	echo "github: installing @octokit/openapi $openapi, @octokit/webhooks-examples $examples and @action-validator/cli $validator into $dir"
	rm -rf "$dir"
	mkdir -p "$dir"
	"$NPM" install --prefix "$dir" --silent --no-audit --no-fund --ignore-scripts --no-save "@octokit/openapi@$openapi" "@octokit/webhooks-examples@$examples" \
		"@action-validator/cli@$validator" "@action-validator/core@$validator"
	# The package has every version of GitHub Enterprise besides, each as large.
	find "$dir/node_modules/@octokit/openapi/generated" -name '*.json' ! -name api.github.com.json -exec rm {} +
	: >"$stamp"
fi
"$dir/node_modules/.bin/action-validator" ci/action/action.yml
