#!/bin/sh
# Writes the generated code, or with a directory as argument writes it there, so
# that it can be compared. The plugins are pinned in tools/dev/go.mod.
set -eu
out="${1:-.}"
cd "$(dirname "$0")/../agent/agentpb"
"${GO:-go}" tool -modfile=../../tools/dev/go.mod buf generate -o "$out"
